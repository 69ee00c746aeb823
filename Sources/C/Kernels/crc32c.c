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

__attribute__((target("sse4.2"))) static uint32_t crc_sse42(uint32_t crc, const uint8_t *p, size_t n) {
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
