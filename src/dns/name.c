/* name.c: domain names on the wire and as text. Exports name_*. */
#include "dns/name.h"

#include <assert.h>
#include <stdio.h>

/* As many as the longest name has labels: thousands of names that all lead through thousands of pointers cost
 * seconds. */
enum { POINTERS_MAX = 127 };

size_t name_read(struct wire *w, uint8_t out[NAME_MAX_LEN]) {
  size_t at = w->at, lowest = w->at, after = 0, n = 0;
  unsigned pointers = 0;

  while (!w->err && at < w->len) {
    uint8_t c = w->msg[at];
    if (c >= 0xc0) {
      if (at + 2 > w->len) break;
      size_t to = load_u16(w->msg + at) & 0x3fffu;
      if (!after) after = at + 2;
      if (to >= lowest || ++pointers > POINTERS_MAX) break; /* only ever backwards: no loop can be built */
      at = lowest = to;
      continue;
    }
    if (c > 63 || at + 1 + c > w->len || n + 1 + c > NAME_MAX_LEN) break;
    memcpy(out + n, w->msg + at, 1u + c);
    n += 1u + c;
    at += 1u + c;
    if (c == 0) {
      w->at = after ? after : at;
      return n;
    }
  }

  w->err = true;
  return 0;
}

static inline uint8_t lower(uint8_t c) { return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c; }

void name_lower(uint8_t *to, const uint8_t *from, size_t len) {
  size_t i = 0;
  for (; i + 8 <= len; i += 8) { /* eight octets at once: bit 7 of each byte of `up` says that it is A to Z */
    uint64_t v, low7, up;
    memcpy(&v, from + i, 8);
    low7 = v & 0x7f7f7f7f7f7f7f7fu;
    up = (low7 + 0x3f3f3f3f3f3f3f3fu) & ~(low7 + 0x2525252525252525u) & ~v & 0x8080808080808080u;
    v |= up >> 2;
    memcpy(to + i, &v, 8);
  }
  for (; i < len; i++) to[i] = lower(from[i]);
}

bool name_equal(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len) {
  if (a_len != b_len) return false;
  if (memcmp(a, b, a_len) == 0) return true; /* nearly always, where they are equal */
  for (size_t i = 0; i < a_len; i++) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

bool name_is_within(const uint8_t *name, size_t len, const uint8_t *zone, size_t zone_len) {
  while (len > zone_len) { /* a label at a time, so that the tail starts at a label's border */
    size_t label = 1u + name[0];
    if (label > len) return false;
    name += label;
    len -= label;
  }
  return name_equal(name, len, zone, zone_len);
}

size_t name_last_two_at(const uint8_t *name) {
  size_t at = 0, last = 0, before_last = 0;
  for (; name[at]; at += name[at] + 1u) {
    before_last = last;
    last = at;
  }
  return before_last;
}

static char *format_octet(char *t, uint8_t c) {
  if (c == '.' || c == '\\' || c == '"' || c == ';' || c == '(' || c == ')' || c == '@' || c == '$') {
    *t++ = '\\';
    *t++ = (char)c;
  } else if (c <= ' ' || c >= 0x7f) {
    t += sprintf(t, "\\%03u", c);
  } else {
    *t++ = (char)c;
  }
  return t;
}

static_assert(NAME_MAX_LEN * 4 + 1 < NAME_TEXT, "every octet escaped must fit");

const char *name_format(const uint8_t *name, size_t len, char text[NAME_TEXT]) {
  char *t = text; /* 255 octets at 4 characters each stay below NAME_TEXT */
  for (size_t at = 0; at < len && name[at];) {
    size_t label = name[at++];
    for (; label > 0 && at < len; label--) t = format_octet(t, name[at++]);
    *t++ = '.';
  }
  if (t == text) *t++ = '.';
  *t = 0;
  return text;
}

bool name_text_is_plain(const char *text) {
  static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789-.";
  return !text[strspn(text, plain)] && *text != '-' && *text != '.';
}

/* One character of presentation form, escapes undone; -1 when the escape is wrong. */
static int parse_octet(const char **text) {
  const char *t = *text;
  if (*t != '\\') {
    *text = t + 1;
    return (uint8_t)*t;
  }

  if (t[1] < '0' || t[1] > '9') {
    *text = t + 2;
    return t[1] ? (uint8_t)t[1] : -1;
  }

  int v = 0;
  for (int i = 1; i <= 3; i++) {
    if (t[i] < '0' || t[i] > '9') return -1;
    v = v * 10 + (t[i] - '0');
  }

  *text = t + 4;
  return v <= 255 ? v : -1;
}

size_t name_parse(const char *text, uint8_t out[NAME_MAX_LEN]) {
  if (!*text) return 0;
  size_t n = 0;
  if (strcmp(text, ".") != 0) {
    while (*text) {
      size_t start = n++;
      while (*text && *text != '.') {
        int c = parse_octet(&text);
        if (c < 0 || n >= NAME_MAX_LEN - 1 || n - start > 63) return 0;
        out[n++] = (uint8_t)c;
      }
      if (n - start == 1 || n > NAME_MAX_LEN - 1) return 0; /* an empty label */
      out[start] = (uint8_t)(n - start - 1);
      if (*text == '.') text++;
    }
  }

  out[n++] = 0;
  return n;
}
