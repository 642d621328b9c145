/* domains.c: what became of XMPP domains' services. Exports domains_*. */
#include "xmpp/domains.h"

#include <stdlib.h>

const struct domain_outcomes *domains_find(const struct domains *d, const uint8_t *name, size_t len) {
  for (unsigned i = 0; i < DOMAINS_MAX; i++) {
    const struct domain_outcomes *one = &d->list[i];
    if (one->name_len == len && memcmp(one->name, name, len) == 0) return one;
  }
  return NULL;
}

/* The domain's place, or that of the one waited for least, which has to make room for it. */
static struct domain_outcomes *place_for(struct domains *d, const uint8_t *name, size_t len) {
  const struct domain_outcomes *there = domains_find(d, name, len);
  if (there) return &d->list[there - d->list];

  struct domain_outcomes *least = &d->list[0];
  for (unsigned i = 1; i < DOMAINS_MAX; i++) {
    if (d->list[i].rank < least->rank) least = &d->list[i];
  }
  *least = (struct domain_outcomes){.rank = least->rank, .name_len = (uint8_t)len};
  memcpy(least->name, name, len);
  return least;
}

void domains_note(struct domains *d, const struct question *q, const struct forward_told *told,
                  uint64_t now_ms) {
  struct family f;
  if (!family_of(q, &f)) return;
  struct domain_outcomes *one = place_for(d, f.domain, f.domain_len);
  one->rank++;
  one->told++;
  if (told->how == TOLD_STALE) one->stale++;
  if (told->how != TOLD_FAILURE) {
    one->wait_ms += told->waited_ms;
    return;
  }

  one->failed++;
  one->failed_ms = now_ms;
  one->why = told->why;
  one->role = f.role;
  one->direct_tls = f.direct_tls;
}

void domains_add(struct domains *sum, const struct domains *from) {
  for (unsigned i = 0; i < DOMAINS_MAX; i++) {
    const struct domain_outcomes *d = &from->list[i];
    if (!d->name_len) continue;
    struct domain_outcomes *one = place_for(sum, d->name, d->name_len);
    one->rank += d->rank;
    one->told += d->told;
    one->stale += d->stale;
    one->failed += d->failed;
    one->wait_ms += d->wait_ms;
    if (d->failed_ms <= one->failed_ms) continue;
    one->failed_ms = d->failed_ms;
    one->why = d->why;
    one->role = d->role;
    one->direct_tls = d->direct_tls;
  }
}

static int most_waited_for_first(const void *a, const void *b) {
  const struct domain_outcomes *x = a, *y = b;
  return (x->rank < y->rank) - (x->rank > y->rank);
}

void domains_sort(struct domains *d) { qsort(d->list, DOMAINS_MAX, sizeof *d->list, most_waited_for_first); }

const char *domains_service_text(const struct domain_outcomes *d) {
  static const char *const texts[][2] = {
      [FAMILY_C2S] = {"_xmpp-client", "_xmpps-client"}, [FAMILY_S2S] = {"_xmpp-server", "_xmpps-server"}};
  return texts[d->role][d->direct_tls];
}
