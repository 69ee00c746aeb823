#pragma once
#include <stddef.h>
#include <stdint.h>

/// The system's libssl and libcrypto (3.0 or later), wrapped once: memory-only TLS sessions, certificates and digests.
/// No function here blocks, opens a socket or a file, or keeps a pointer that the caller lends.

/// SHA-256 of `length` bytes into the 32 bytes at `digest`. 1, or 0 if the library refuses.
int assay_sha256(const void *bytes, size_t length, uint8_t *digest);

/// HMAC-SHA-256 of `length` bytes under `key` into the 32 bytes at `digest`. 1, or 0 if the library refuses.
int assay_hmac_sha256(const void *key, size_t key_length, const void *bytes, size_t length, uint8_t *digest);

/// Fills `bytes` from the library's seeded generator. 1, or 0 if there is no entropy.
int assay_random(void *bytes, size_t length);
