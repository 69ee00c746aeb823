// What Linux offers and Swift's Glibc module leaves out.
#pragma once
#include <stdint.h>
#include "ChaosFaultControl.h"

/// Moves the calling thread into the network namespace at `path` (/run/netns/NAME): sockets that it opens from then on
/// live there. 0, or an errno.
int chaos_enter_network(const char *path);

/// Makes a TUN device called `name` in the calling thread's network namespace; packets without a header in front.
/// A descriptor, or a negative errno.
int chaos_open_tun(const char *name);
