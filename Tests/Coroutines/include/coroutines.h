// Stacks that take turns on one thread: the simulator runs each simulated thread on one.
#pragma once

typedef struct coroutine coroutine;

// A new one that will run `body(argument)` on a stack of its own.
coroutine *coroutine_make(void (*body)(void *), void *argument);
// Runs it until it yields or ends; returns whether it goes on. Called from the main stack only.
int coroutine_resume(coroutine *self);
// Back to whoever resumed the one that runs now.
void coroutine_yield(void);
// Frees one that has ended, or its stack where it has not.
void coroutine_free(coroutine *self);
// The one that runs now; null on the main stack.
coroutine *coroutine_current(void);
