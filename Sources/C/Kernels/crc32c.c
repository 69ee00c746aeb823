#include "kernels.h"
#include <string.h>

static uint32_t table[256];

__attribute__((constructor)) static void fill_table(void) {
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t c = i;
    for (int k = 0; k < 8; k++) c = c & 1 ? (c >> 1) ^ 0x82F63B78u : c >> 1;
    table[i] = c;
  }
}

static uint32_t crc_table(uint32_t crc, const uint8_t *p, size_t n) {
  while (n--) crc = table[(crc ^ *p++) & 0xFF] ^ (crc >> 8);
  return crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>

// The crc32 instruction takes three cycles, but three of them overlap: long inputs go as three streams, whose results are
// joined by moving the earlier ones over the later ones' length (Mark Adler's crc32c.c; the operator is linear over GF(2)).
enum { long_stream = 2048, short_stream = 256 };
static uint32_t over_long[4][256], over_short[4][256];

static void fill_operator(uint32_t operator[4][256], size_t zeros) {
  static const uint8_t nothing[long_stream];
  for (int bit = 0; bit < 32; bit++) {
    uint32_t moved = crc_table(1u << bit, nothing, zeros);
    // Every value with this bit is that of the bits below it, and this one.
    int low = bit & 7;
    for (uint32_t below = 0; below < 1u << low; below++) {
      operator[bit / 8][1u << low | below] = operator[bit / 8][below] ^ moved;
    }
  }
}

// The order of constructors is not relied on: this one fills the table for itself.
__attribute__((constructor)) static void fill_operators(void) {
  fill_table();
  fill_operator(over_long, long_stream);
  fill_operator(over_short, short_stream);
}

static uint32_t move(const uint32_t operator[4][256], uint32_t crc) {
  return operator[0][crc & 0xFF] ^ operator[1][crc >> 8 & 0xFF] ^ operator[2][crc >> 16 & 0xFF] ^ operator[3][crc >> 24];
}

__attribute__((target("sse4.2"))) static uint32_t crc_three(
  uint32_t crc, const uint8_t *p, size_t stream, const uint32_t operator[4][256]) {
  uint64_t a = crc, b = 0, c = 0;
  for (size_t at = 0; at < stream; at += 8) {
    uint64_t x, y, z;
    memcpy(&x, p + at, 8);
    memcpy(&y, p + stream + at, 8);
    memcpy(&z, p + 2 * stream + at, 8);
    a = _mm_crc32_u64(a, x);
    b = _mm_crc32_u64(b, y);
    c = _mm_crc32_u64(c, z);
  }
  return move(operator, move(operator, (uint32_t)a) ^ (uint32_t)b) ^ (uint32_t)c;
}

__attribute__((target("sse4.2"))) static uint32_t crc_sse42(uint32_t crc, const uint8_t *p, size_t n) {
  for (; n >= 3 * long_stream; p += 3 * long_stream, n -= 3 * long_stream) crc = crc_three(crc, p, long_stream, over_long);
  for (; n >= 3 * short_stream; p += 3 * short_stream, n -= 3 * short_stream) {
    crc = crc_three(crc, p, short_stream, over_short);
  }
  uint64_t c = crc;
  while (n >= 8) {
    uint64_t word;
    memcpy(&word, p, 8);
    c = _mm_crc32_u64(c, word);
    p += 8;
    n -= 8;
  }
  uint32_t r = (uint32_t)c;
  while (n--) r = _mm_crc32_u8(r, *p++);
  return r;
}

uint32_t assay_crc32c(uint32_t crc, const void *bytes, size_t length) {
  static int has = -1;
  if (has < 0) has = __builtin_cpu_supports("sse4.2") != 0;
  crc = ~crc;
  crc = has ? crc_sse42(crc, bytes, length) : crc_table(crc, bytes, length);
  return ~crc;
}
#else
uint32_t assay_crc32c(uint32_t crc, const void *bytes, size_t length) {
  return ~crc_table(~crc, bytes, length);
}
#endif
