// Stands before fsync, fdatasync and the wall clock of an unchanged program. Unlike strace's injection it stops no other
// system call, and can be switched on and off while the program runs.
#define _GNU_SOURCE
#include "ChaosFaultControl.h"
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile struct chaos_faults none;
static volatile struct chaos_faults *faults = &none;

__attribute__((constructor)) static void attach(void) {
  const char *path = getenv("CHAOS_FAULTS");
  if (!path) return;
  int descriptor = open(path, O_RDWR | O_CLOEXEC);
  if (descriptor < 0) return;
  void *mapped = mmap(0, sizeof(struct chaos_faults), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  close(descriptor);
  if (mapped != MAP_FAILED) faults = mapped;
}

static int64_t load(volatile int64_t *value) { return __atomic_load_n(value, __ATOMIC_RELAXED); }

static void pause_for(int64_t nanoseconds) {
  struct timespec left = {nanoseconds / 1000000000, nanoseconds % 1000000000};
  while (nanosleep(&left, &left) != 0 && errno == EINTR) {}
}

static int sync_by(long call, int descriptor) {
  __atomic_add_fetch(&faults->syncs, 1, __ATOMIC_RELAXED);
  int64_t delay = load(&faults->sync_delay);
  if (delay > 0) pause_for(delay);
  while (load(&faults->sync_stall) != 0) pause_for(5000000);
  int64_t error = load(&faults->sync_error);
  if (error != 0) {
    errno = (int)error;
    return -1;
  }
  return (int)syscall(call, descriptor);
}

int fsync(int descriptor) { return sync_by(SYS_fsync, descriptor); }
int fdatasync(int descriptor) { return sync_by(SYS_fdatasync, descriptor); }

static int (*real_clock)(clockid_t, struct timespec *);

int clock_gettime(clockid_t clock, struct timespec *out) {
  // Through libc, which asks the vDSO: a system call each time would change what is measured.
  if (!real_clock) real_clock = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  int code = real_clock ? real_clock(clock, out) : (int)syscall(SYS_clock_gettime, clock, out);
  int64_t offset = load(&faults->clock_offset);
  if (code != 0 || offset == 0 || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)) return code;
  int64_t nanoseconds = out->tv_nsec + offset % 1000000000;
  out->tv_sec += offset / 1000000000 + (nanoseconds >= 1000000000) - (nanoseconds < 0);
  out->tv_nsec = nanoseconds + (nanoseconds < 0 ? 1000000000 : nanoseconds >= 1000000000 ? -1000000000 : 0);
  return 0;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone) {
  (void)zone;
  struct timespec now;
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
  out->tv_sec = now.tv_sec;
  out->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *out) {
  struct timespec now;
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}
