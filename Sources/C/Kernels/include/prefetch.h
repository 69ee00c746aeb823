#pragma once

/// Asks the processor to bring the cache line at `address` near; never faults, whatever the address.
static inline void assay_prefetch(const void *address) { __builtin_prefetch(address, 0, 3); }
