#include "copenssl.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <limits.h>

int assay_sha256(const void *bytes, size_t length, uint8_t *digest) {
  return EVP_Digest(bytes, length, digest, NULL, EVP_sha256(), NULL) == 1;
}

int assay_hmac_sha256(const void *key, size_t key_length, const void *bytes, size_t length, uint8_t *digest) {
  if (key_length > INT_MAX) return 0;
  unsigned int written = 0;
  return HMAC(EVP_sha256(), key, (int)key_length, bytes, length, digest, &written) != NULL && written == 32;
}

int assay_random(void *bytes, size_t length) {
  return length <= INT_MAX && RAND_bytes(bytes, (int)length) == 1;
}
