// Faults of disk and clock inside one process, loaded into it by LD_PRELOAD and steered from outside through a file.
#pragma once
#include <stdint.h>

/// The steering file, mapped by the process and by whoever steers it. All zero: no fault.
struct chaos_faults {
  /// Added to the wall clock, nanoseconds. The monotonic clock stays as it is.
  int64_t clock_offset;
  /// Every fsync and fdatasync ends with this errno.
  int64_t sync_error;
  /// Every fsync and fdatasync waits this long before it begins, nanoseconds.
  int64_t sync_delay;
  /// While not 0, every fsync and fdatasync waits for it to become 0.
  int64_t sync_stall;
  /// Syncs begun so far.
  int64_t syncs;
};
