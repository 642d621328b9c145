/* settings_values.c: from text to values of the usual kinds. Exports settings_read_*,
 * settings_parse_*, settings_add_*. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dns/name.h"
#include "settings/settings_priv.h"

const char settings_domain_expected[] = "a domain name such as corp.example";

static void *field(const struct setting *t, void *into) { return (char *)into + t->at; }

bool settings_parse_number(const char *text, uint64_t least, uint64_t most, uint64_t *out) {
  char *end;
  if (*text < '0' || *text > '9') return false;
  errno = 0;
  unsigned long long v = strtoull(text, &end, 10);
  if (*end || errno || v < least || v > most) return false;
  *out = v;
  return true;
}

bool settings_read_number(const struct setting *t, void *into, const char *text) {
  uint64_t v;
  if (!settings_parse_number(text, t->least, t->most, &v)) return false;
  *(uint32_t *)field(t, into) = (uint32_t)v;
  return true;
}

bool settings_read_size(const struct setting *t, void *into, const char *text) {
  char digits[24];
  size_t len = strlen(text);
  unsigned shift = 0;

  if (len == 0 || len >= sizeof digits) return false;
  memcpy(digits, text, len + 1);
  switch (digits[len - 1]) {
  case 'K':
  case 'k': shift = 10; break;
  case 'M':
  case 'm': shift = 20; break;
  case 'G':
  case 'g': shift = 30; break;
  default: break;
  }

  if (shift) digits[len - 1] = 0;
  uint64_t v;
  if (!settings_parse_number(digits, 0, t->most >> shift, &v) || v << shift < t->least) return false;
  *(size_t *)field(t, into) = v << shift;
  return true;
}

bool settings_read_switch(const struct setting *t, void *into, const char *text) {
  bool on = strcmp(text, "on") == 0 || strcmp(text, "true") == 0;
  if (!on && strcmp(text, "off") != 0 && strcmp(text, "false") != 0) return false;
  *(bool *)field(t, into) = on;
  return true;
}

bool settings_read_text(const struct setting *t, void *into, const char *text) {
  size_t len = strlen(text);
  if (len > t->most) return false;
  for (size_t i = 0; i < len; i++) {
    if (text[i] < ' ' || text[i] > '~') return false;
  }
  memset(field(t, into), 0, t->size); /* what was longer before leaves nothing */
  memcpy(field(t, into), text, len);
  return true;
}

bool settings_read_path(const struct setting *t, void *into, const char *text) {
  return *text && settings_read_text(t, into, text);
}

static bool is_path_word(const char *text) { return !*text || strcmp(text, "none") == 0; }

bool settings_read_path_or_none(const struct setting *t, void *into, const char *text) {
  return settings_read_text(t, into, text);
}

bool settings_names_file(const struct setting *t, const char *text) {
  return t->read == settings_read_path || t->names_file ||
         (t->read == settings_read_path_or_none && !is_path_word(text));
}

static int index_of(const char *const *words, const char *text) {
  for (int i = 0; words[i]; i++) {
    if (strcmp(words[i], text) == 0) return i;
  }
  return -1;
}

bool settings_read_word(const struct setting *t, void *into, const char *text) {
  int i = index_of(t->words, text);
  if (i >= 0) *(unsigned *)field(t, into) = (unsigned)i;
  return i >= 0;
}

bool settings_read_either(const struct setting *t, void *into, const char *text) {
  int i = index_of(t->words, text);
  if (i >= 0) *(bool *)field(t, into) = i != 0;
  return i >= 0;
}

bool settings_parse_domain(const char *text, struct settings_domain *out) {
  static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_/.";
  if (text[strspn(text, good)]) return false;
  size_t len = name_parse(text, out->octets);
  if (len < 2) return false;
  name_lower(out->octets, out->octets, len);
  out->len = (uint8_t)len;
  return true;
}

bool settings_add_addr(const char *text, union addr *list, char (*scopes)[ADDR_SCOPE], unsigned *n,
                       unsigned most) {
  char scope[ADDR_SCOPE];
  union addr a;
  if (!addr_parse_scoped(text, SETTINGS_PORT, &a, scope)) return false;
  for (unsigned i = 0; i < *n; i++) {
    if (addr_equal(&list[i], &a) && strcmp(scopes[i], scope) == 0) return true;
  }
  if (*n == most) return false;
  memcpy(scopes[*n], scope, sizeof scope);
  list[(*n)++] = a;
  return true;
}

static void put_words(const char *const *words, char text[EXPECTED_TEXT]) {
  size_t n = 0;
  for (unsigned i = 0; words[i] && n < EXPECTED_TEXT; i++) {
    const char *before = i == 0 ? "" : words[i + 1] ? ", " : " or ";
    n += (size_t)snprintf(text + n, EXPECTED_TEXT - n, "%s%s", before, words[i]);
  }
}

/* A number's unit, which help says in place of the value. */
static const char *what_is_counted(const struct setting *t) {
  return strcmp(t->value, "SECONDS") == 0  ? "seconds"
         : strcmp(t->value, "OCTETS") == 0 ? "octets"
         : strcmp(t->value, "PORT") == 0   ? "a port"
                                           : "a number";
}

const char *setting_expected(const struct setting *t, char text[EXPECTED_TEXT]) {
  if (t->expected) return t->expected;
  if (t->words) put_words(t->words, text);
  else if (t->read == settings_read_switch) snprintf(text, EXPECTED_TEXT, "on or off");
  else if (t->read == settings_read_text)
    snprintf(text, EXPECTED_TEXT, "printable ASCII, at most %llu", (unsigned long long)t->most);
  else
    snprintf(text, EXPECTED_TEXT, "%s from %llu to %llu", what_is_counted(t), (unsigned long long)t->least,
             (unsigned long long)t->most);
  return text;
}
