/* cached_read.c: takes in what jidnsd says of its cache, through jansson. Exports cached_read. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "tool/cached_priv.h"
#include "tool/ctl.h"
#include "tool/lookup.h"

static int digit(char c) {
  return c >= '0' && c <= '9'   ? c - '0'
         : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                : -1;
}

static bool from_hex(const char *text, size_t len, uint8_t *out) {
  for (size_t i = 0; i < len; i++) {
    int high = digit(text[2 * i]), low = high < 0 ? -1 : digit(text[2 * i + 1]);
    if (low < 0) return false;
    out[i] = (uint8_t)(high << 4 | low);
  }
  return true;
}

/* What checks ask for; an answer to a question with CD may be bogus. */
static bool is_of_use(const json_t *line, uint16_t type, size_t len) {
  static const uint16_t types[] = {TYPE_A,    TYPE_AAAA, TYPE_SRV,   TYPE_TXT, TYPE_SOA,
                                   TYPE_TLSA, TYPE_NS,   TYPE_CNAME, TYPE_PTR, TYPE_OF_CAA};
  if (json_is_true(json_object_get(line, "cd")) ||
      json_integer_value(json_object_get(line, "class")) != CLASS_IN)
    return false;
  if (len < DNS_HEADER || len > DNS_MSG_MAX || (len > CACHED_MESSAGE_MAX && type != TYPE_SRV)) return false;
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    if (types[i] == type) return true;
  }
  return false;
}

static void take(struct cached *c, const json_t *line) {
  const char *name = json_string_value(json_object_get(line, "name")),
             *hex = json_string_value(json_object_get(line, "message"));
  uint16_t type = (uint16_t)json_integer_value(json_object_get(line, "type"));
  size_t len = hex ? strlen(hex) / 2 : 0;
  uint8_t octets[NAME_MAX_LEN];
  size_t name_len = name ? name_parse(name, octets) : 0;

  if (name_len == 0 || c->count == CACHED_ANSWERS_MAX || !is_of_use(line, type, len)) return;

  struct cached_entry *x = must_zalloc(sizeof *x + len);
  *x = (struct cached_entry){.name_len = (uint8_t)name_len, .type = type, .len = len};
  x->ttl_s = (uint32_t)json_integer_value(json_object_get(line, "ttl_s"));
  name_lower(x->name, octets, name_len);
  if (!from_hex(hex, len, x->msg)) {
    free(x);
    return;
  }

  if (c->count == c->room) {
    c->room = c->room ? 2 * c->room : 256;
    c->list = realloc(c->list, c->room * sizeof(*c->list));
    must(c->list);
  }

  c->list[c->count++] = x;
}

static enum ctl_heard hear_all(struct ctl *t, struct cached *c) {
  enum ctl_heard heard = ctl_send(t, "dump") ? CTL_LINE : CTL_LOST;
  while (heard == CTL_LINE) {
    json_error_t e;
    heard = ctl_hear(t);
    json_t *line = heard == CTL_LINE ? json_loads(t->line, 0, &e) : NULL;
    if (line) take(c, line);
    json_decref(line);
  }
  if (heard == CTL_FAILED) fprintf(stderr, "jidns check: --from-daemon: jidnsd does not give its cache\n");
  return heard;
}

struct cached *cached_read(const struct cli *c) {
  struct ctl t;
  if (!ctl_open(&t, c)) return NULL;
  struct cached *cached = must_zalloc(sizeof *cached);
  enum ctl_heard heard = hear_all(&t, cached);
  ctl_close(&t);
  if (heard != CTL_DONE) {
    cached_free(cached);
    return NULL;
  }
  cached_settle(cached);
  return cached;
}
