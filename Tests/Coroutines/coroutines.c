#define _GNU_SOURCE
#include "coroutines.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

enum { stack_size = 1 << 20, kept_max = 64 };

struct coroutine {
  ucontext_t context;
  void (*body)(void *);
  void *argument;
  void *stack;
  int ended;
};

static ucontext_t main_context;
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
  swapcontext(&main_context, &self->context);
  current = before;
  return !self->ended;
}

void coroutine_yield(void) {
  coroutine *self = current;
  swapcontext(&self->context, &main_context);
}

void coroutine_free(coroutine *self) {
  if (kept_count < kept_max) kept[kept_count++] = self->stack;
  else munmap(self->stack, stack_size);
  free(self);
}

coroutine *coroutine_current(void) { return current; }
