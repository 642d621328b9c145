/* cached.c: the cache of a running jidnsd, read over its control socket. Exports cached_*. */
#include "tool/cached.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "dns/name.h"
#include "tool/cached_priv.h"
#include "tool/lookup.h"

void cached_free(struct cached *c) {
  if (!c) return;
  for (size_t i = 0; i < c->count; i++) free(c->list[i]);
  free(c->list);
  free(c);
}

static int compare_keys(const uint8_t *a, size_t a_len, uint16_t a_type, const uint8_t *b, size_t b_len,
                        uint16_t b_type) {
  if (a_len != b_len) return a_len < b_len ? -1 : 1;
  int order = memcmp(a, b, a_len);
  return order ? order : (a_type > b_type) - (a_type < b_type);
}

/* By name and type; of one question the answer that lasts longest comes first. */
static int compare(const void *a, const void *b) {
  const struct cached_entry *x = *(struct cached_entry *const *)a, *y = *(struct cached_entry *const *)b;
  int order = compare_keys(x->name, x->name_len, x->type, y->name, y->name_len, y->type);
  return order ? order : (x->ttl_s < y->ttl_s) - (x->ttl_s > y->ttl_s);
}

void cached_settle(struct cached *c) {
  size_t kept = 0;
  if (c->count > 0) qsort(c->list, c->count, sizeof(*c->list), compare);
  for (size_t i = 0; i < c->count; i++) {
    struct cached_entry *x = c->list[i], *last = kept ? c->list[kept - 1] : NULL;
    if (last && compare_keys(x->name, x->name_len, x->type, last->name, last->name_len, last->type) == 0)
      free(x);
    else c->list[kept++] = x;
  }
  c->count = kept;
}

static const struct cached_entry *find(const struct cached *c, const uint8_t *name, size_t len,
                                       uint16_t type) {
  uint8_t lower[NAME_MAX_LEN];
  size_t from = 0, to = c->count;
  name_lower(lower, name, len);
  while (from < to) {
    size_t middle = from + (to - from) / 2;
    const struct cached_entry *x = c->list[middle];
    int order = compare_keys(lower, len, type, x->name, x->name_len, x->type);
    if (order == 0) return x;
    if (order < 0) to = middle;
    else from = middle + 1;
  }
  return NULL;
}

void cached_answer(const struct cached *c, struct asked *a) {
  const struct cached_entry *x = find(c, a->name, a->name_len, a->type);
  a->outcome = ASKED_LEFT_OUT;
  if (!x) return;
  a->msg = malloc(x->len);
  a->outcome = a->msg ? ASKED_ANSWERED : ASKED_SYSTEM;
  if (!a->msg) return;
  memcpy(a->msg, x->msg, x->len);
  a->len = x->len;
}

/* ---- domains ---- */

size_t cached_domain_at(const uint8_t *name, size_t len) {
  for (size_t i = 0; i < LOOKUP_SERVICES; i++) {
    uint8_t service[NAME_MAX_LEN];
    size_t at = name_parse(lookup_kinds[i].labels, service) - 1; /* without the root */
    if (!lookup_kinds[i].obsolete && len > at + 1 && memcmp(name, service, at) == 0) return at;
  }
  return 0;
}

static int compare_domains(const void *a, const void *b) {
  char first[NAME_TEXT], second[NAME_TEXT];
  const uint8_t *x = *(const uint8_t *const *)a, *y = *(const uint8_t *const *)b;
  size_t x_len = 0, y_len = 0;
  while (x[x_len]) x_len += x[x_len] + 1u;
  while (y[y_len]) y_len += y[y_len] + 1u;
  return strcmp(name_format(x, x_len + 1, first), name_format(y, y_len + 1, second));
}

size_t cached_each_domain(const struct cached *c,
                          bool (*each)(void *context, const uint8_t *name, size_t len), void *context) {
  const uint8_t **names = must_zalloc((c->count + 1) * sizeof *names);
  size_t count = 0, told = 0;

  for (size_t i = 0; i < c->count; i++) {
    size_t at = c->list[i]->type == TYPE_SRV ? cached_domain_at(c->list[i]->name, c->list[i]->name_len) : 0;
    if (at > 0) names[count++] = c->list[i]->name + at;
  }

  if (count > 0) qsort(names, count, sizeof *names, compare_domains);
  for (size_t i = 0; i < count; i++) {
    if (i > 0 && compare_domains(&names[i], &names[i - 1]) == 0) continue;
    size_t len = 0;
    while (names[i][len]) len += names[i][len] + 1u;
    if (told++ < CACHED_DOMAINS_MAX && !each(context, names[i], len + 1)) break;
  }

  free(names);
  return told;
}
