/* budget.c: what all workers may ask ahead, in windows of a second. Exports budget_*. */
#include "xmpp/budget.h"

#include <stdatomic.h>

#include "dns/question.h"

enum { WINDOW_MS = 1000, COUNT_BITS = 16, COUNT_MASK = (1 << COUNT_BITS) - 1 };

/* A worker whose clock stands a little before another's takes from the other's window. */
static bool take(budget_window *window, unsigned most, uint64_t now_ms) {
  uint64_t before = atomic_load_explicit(window, memory_order_relaxed), after;

  do {
    uint64_t begun_ms = before >> COUNT_BITS;
    if (before == 0 || now_ms >= begun_ms + WINDOW_MS) after = now_ms << COUNT_BITS | 1;
    else if ((before & COUNT_MASK) < most) after = before + 1;
    else return false;
  } while (!atomic_compare_exchange_weak_explicit(window, &before, after, memory_order_relaxed,
                                                  memory_order_relaxed));

  return true;
}

bool budget_take(struct xmpp_budget *b, uint64_t now_ms) { return take(&b->all, BUDGET_PER_S, now_ms); }

static budget_window *place_of(struct xmpp_budget *b, const uint8_t *zone, size_t len, uint64_t seed) {
  struct question q;
  question_make(&q, zone, len, 0, 0, 0, seed);
  return &b->outside[q.hash % BUDGET_PLACES];
}

/* Where the parent of the host begins that a name is about: behind labels like _5269._tcp, and one more. */
static size_t parent_at(const uint8_t *name) {
  size_t at = 0;
  while (name[at] && name[at + 1] == '_') at += name[at] + 1u;
  return name[at] ? at + name[at] + 1u : at;
}

bool budget_take_outside(struct xmpp_budget *b, const uint8_t *name, size_t len, uint64_t seed,
                         uint64_t now_ms) {
  size_t parent = parent_at(name), suffix = name_last_two_at(name);
  /* a top-level domain */
  if (parent > suffix)
    return take(place_of(b, name + parent, len - parent, seed), BUDGET_SUFFIX_PER_S, now_ms);
  if (!take(place_of(b, name + parent, len - parent, seed), BUDGET_PARENT_PER_S, now_ms)) return false;
  return parent == suffix ||
         take(place_of(b, name + suffix, len - suffix, seed), BUDGET_SUFFIX_PER_S, now_ms);
}
