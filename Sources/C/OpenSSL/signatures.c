#include "copenssl.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

static EVP_PKEY *key_of(const assay_key *key) { return (EVP_PKEY *)key; }

static int is_signing(const EVP_PKEY *key) {
  return EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 || EVP_PKEY_get_base_id(key) == EVP_PKEY_EC;
}

// Ed25519 hashes by itself; ECDSA signs the SHA-256.
static const EVP_MD *digest_of(const EVP_PKEY *key) {
  return EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256();
}

assay_key *assay_signing_key_new(void) {
  ERR_clear_error();
  return (assay_key *)EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
}

assay_key *assay_public_key_read(const void *pem, size_t length) {
  ERR_clear_error();
  BIO *bio = length <= INT_MAX ? BIO_new_mem_buf(pem, (int)length) : NULL;
  if (!bio) return NULL;
  EVP_PKEY *key = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
  BIO_free(bio);
  return (assay_key *)key;
}

size_t assay_public_key_write(const assay_key *key, void *pem, size_t capacity) {
  BIO *bio = BIO_new(BIO_s_mem());
  if (!bio) return 0;
  size_t written = 0;
  char *data = NULL;
  if (PEM_write_bio_PUBKEY(bio, key_of(key)) == 1) {
    long length = BIO_get_mem_data(bio, &data);
    if (length > 0 && (size_t)length <= capacity) {
      memcpy(pem, data, (size_t)length);
      written = (size_t)length;
    }
  }
  BIO_free(bio);
  return written;
}

int assay_public_key_digest(const assay_key *key, uint8_t *digest) {
  uint8_t *der = NULL;
  int length = i2d_PUBKEY(key_of(key), &der);
  if (length <= 0) return 0;
  int done = assay_sha256(der, (size_t)length, digest);
  OPENSSL_free(der);
  return done;
}

int assay_key_can_sign(const assay_key *key) { return is_signing(key_of(key)); }

size_t assay_sign(const assay_key *key, const void *bytes, size_t length, void *signature, size_t capacity) {
  ERR_clear_error();
  if (!is_signing(key_of(key))) return 0;
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  if (!context) return 0;
  size_t written = capacity;
  int done = EVP_DigestSignInit(context, NULL, digest_of(key_of(key)), NULL, key_of(key)) == 1 &&
             EVP_DigestSign(context, signature, &written, bytes, length) == 1;
  EVP_MD_CTX_free(context);
  return done ? written : 0;
}

int assay_verify(const assay_key *key, const void *bytes, size_t length, const void *signature, size_t signature_length) {
  ERR_clear_error();
  if (!is_signing(key_of(key))) return 0;
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  if (!context) return 0;
  int done = EVP_DigestVerifyInit(context, NULL, digest_of(key_of(key)), NULL, key_of(key)) == 1 &&
             EVP_DigestVerify(context, signature, signature_length, bytes, length) == 1;
  EVP_MD_CTX_free(context);
  ERR_clear_error();
  return done;
}
