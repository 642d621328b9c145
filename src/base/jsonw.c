/* jsonw.c: writes JSON. Exports jsonw_*. */
#include "base/jsonw.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

enum { ROOM_FIRST = 512 };

void jsonw_free(struct jsonw *j) {
  if (!j->fixed) free(j->text);
  *j = (struct jsonw){0};
}

/* Room for n octets more; false when there is none. */
static bool has_room(struct jsonw *j, size_t n) {
  if (j->lost) return false;
  if (n <= j->room - j->len) return true;
  size_t room = j->room ? j->room : ROOM_FIRST;
  while (room - j->len < n) room *= 2;
  char *text = j->fixed ? NULL : realloc(j->text, room);
  j->lost = !text;
  if (!text) return false;
  j->text = text;
  j->room = room;
  return true;
}

static void put(struct jsonw *j, const char *text, size_t len) {
  if (!has_room(j, len)) return;
  memcpy(j->text + j->len, text, len);
  j->len += len;
}

static void put_format(struct jsonw *j, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put_format(struct jsonw *j, const char *format, ...) {
  char text[400]; /* the largest double has 309 digits */
  va_list args;
  va_start(args, format);
  int n = vsnprintf(text, sizeof text, format, args);
  va_end(args);
  put(j, text, n > 0 && (size_t)n < sizeof text ? (size_t)n : 0);
}

/* ---- strings ---- */

static void put_string(struct jsonw *j, const char *text) {
  put(j, "\"", 1);
  for (const uint8_t *p = (const uint8_t *)text; *p;) {
    size_t len = utf8_len(p);
    if (len == 0) put(j, "\\ufffd", 6);
    else if (*p == '"' || *p == '\\') put_format(j, "\\%c", *p);
    else if (*p < ' ' || *p == 0x7f) put_format(j, "\\u%04x", *p);
    else put(j, (const char *)p, len);
    p += len ? len : 1;
  }
  put(j, "\"", 1);
}

/* ---- values ---- */

/* What stands before a value. */
static void lead(struct jsonw *j, const char *key) {
  if (j->continues) put(j, ",", 1);
  j->continues = true;
  if (!key) return;
  put_string(j, key);
  put(j, ":", 1);
}

void jsonw_open(struct jsonw *j, const char *key, char bracket) {
  lead(j, key);
  put(j, &bracket, 1);
  j->continues = false;
}

void jsonw_close(struct jsonw *j, char bracket) {
  put(j, &bracket, 1);
  j->continues = true;
}

void jsonw_string(struct jsonw *j, const char *key, const char *text) {
  lead(j, key);
  if (text) put_string(j, text);
  else put(j, "null", 4);
}

void jsonw_hex(struct jsonw *j, const char *key, const uint8_t *octets, size_t len) {
  static const char digits[] = "0123456789abcdef";
  lead(j, key);
  if (!has_room(j, 2 * len + 2)) return;
  put(j, "\"", 1);
  for (size_t i = 0; i < len; i++) {
    j->text[j->len++] = digits[octets[i] >> 4];
    j->text[j->len++] = digits[octets[i] & 0xf];
  }
  put(j, "\"", 1);
}

void jsonw_uint(struct jsonw *j, const char *key, uint64_t value) {
  lead(j, key);
  put_format(j, "%llu", (unsigned long long)value);
}

void jsonw_real(struct jsonw *j, const char *key, double value, unsigned decimals) {
  lead(j, key);
  put_format(j, "%.*f", (int)decimals, value);
}

void jsonw_bool(struct jsonw *j, const char *key, bool value) {
  lead(j, key);
  if (value) put(j, "true", 4);
  else put(j, "false", 5);
}

void jsonw_line(struct jsonw *j) {
  put(j, "\n", 1);
  j->continues = false;
}
