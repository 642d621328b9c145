/* hide.c: secrets and names, out of a text for others. Exports hide_secrets, hide_names. */
#include "tool/hide.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char hidden[] = "(hidden)";

/* The line that begins there, without its end. */
static size_t line_length(const char *line) { return strcspn(line, "\n"); }

/* ---- secrets ---- */

static bool is_secret_word(const char *word, size_t len) {
  static const char *const words[] = {"secret", "secrets", "password", "passwd", "token", "key", "keys"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    if (strlen(words[i]) == len && strncasecmp(word, words[i], len) == 0) return true;
  }
  return false;
}

/* A key's words are set apart by hyphens. */
static bool is_secret_key(const char *key, size_t len) {
  for (size_t at = 0; at < len;) {
    size_t word = strcspn(key + at, "-_ =");
    if (at + word > len) word = len - at;
    if (is_secret_word(key + at, word)) return true;
    at += word + 1;
  }
  return false;
}

/* Where the value of KEY = VALUE begins on the line, NULL if it is none. */
static const char *value_on(const char *line, size_t len, const char **key, size_t *key_len) {
  size_t at = strspn(line, " \t");
  *key = line + at;
  *key_len = strcspn(*key, " \t=\n");
  const char *equals = memchr(line, '=', len);
  if (!equals || equals == *key || (size_t)(equals - line) < at + *key_len) return NULL;
  for (const char *p = *key + *key_len; p < equals; p++) {
    if (*p != ' ' && *p != '\t') return NULL;
  }
  return equals + 1;
}

/* The comment that --print-config puts behind each value: where that comes from. */
static const char *origin_on(const char *value, const char *end) {
  for (const char *p = end; p > value + 2; p--) {
    if (strncmp(p - 3, "  #", 3) == 0) return p - 3;
  }
  return end;
}

/* The end of user:password@ behind "://", NULL if there is none before the URL's next part. */
static const char *credentials_end(const char *p, const char *end) {
  while (p < end && !strchr("/ \t\"'", *p) && *p != '@') p++;
  return p < end && *p == '@' ? p : NULL;
}

static void put_without_credentials(FILE *out, const char *p, const char *end) {
  while (p < end) {
    const char *at = end - p > 3 && strncmp(p, "://", 3) == 0 ? credentials_end(p + 3, end) : NULL;
    if (at) {
      fprintf(out, "://%s", hidden);
      p = at;
    } else {
      fputc(*p++, out);
    }
  }
}

static void put_line(FILE *out, const char *line, size_t len) {
  const char *key, *end = line + len;
  size_t key_len;
  const char *value = value_on(line, len, &key, &key_len);
  if (value && is_secret_key(key, key_len)) {
    fwrite(line, 1, (size_t)(value - line), out);
    fprintf(out, " %s", hidden);
    line = origin_on(value, end);
  }
  put_without_credentials(out, line, end);
}

char *hide_secrets(const char *text) {
  char *made = NULL;
  size_t size;
  FILE *out = open_memstream(&made, &size);
  if (!out) return NULL;

  while (*text) {
    size_t len = line_length(text);
    put_line(out, text, len);
    text += len;
    if (*text) fputc(*text++, out);
  }

  if (fclose(out) == 0) return made;
  free(made);
  return NULL;
}

/* ---- names ---- */

enum { NAMES_MAX = 256 };

/* Borrowed from the text. */
struct names {
  struct {
    const char *text;
    size_t len;
  } list[NAMES_MAX];
  unsigned count;
};

static bool is_of_name(char c) { return isalnum((unsigned char)c) || (c && strchr("-_.\\", c)); }

static void note_name(struct names *n, const char *text, size_t len) {
  while (len && (*text == '*' || *text == '.')) text++, len--;
  while (len && text[len - 1] == '.') len--;
  for (unsigned i = 0; i < n->count; i++) {
    if (n->list[i].len == len && strncasecmp(n->list[i].text, text, len) == 0) return;
  }
  if (!len || n->count == NAMES_MAX) return;
  n->list[n->count].text = text;
  n->list[n->count++].len = len;
}

