#define _GNU_SOURCE
#include "coroutines.h"

#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

enum { stack_size = 1 << 20, kept_max = 64 };

struct coroutine {
  // Where it begins. From then on it is switched by jumps, which ask nothing of the kernel, as `swapcontext` does for the signal mask.
  ucontext_t context;
  jmp_buf place;
  int begun;
  void (*body)(void *);
  void *argument;
  void *stack;
  int ended;
};

static jmp_buf main_place;
static coroutine *current;
// Stacks of those that have ended, to be used again.
static void *kept[kept_max];
static int kept_count;

static void enter(unsigned low, unsigned high) {
  coroutine *self = (coroutine *)((uintptr_t)low | (uintptr_t)high << 32);
  self->body(self->argument);
  self->ended = 1;
  coroutine_yield();
  abort();
}

coroutine *coroutine_make(void (*body)(void *), void *argument) {
  coroutine *self = calloc(1, sizeof *self);
  self->body = body;
  self->argument = argument;
  self->stack = kept_count > 0 ? kept[--kept_count]
                               : mmap(0, stack_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (self->stack == MAP_FAILED) abort();
  getcontext(&self->context);
  self->context.uc_stack.ss_sp = self->stack;
  self->context.uc_stack.ss_size = stack_size;
  self->context.uc_link = 0;
  uintptr_t address = (uintptr_t)self;
  makecontext(&self->context, (void (*)(void))enter, 2, (unsigned)address, (unsigned)(address >> 32));
  return self;
}

int coroutine_resume(coroutine *self) {
  coroutine *before = current;
  if (before) abort();
  current = self;
  if (!_setjmp(main_place)) {
    if (self->begun) _longjmp(self->place, 1);
    self->begun = 1;
    setcontext(&self->context);
  }
  current = before;
  return !self->ended;
}

void coroutine_yield(void) {
  if (!_setjmp(current->place)) _longjmp(main_place, 1);
}

void coroutine_free(coroutine *self) {
  if (kept_count < kept_max) kept[kept_count++] = self->stack;
  else munmap(self->stack, stack_size);
  free(self);
}

coroutine *coroutine_current(void) { return current; }
