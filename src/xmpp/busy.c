/* busy.c: counts the XMPP domains that are asked for most. Exports busy_*. */
#include "xmpp/busy.h"

#include <stdlib.h>

/* The domain's place; NULL if it has none, and the place of the one asked for least, or a free one. */
static const struct busy_domain *find(const struct busy *b, const uint8_t *name, size_t len,
                                      const struct busy_domain **least) {
  *least = &b->domains[0];
  for (unsigned i = 0; i < BUSY_DOMAINS; i++) {
    const struct busy_domain *d = &b->domains[i];
    if (d->name_len == len && memcmp(d->name, name, len) == 0) return d;
    if (d->asked < (*least)->asked) *least = d;
  }
  return NULL;
}

/* The domain's place, or that of the one asked for least, which has to make room for it. */
static struct busy_domain *counter_for(struct busy *b, const uint8_t *name, size_t len) {
  const struct busy_domain *other, *there = find(b, name, len, &other);
  if (there) return &b->domains[there - b->domains];
  struct busy_domain *least = &b->domains[other - b->domains];
  least->error = least->asked;
  least->name_len = (uint8_t)len;
  memcpy(least->name, name, len);
  return least;
}

void busy_note(struct busy *b, const struct question *q) {
  struct family f;
  if (!family_of(q, &f)) return;
  b->noted++;
  counter_for(b, f.domain, f.domain_len)->asked++;
}

/* Whoever has no place in `from` was asked for there as often as the least of those that have one, at most.
 */
static void add_missing(struct busy *sum, const struct busy *from) {
  for (unsigned i = 0; i < BUSY_DOMAINS; i++) {
    struct busy_domain *d = &sum->domains[i];
    const struct busy_domain *least;
    if (!d->name_len || find(from, d->name, d->name_len, &least)) continue;
    d->asked += least->asked;
    d->error += least->asked;
  }
}

void busy_add(struct busy *sum, const struct busy *from) {
  sum->noted += from->noted;
  add_missing(sum, from);
  for (unsigned i = 0; i < BUSY_DOMAINS; i++) {
    const struct busy_domain *d = &from->domains[i];
    if (!d->name_len) continue;
    struct busy_domain *place = counter_for(sum, d->name, d->name_len);
    place->asked += d->asked;
    place->error += d->error;
  }
}

static int busiest_first(const void *a, const void *b) {
  const struct busy_domain *x = a, *y = b;
  return (x->asked < y->asked) - (x->asked > y->asked);
}

void busy_sort(struct busy *b) { qsort(b->domains, BUSY_DOMAINS, sizeof *b->domains, busiest_first); }
