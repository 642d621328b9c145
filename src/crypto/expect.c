/* expect.c: pins as text. Exports expect_*. */
#include "crypto/expect.h"

#include <stdio.h>

enum { DIGITS = 43 }; /* of base64 that 32 octets are; one "=" stands behind them */

static const char kind[] = "sha256/";
static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

bool expect_parse_pin(const char *text, uint8_t out[TLS_PIN]) {
  uint32_t bits = 0;
  unsigned have = 0, n = 0;
  if (strncmp(text, kind, sizeof kind - 1) != 0) return false;
  text += sizeof kind - 1;
  if (strlen(text) != DIGITS + 1 || text[DIGITS] != '=') return false;

  for (unsigned i = 0; i < DIGITS; i++) {
    const char *digit = strchr(digits, text[i]);
    if (!digit) return false;
    bits = bits << 6 | (uint32_t)(digit - digits);
    have += 6;
    if (have < 8) continue;
    have -= 8;
    out[n++] = (uint8_t)(bits >> have);
  }

  return (bits & 3) == 0; /* what is over */
}

const char *expect_format_pin(const uint8_t pin[TLS_PIN], char text[TLS_PIN_TEXT]) {
  uint32_t bits = 0;
  unsigned have = 0, next = 0;
  char *at = text + sprintf(text, "%s", kind);
  for (unsigned i = 0; i < DIGITS; i++) {
    if (have < 6) {
      bits = bits << 8 | (next < TLS_PIN ? pin[next] : 0u);
      next++;
      have += 8;
    }
    have -= 6;
    *at++ = digits[bits >> have & 63];
  }
  strcpy(at, "=");
  return text;
}
