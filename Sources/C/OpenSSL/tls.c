#include "copenssl.h"

#include <limits.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Read-ahead: one BIO_read takes several records.
enum { read_buffer_size = 64 * 1024 };

struct assay_tls {
  SSL *ssl;
  const uint8_t *input;
  size_t input_length;
  uint8_t *output;
  size_t output_length, output_capacity;
  // Output that no memory was lent for: handshake messages, alerts, key updates.
  uint8_t *kept;
  size_t kept_length, kept_capacity;
  // Of the last failed call: reason, and whether it is the peer's alert.
  char error[256];
  int is_refused;
};

// At exit libcrypto would free its locks while event loops still close their connections: a program that had done its work was seen to end
// with SIGSEGV. The kernel takes the memory back. First call of the library, or it has no effect (OPENSSL_init_crypto(3)).
__attribute__((constructor)) static void keep_until_the_end(void) { OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL); }

#pragma mark The BIO over lent memory

static int keep(assay_tls *tls, const void *bytes, size_t length) {
  if (length > tls->kept_capacity - tls->kept_length) {
    size_t capacity = (tls->kept_length + length) * 2;
    uint8_t *kept = realloc(tls->kept, capacity);
    if (!kept) return 0;
    tls->kept = kept;
    tls->kept_capacity = capacity;
  }
  memcpy(tls->kept + tls->kept_length, bytes, length);
  tls->kept_length += length;
  return 1;
}

static int bio_write(BIO *bio, const char *bytes, int length) {
  assay_tls *tls = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  if (length <= 0) return 0;
  size_t count = (size_t)length;
  // Once something is kept, what follows must go behind it.
  if (tls->kept_length == 0 && count <= tls->output_capacity - tls->output_length) {
    memcpy(tls->output + tls->output_length, bytes, count);
    tls->output_length += count;
    return length;
  }
  return keep(tls, bytes, count) ? length : -1;
}

static int bio_read(BIO *bio, char *bytes, int length) {
  assay_tls *tls = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  if (length <= 0) return 0;
  if (tls->input_length == 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  size_t count = (size_t)length < tls->input_length ? (size_t)length : tls->input_length;
  memcpy(bytes, tls->input, count);
  tls->input += count;
  tls->input_length -= count;
  return (int)count;
}

static long bio_control(BIO *bio, int command, long number, void *pointer) {
  (void)bio, (void)number, (void)pointer;
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static BIO_METHOD *bio_method;

static void make_bio_method(void) {
  BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "assay memory");
  if (!method) return;
  BIO_meth_set_write(method, bio_write);
  BIO_meth_set_read(method, bio_read);
  BIO_meth_set_ctrl(method, bio_control);
  bio_method = method;
}

static BIO *new_bio(assay_tls *tls) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, make_bio_method);
  if (!bio_method) return NULL;
  BIO *bio = BIO_new(bio_method);
  if (!bio) return NULL;
  BIO_set_data(bio, tls);
  BIO_set_init(bio, 1);
  return bio;
}

#pragma mark Contexts

static BIO *reader(const void *bytes, size_t length) {
  return length <= INT_MAX ? BIO_new_mem_buf(bytes, (int)length) : NULL;
}

static int no_password(char *buffer, int size, int writing, void *data) {
  (void)buffer, (void)size, (void)writing, (void)data;
  return -1;
}

static int use_chain(SSL_CTX *context, const void *pem, size_t length) {
  BIO *bio = reader(pem, length);
  if (!bio) return 0;
  X509 *leaf = PEM_read_bio_X509(bio, NULL, no_password, NULL);
  int used = leaf && SSL_CTX_use_certificate(context, leaf) == 1;
  X509_free(leaf);
  X509 *next;
  while (used && (next = PEM_read_bio_X509(bio, NULL, no_password, NULL))) {
    used = SSL_CTX_add0_chain_cert(context, next) == 1;
    if (!used) X509_free(next);
  }
  BIO_free(bio);
  // The end of the text is an error in the library's eyes.
  if (used) ERR_clear_error();
  return used;
}

static int use_key(SSL_CTX *context, const void *pem, size_t length) {
  BIO *bio = reader(pem, length);
  if (!bio) return 0;
  EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
  BIO_free(bio);
  int used = key && SSL_CTX_use_PrivateKey(context, key) == 1 && SSL_CTX_check_private_key(context) == 1;
  EVP_PKEY_free(key);
  return used;
}

static int trust(SSL_CTX *context, int is_server, const void *pem, size_t length) {
  BIO *bio = reader(pem, length);
  if (!bio) return 0;
  int count = 0, trusted = 1;
  X509 *authority;
  while (trusted && (authority = PEM_read_bio_X509(bio, NULL, no_password, NULL))) {
    trusted = X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority) == 1;
    if (trusted && is_server) trusted = SSL_CTX_add_client_CA(context, authority) == 1;
    X509_free(authority);
    count += 1;
  }
  BIO_free(bio);
  if (trusted && count > 0) ERR_clear_error();
  return trusted && count > 0;
}

