#pragma once
#include <stddef.h>
#include <stdint.h>

/// The system's libssl and libcrypto (3.0 or later), wrapped once: memory-only TLS sessions, certificates and digests.
/// No function here blocks, opens a socket or a file, or keeps a pointer that the caller lends, unless it says so.

#pragma mark Digests

/// SHA-256 of `length` bytes into the 32 bytes at `digest`. 1, or 0 if the library refuses.
int assay_sha256(const void *bytes, size_t length, uint8_t *digest);

/// HMAC-SHA-256 of `length` bytes under `key` into the 32 bytes at `digest`. 1, or 0 if the library refuses.
int assay_hmac_sha256(const void *key, size_t key_length, const void *bytes, size_t length, uint8_t *digest);

/// Fills `bytes` from the library's seeded generator. 1, or 0 if there is no entropy.
int assay_random(void *bytes, size_t length);

#pragma mark Errors

/// The reason of the newest error that the library has queued on this thread, as text; the queue is empty afterwards.
/// Cut to `capacity` with its final zero. Returns whether there was one.
int assay_openssl_error(char *text, size_t capacity);

#pragma mark Keys and certificates

typedef struct assay_key assay_key;
typedef struct assay_certificate assay_certificate;

/// A new private key on the curve P-256.
assay_key *assay_key_new(void);
/// The first private key of a PEM text; NULL for none, or an encrypted one.
assay_key *assay_key_read(const void *pem, size_t length);
void assay_key_free(assay_key *key);
/// PKCS #8 PEM into `pem`. Its length, 0 if it fails or does not fit.
size_t assay_key_write(const assay_key *key, void *pem, size_t capacity);

/// The first certificate of a PEM text.
assay_certificate *assay_certificate_read(const void *pem, size_t length);
void assay_certificate_free(assay_certificate *certificate);
size_t assay_certificate_write(const assay_certificate *certificate, void *pem, size_t capacity);

/// Subject in one line (RFC 2253), as a C string cut to `capacity`.
void assay_certificate_subject(const assay_certificate *certificate, char *text, size_t capacity);
/// Validity in seconds since the Unix epoch.
int64_t assay_certificate_not_before(const assay_certificate *certificate);
int64_t assay_certificate_not_after(const assay_certificate *certificate);
int assay_certificate_is_authority(const assay_certificate *certificate);
/// Whether `key` is the private half of the certificate's key.
int assay_certificate_matches(const assay_certificate *certificate, const assay_key *key);
/// Whether `authority` signed it.
int assay_certificate_is_signed_by(const assay_certificate *certificate, const assay_certificate *authority);
/// Whether the first certificate of the PEM text `chain` leads, over the others in it, to one of `authorities` (PEM).
int assay_chain_leads_to(const void *chain, size_t chain_length, const void *authorities, size_t authorities_length);

enum { assay_name_uri = 1, assay_name_dns = 2, assay_name_ip = 3, assay_name_other = 4 };
/// Kind of the subject alternative name at `index`, its text (cut to `capacity`) in `text`; 0 beyond the last one.
int assay_certificate_name(const assay_certificate *certificate, int index, char *text, size_t capacity);

/// A new certificate for the public half of `key`.
/// `names`: subject alternative names in OpenSSL's notation ("URI:a,DNS:b,IP:c"), checked by the caller; NULL for none.
/// `issuer` and `issuer_key`: NULL for a self-signed authority. Anything else is a leaf for both ends of TLS.
assay_certificate *assay_certificate_issue(
  const char *common_name, const assay_key *key, const char *names, int64_t not_before, int64_t not_after,
  const assay_certificate *issuer, const assay_key *issuer_key);

#pragma mark Signatures

/// A new private key for signatures: Ed25519.
assay_key *assay_signing_key_new(void);
/// The public key of a PEM text (SubjectPublicKeyInfo); NULL for none.
assay_key *assay_public_key_read(const void *pem, size_t length);
/// The public half as PEM. Its length, 0 if it fails or does not fit.
size_t assay_public_key_write(const assay_key *key, void *pem, size_t capacity);
/// SHA-256 of the public half's SubjectPublicKeyInfo into the 32 bytes at `digest`. 1, or 0.
int assay_public_key_digest(const assay_key *key, uint8_t *digest);
/// Whether it is of a kind that is used here: Ed25519, or ECDSA on any curve.
int assay_key_can_sign(const assay_key *key);
/// The signature's length, 0 if it fails or does not fit.
size_t assay_sign(const assay_key *key, const void *bytes, size_t length, void *signature, size_t capacity);
/// Whether the holder of the key's private half signed the bytes.
int assay_verify(const assay_key *key, const void *bytes, size_t length, const void *signature, size_t signature_length);

#pragma mark TLS

typedef struct assay_tls_context assay_tls_context;
typedef struct assay_tls assay_tls;

/// What could not be used.
enum {
  assay_tls_context_ok = 0,
  assay_tls_context_library = 1,
  assay_tls_context_chain = 2,
  assay_tls_context_key = 3,
  assay_tls_context_authority = 4,
};

/// TLS 1.3 only. PEM texts: `chain` (leaf first) with `key`, NULL for a client without a certificate; `authorities` that
/// peers are verified against, NULL to verify none. Every peer must then present a certificate.
assay_tls_context *assay_tls_context_new(
  int is_server, const void *chain, size_t chain_length, const void *key, size_t key_length,
  const void *authorities, size_t authorities_length, int *problem);
void assay_tls_context_free(assay_tls_context *context);

/// Results of the calls below. Positive: bytes moved (or 1 for the handshake).
enum {
  /// More of the peer's bytes are needed.
  assay_tls_wants_input = 0,
  /// See `assay_tls_error`. The session can only be freed, after its output (an alert) has been sent.
  assay_tls_failed = -1,
  /// The peer has ended the session in order.
  assay_tls_closed = -2,
};

/// A session of one connection. `server_name`: for SNI, NULL for none or an address.
assay_tls *assay_tls_new(assay_tls_context *context, const char *server_name);
void assay_tls_free(assay_tls *tls);

/// Lends the peer's bytes until `assay_tls_end_input`, which returns how many were left unread.
void assay_tls_lend_input(assay_tls *tls, const void *bytes, size_t length);
size_t assay_tls_end_input(assay_tls *tls);

/// Lends memory for bytes to the peer until `assay_tls_end_output`, which returns how many were put there. What does not
/// fit is kept: `assay_tls_take_output` moves it out afterwards.
void assay_tls_lend_output(assay_tls *tls, void *bytes, size_t capacity);
size_t assay_tls_end_output(assay_tls *tls);
size_t assay_tls_kept_output(const assay_tls *tls);
size_t assay_tls_take_output(assay_tls *tls, void *bytes, size_t capacity);

int assay_tls_handshake(assay_tls *tls);
int assay_tls_read(assay_tls *tls, void *bytes, size_t capacity);
int assay_tls_write(assay_tls *tls, const void *bytes, size_t length);
/// Tells the peer that nothing more comes.
void assay_tls_shutdown(assay_tls *tls);

/// Why the last call failed, as a C string cut to `capacity`. Returns whether the peer refused (an alert).
int assay_tls_error(const assay_tls *tls, char *text, size_t capacity);
/// The peer's verified certificate, to be freed; NULL for none.
assay_certificate *assay_tls_peer(const assay_tls *tls);
