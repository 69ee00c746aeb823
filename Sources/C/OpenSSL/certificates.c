#include "copenssl.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

// The handles of the header are the library's own objects by another name.
static EVP_PKEY *key_of(const assay_key *key) { return (EVP_PKEY *)key; }
static X509 *x509_of(const assay_certificate *certificate) { return (X509 *)certificate; }

static BIO *reader(const void *bytes, size_t length) {
  return length <= INT_MAX ? BIO_new_mem_buf(bytes, (int)length) : NULL;
}

// Moves what was written to `bio` into `bytes` and frees it. 0 if it does not fit.
static size_t drain(BIO *bio, void *bytes, size_t capacity) {
  char *data = NULL;
  long length = BIO_get_mem_data(bio, &data);
  size_t written = 0;
  if (length > 0 && (size_t)length <= capacity) {
    memcpy(bytes, data, (size_t)length);
    written = (size_t)length;
  }
  BIO_free(bio);
  return written;
}

// Never asks at a terminal: an encrypted key is refused instead.
static int no_password(char *buffer, int size, int writing, void *data) {
  (void)buffer, (void)size, (void)writing, (void)data;
  return -1;
}

assay_key *assay_key_new(void) { return (assay_key *)EVP_EC_gen("P-256"); }

assay_key *assay_key_read(const void *pem, size_t length) {
  ERR_clear_error();
  BIO *bio = reader(pem, length);
  if (!bio) return NULL;
  EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
  BIO_free(bio);
  return (assay_key *)key;
}

void assay_key_free(assay_key *key) { EVP_PKEY_free(key_of(key)); }

size_t assay_key_write(const assay_key *key, void *pem, size_t capacity) {
  BIO *bio = BIO_new(BIO_s_secmem());
  if (!bio) return 0;
  if (PEM_write_bio_PKCS8PrivateKey(bio, key_of(key), NULL, NULL, 0, NULL, NULL) != 1) {
    BIO_free(bio);
    return 0;
  }
  return drain(bio, pem, capacity);
}

assay_certificate *assay_certificate_read(const void *pem, size_t length) {
  ERR_clear_error();
  BIO *bio = reader(pem, length);
  if (!bio) return NULL;
  X509 *certificate = PEM_read_bio_X509(bio, NULL, no_password, NULL);
  BIO_free(bio);
  return (assay_certificate *)certificate;
}

void assay_certificate_free(assay_certificate *certificate) { X509_free(x509_of(certificate)); }

size_t assay_certificate_write(const assay_certificate *certificate, void *pem, size_t capacity) {
  BIO *bio = BIO_new(BIO_s_mem());
  if (!bio) return 0;
  if (PEM_write_bio_X509(bio, x509_of(certificate)) != 1) {
    BIO_free(bio);
    return 0;
  }
  return drain(bio, pem, capacity);
}

void assay_certificate_subject(const assay_certificate *certificate, char *text, size_t capacity) {
  if (capacity == 0) return;
  text[0] = 0;
  BIO *bio = BIO_new(BIO_s_mem());
  if (!bio) return;
  X509_NAME_print_ex(bio, X509_get_subject_name(x509_of(certificate)), 0, XN_FLAG_RFC2253);
  char *data = NULL;
  long length = BIO_get_mem_data(bio, &data);
  if (length > 0) snprintf(text, capacity, "%.*s", (int)length, data);
  BIO_free(bio);
}

static int64_t seconds(const ASN1_TIME *time) {
  struct tm parts = {0};
  return ASN1_TIME_to_tm(time, &parts) == 1 ? (int64_t)timegm(&parts) : 0;
}

int64_t assay_certificate_not_before(const assay_certificate *certificate) {
  return seconds(X509_get0_notBefore(x509_of(certificate)));
}

int64_t assay_certificate_not_after(const assay_certificate *certificate) {
  return seconds(X509_get0_notAfter(x509_of(certificate)));
}

int assay_certificate_is_authority(const assay_certificate *certificate) {
  return X509_check_ca(x509_of(certificate)) == 1;
}

int assay_certificate_matches(const assay_certificate *certificate, const assay_key *key) {
  int matches = X509_check_private_key(x509_of(certificate), key_of(key)) == 1;
  ERR_clear_error();
  return matches;
}

int assay_certificate_is_signed_by(const assay_certificate *certificate, const assay_certificate *authority) {
  EVP_PKEY *key = X509_get0_pubkey(x509_of(authority));
  int is_signed = key && X509_verify(x509_of(certificate), key) == 1;
  ERR_clear_error();
  return is_signed;
}