/* All that stands in quotes there, up to the line's end. */
static void note_quoted(struct names *n, const char *p, const char *end, bool only_dotted) {
  while ((p = memchr(p, '"', (size_t)(end - p)))) {
    const char *close = memchr(p + 1, '"', (size_t)(end - p - 1));
    if (!close) return;
    if (!only_dotted || memchr(p + 1, '.', (size_t)(close - p - 1)))
      note_name(n, p + 1, (size_t)(close - p - 1));
    p = close + 1;
  }
}

/* name=*.lab,corp.example of a fault rule. */
static void note_rule(struct names *n, const char *p, const char *end) {
  static const char word[] = "name=";
  while (p < end && (p = strstr(p, word)) && p < end) {
    do {
      p += *p == ',' ? 1 : sizeof word - 1;
      size_t len = strcspn(p, ", \"\n");
      note_name(n, p, len);
      p += len;
    } while (*p == ',');
  }
}

static void note_line(struct names *n, const char *line, size_t len) {
  static const char *const titled[] = {"forward \"", "xmpp \"", "zone \"", "host \""};
  const char *end = line + len, *key;
  size_t key_len, at = strspn(line, " \t");
  for (size_t i = 0; i < sizeof titled / sizeof *titled; i++) {
    if (strncmp(line + at, titled[i], strlen(titled[i])) == 0)
      note_quoted(n, line + at, end, *titled[i] == 'h');
  }

  const char *value = value_on(line, len, &key, &key_len);
  if (!value) return;
  if (key_len == 12 && strncmp(key, "rebind-allow", 12) == 0) note_quoted(n, value, end, false);
  if (key_len == 21 && strncmp(key, "negative-trust-anchor", 21) == 0) note_quoted(n, value, end, false);
  if (key_len == 8 && strncmp(key, "identity", 8) == 0) note_quoted(n, value, end, true);
  if (key_len == 4 && strncmp(key, "rule", 4) == 0) note_rule(n, value, end);
}

/* Does the name stand at p, with nothing of a longer label around it? */
static bool stands_at(const char *p, const char *name, size_t len) {
  return strncasecmp(p, name, len) == 0 && (!is_of_name(p[len]) || p[len] == '.');
}

/* The longest of them that ends the labels from p on: how many octets it takes with those before it. */
static size_t find_name(const struct names *n, const char *p, unsigned *which) {
  size_t best = 0, taken = 0;
  for (const char *from = p; is_of_name(*from); from++) {
    if (from != p && from[-1] != '.') continue;
    for (unsigned i = 0; i < n->count; i++) {
      if (n->list[i].len <= best || !stands_at(from, n->list[i].text, n->list[i].len)) continue;
      best = n->list[i].len;
      taken = (size_t)(from - p) + best;
      *which = i;
    }
  }
  return taken;
}

static void put_names(FILE *out, const struct names *n, const char *text) {
  while (*text) {
    unsigned which = 0;
    if (*text == '.') fputc(*text++, out); /* of *.domain */
    size_t taken = is_of_name(*text) ? find_name(n, text, &which) : 0;
    if (taken) {
      fprintf(out, "domain-%u", which + 1);
      text += taken;
    } else if (*text) {
      do fputc(*text++, out);
      while (*text && is_of_name(text[-1]) && is_of_name(*text));
    }
  }
}

char *hide_names(const char *text) {
  struct names n = {.count = 0};
  char *made = NULL;
  size_t size;
  for (const char *p = text; *p; p += line_length(p), p += *p == '\n') note_line(&n, p, line_length(p));
  FILE *out = open_memstream(&made, &size);
  if (!out) return NULL;
  put_names(out, &n, text);
  if (fclose(out) == 0) return made;
  free(made);
  return NULL;
}