assay_tls_context *assay_tls_context_new(
  int is_server, const void *chain, size_t chain_length, const void *key, size_t key_length,
  const void *authorities, size_t authorities_length, int *problem) {
  ERR_clear_error();
  *problem = assay_tls_context_library;
  SSL_CTX *context = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
  if (!context) return NULL;
  int is_set = SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1
    && SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1
    // All of them are sound; the cheapest one for processors with AES goes first.
    && SSL_CTX_set_ciphersuites(
      context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256") == 1;
  if (!is_set) goto fail;
  // Peers have the authority's certificate: it is not sent along.
  SSL_CTX_set_mode(context, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_AUTO_RETRY | SSL_MODE_NO_AUTO_CHAIN);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_default_read_buffer_len(context, read_buffer_size);
  // Every connection shows its certificate anew: no resumption.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 0);
  if (chain) {
    *problem = assay_tls_context_chain;
    if (!use_chain(context, chain, chain_length)) goto fail;
    *problem = assay_tls_context_key;
    if (!use_key(context, key, key_length)) goto fail;
  }
  if (authorities) {
    *problem = assay_tls_context_authority;
    if (!trust(context, is_server, authorities, authorities_length)) goto fail;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
  }
  *problem = assay_tls_context_ok;
  return (assay_tls_context *)context;
fail:
  SSL_CTX_free(context);
  return NULL;
}

void assay_tls_context_free(assay_tls_context *context) { SSL_CTX_free((SSL_CTX *)context); }

#pragma mark Sessions

assay_tls *assay_tls_new(assay_tls_context *context, const char *server_name) {
  ERR_clear_error();
  assay_tls *tls = calloc(1, sizeof *tls);
  if (!tls) return NULL;
  tls->ssl = SSL_new((SSL_CTX *)context);
  BIO *bio = tls->ssl ? new_bio(tls) : NULL;
  if (!bio || (server_name && SSL_set_tlsext_host_name(tls->ssl, server_name) != 1)) {
    BIO_free(bio);
    SSL_free(tls->ssl);
    free(tls);
    return NULL;
  }
  // One reference serves both directions.
  SSL_set_bio(tls->ssl, bio, bio);
  if (SSL_is_server(tls->ssl)) {
    SSL_set_accept_state(tls->ssl);
  } else {
    SSL_set_connect_state(tls->ssl);
  }
  return tls;
}

void assay_tls_free(assay_tls *tls) {
  if (!tls) return;
  SSL_free(tls->ssl);
  free(tls->kept);
  free(tls);
}

void assay_tls_lend_input(assay_tls *tls, const void *bytes, size_t length) {
  tls->input = bytes;
  tls->input_length = length;
}

size_t assay_tls_end_input(assay_tls *tls) {
  size_t left = tls->input_length;
  tls->input = NULL;
  tls->input_length = 0;
  return left;
}

void assay_tls_lend_output(assay_tls *tls, void *bytes, size_t capacity) {
  tls->output = bytes;
  tls->output_length = 0;
  tls->output_capacity = capacity;
}

size_t assay_tls_end_output(assay_tls *tls) {
  size_t written = tls->output_length;
  tls->output = NULL;
  tls->output_length = tls->output_capacity = 0;
  return written;
}

size_t assay_tls_kept_output(const assay_tls *tls) { return tls->kept_length; }

size_t assay_tls_take_output(assay_tls *tls, void *bytes, size_t capacity) {
  size_t count = tls->kept_length < capacity ? tls->kept_length : capacity;
  if (count == 0) return 0;
  memcpy(bytes, tls->kept, count);
  tls->kept_length -= count;
  memmove(tls->kept, tls->kept + count, tls->kept_length);
  return count;
}

// The one place that knows what a call's return value asks for.
static int result(assay_tls *tls, int returned) {
  if (returned > 0) return returned;
  switch (SSL_get_error(tls->ssl, returned)) {
  case SSL_ERROR_WANT_READ:
    return assay_tls_wants_input;
  case SSL_ERROR_ZERO_RETURN:
    return assay_tls_closed;
  default:
    break;
  }
  unsigned long code = ERR_peek_last_error();
  tls->is_refused = ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) > SSL_AD_REASON_OFFSET;
  int is_unverified = ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED;
  long verified = SSL_get_verify_result(tls->ssl);
  char reason[200];
  if (!assay_openssl_error(reason, sizeof reason)) snprintf(reason, sizeof reason, "the connection ended early");
  if (is_unverified && verified != X509_V_OK) {
    snprintf(tls->error, sizeof tls->error, "%s: %s", reason, X509_verify_cert_error_string(verified));
  } else {
    snprintf(tls->error, sizeof tls->error, "%s", reason);
  }
  return assay_tls_failed;
}

int assay_tls_handshake(assay_tls *tls) {
  ERR_clear_error();
  return result(tls, SSL_do_handshake(tls->ssl));
}

int assay_tls_read(assay_tls *tls, void *bytes, size_t capacity) {
  ERR_clear_error();
  return result(tls, SSL_read(tls->ssl, bytes, capacity < INT_MAX ? (int)capacity : INT_MAX));
}

int assay_tls_write(assay_tls *tls, const void *bytes, size_t length) {
  ERR_clear_error();
  return result(tls, SSL_write(tls->ssl, bytes, length < INT_MAX ? (int)length : INT_MAX));
}

void assay_tls_shutdown(assay_tls *tls) {
  ERR_clear_error();
  SSL_shutdown(tls->ssl);
  ERR_clear_error();
}

int assay_tls_error(const assay_tls *tls, char *text, size_t capacity) {
  if (capacity > 0) snprintf(text, capacity, "%s", tls->error);
  return tls->is_refused;
}

assay_certificate *assay_tls_peer(const assay_tls *tls) {
  return (assay_certificate *)SSL_get1_peer_certificate(tls->ssl);
}