int assay_certificate_name(const assay_certificate *certificate, int index, char *text, size_t capacity) {
  if (capacity == 0) return 0;
  text[0] = 0;
  GENERAL_NAMES *names = X509_get_ext_d2i(x509_of(certificate), NID_subject_alt_name, NULL, NULL);
  if (!names) return 0;
  int kind = 0;
  if (index >= 0 && index < sk_GENERAL_NAME_num(names)) {
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, index);
    kind = assay_name_other;
    if (name->type == GEN_URI || name->type == GEN_DNS) {
      const ASN1_IA5STRING *value = name->d.ia5;
      const char *data = (const char *)ASN1_STRING_get0_data(value);
      int length = ASN1_STRING_length(value);
      // A zero byte within would make two readers see two names.
      if (!memchr(data, 0, (size_t)length) && (size_t)length < capacity) {
        snprintf(text, capacity, "%.*s", length, data);
        kind = name->type == GEN_URI ? assay_name_uri : assay_name_dns;
      }
    } else if (name->type == GEN_IPADD) {
      int length = ASN1_STRING_length(name->d.ip);
      const void *data = ASN1_STRING_get0_data(name->d.ip);
      int family = length == 4 ? AF_INET : length == 16 ? AF_INET6 : 0;
      if (family && inet_ntop(family, data, text, (socklen_t)capacity)) kind = assay_name_ip;
    }
  }
  GENERAL_NAMES_free(names);
  return kind;
}

static int add_extension(X509 *certificate, X509V3_CTX *context, int nid, const char *value) {
  X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, context, nid, value);
  if (!extension) return 0;
  int added = X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

static int set_random_serial(X509 *certificate) {
  uint8_t bytes[16];
  if (RAND_bytes(bytes, sizeof bytes) != 1) return 0;
  // Positive and not zero (RFC 5280, 4.1.2.2).
  bytes[0] = (bytes[0] & 0x7f) | 0x40;
  BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
  int set = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
  BN_free(number);
  return set;
}

static int fill(
  X509 *certificate, const char *common_name, EVP_PKEY *key, const char *names, int64_t not_before, int64_t not_after,
  X509 *issuer, EVP_PKEY *issuer_key) {
  if (X509_set_version(certificate, X509_VERSION_3) != 1 || !set_random_serial(certificate)) return 0;
  if (!ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)not_before)) return 0;
  if (!ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)not_after)) return 0;
  if (X509_set_pubkey(certificate, key) != 1) return 0;
  X509_NAME *subject = X509_get_subject_name(certificate);
  if (X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_UTF8, (const uint8_t *)"Assay", -1, -1, 0) != 1) return 0;
  if (X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const uint8_t *)common_name, -1, -1, 0) != 1) return 0;
  if (X509_set_issuer_name(certificate, X509_get_subject_name(issuer ? issuer : certificate)) != 1) return 0;

  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer ? issuer : certificate, certificate, NULL, NULL, 0);
  int added = add_extension(certificate, &context, NID_subject_key_identifier, "hash");
  if (issuer) {
    added = added && add_extension(certificate, &context, NID_authority_key_identifier, "keyid:always")
      && add_extension(certificate, &context, NID_basic_constraints, "critical,CA:FALSE")
      && add_extension(certificate, &context, NID_key_usage, "critical,digitalSignature")
      && add_extension(certificate, &context, NID_ext_key_usage, "serverAuth,clientAuth");
  } else {
    added = added && add_extension(certificate, &context, NID_basic_constraints, "critical,CA:TRUE,pathlen:0")
      && add_extension(certificate, &context, NID_key_usage, "critical,keyCertSign,cRLSign");
  }
  if (names) added = added && add_extension(certificate, &context, NID_subject_alt_name, names);
  return added && X509_sign(certificate, issuer_key, EVP_sha256()) > 0;
}

static STACK_OF(X509) *certificates_of(const void *pem, size_t length) {
  BIO *bio = reader(pem, length);
  if (!bio) return NULL;
  STACK_OF(X509) *all = sk_X509_new_null();
  X509 *next;
  while (all && (next = PEM_read_bio_X509(bio, NULL, no_password, NULL))) {
    if (!sk_X509_push(all, next)) X509_free(next);
  }
  BIO_free(bio);
  return all;
}

int assay_chain_leads_to(const void *chain, size_t chain_length, const void *authorities, size_t authorities_length) {
  STACK_OF(X509) *own = certificates_of(chain, chain_length);
  STACK_OF(X509) *trusted = certificates_of(authorities, authorities_length);
  X509_STORE_CTX *context = X509_STORE_CTX_new();
  int leads = 0;
  if (own && trusted && context && sk_X509_num(own) > 0 && X509_STORE_CTX_init(context, NULL, sk_X509_value(own, 0), own) == 1) {
    X509_STORE_CTX_set0_trusted_stack(context, trusted);
    leads = X509_verify_cert(context) == 1;
  }
  X509_STORE_CTX_free(context);
  sk_X509_pop_free(own, X509_free);
  sk_X509_pop_free(trusted, X509_free);
  ERR_clear_error();
  return leads;
}

assay_certificate *assay_certificate_issue(
  const char *common_name, const assay_key *key, const char *names, int64_t not_before, int64_t not_after,
  const assay_certificate *issuer, const assay_key *issuer_key) {
  ERR_clear_error();
  X509 *certificate = X509_new();
  if (!certificate) return NULL;
  EVP_PKEY *signer = issuer_key ? key_of(issuer_key) : key_of(key);
  if (!fill(certificate, common_name, key_of(key), names, not_before, not_after, x509_of(issuer), signer)) {
    X509_free(certificate);
    return NULL;
  }
  return (assay_certificate *)certificate;
}
