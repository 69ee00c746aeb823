#include "copenssl.h"

#include <openssl/err.h>
#include <stdio.h>

int assay_openssl_error(char *text, size_t capacity) {
  unsigned long code = ERR_peek_last_error();
  if (capacity > 0) {
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    if (reason) {
      snprintf(text, capacity, "%s", reason);
    } else if (code) {
      snprintf(text, capacity, "OpenSSL error %lx", code);
    } else {
      text[0] = 0;
    }
  }
  ERR_clear_error();
  return code != 0;
}
