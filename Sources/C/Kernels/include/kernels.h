#pragma once
#include <stddef.h>
#include <stdint.h>

/// CRC-32C (Castagnoli polynomial, RFC 3720 appendix B.4) of `length` bytes, continuing from `crc` (0 to begin).
/// Uses SSE4.2 where the processor has it; a table elsewhere.
uint32_t assay_crc32c(uint32_t crc, const void *bytes, size_t length);
