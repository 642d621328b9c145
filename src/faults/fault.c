/* fault.c: the rules in force, and which answers they match. Exports faults_*, fault_delay_ms. */
#include "faults/fault.h"

#include <stdlib.h>

#include "faults/fault_priv.h"

/* ---- sets ---- */

static struct faults *copy(const struct faults *old) {
  struct faults *fs = calloc(1, sizeof *fs);
  if (fs && old) *fs = *old;
  return fs;
}

/* False, and nothing is changed: memory is out, or there are as many as there may be. */
static bool add(struct faults *fs, const struct rule *r, bool persistent, uint64_t now_ms) {
  struct fault_live *f = fs->count < FAULTS_MAX ? calloc(1, sizeof *f) : NULL;
  if (!f) return false;
  f->rule = *r;
  f->number = ++fs->last_number;
  f->set_ms = now_ms;
  f->persistent = persistent;
  fs->rules[fs->count++] = f;
  return true;
}

struct faults *faults_with(const struct faults *old, const struct rule *r, uint64_t now_ms) {
  struct faults *fs = copy(old);
  if (!fs || add(fs, r, false, now_ms)) return fs;
  free(fs);
  return NULL;
}

struct faults *faults_with_persistent(const struct faults *old, const struct rule *const *rules, unsigned n,
                                      uint64_t now_ms) {
  struct faults *fs = copy(old);
  if (!fs) return NULL;
  fs->count = 0;
  for (unsigned i = 0; old && i < old->count; i++) {
    if (!old->rules[i]->persistent) fs->rules[fs->count++] = old->rules[i];
  }

  for (unsigned i = 0; i < n; i++) {
    if (add(fs, rules[i], true, now_ms)) continue;
    faults_free(fs, old);
    return NULL;
  }
  return fs;
}

struct faults *faults_without(const struct faults *old, unsigned number) {
  struct faults *fs = copy(old);
  if (!fs) return NULL;
  fs->count = 0;
  for (unsigned i = 0; old && i < old->count; i++) {
    if (number && old->rules[i]->number != number) fs->rules[fs->count++] = old->rules[i];
  }
  return fs;
}

bool faults_have(const struct faults *fs, const struct fault_live *f) {
  for (unsigned i = 0; fs && i < fs->count; i++) {
    if (fs->rules[i] == f) return true;
  }
  return false;
}

void faults_free(struct faults *old, const struct faults *next) {
  for (unsigned i = 0; old && i < old->count; i++) {
    if (!faults_have(next, old->rules[i])) free(old->rules[i]);
  }
  free(old);
}

/* ---- what they match ---- */

static bool is_for(const struct rule *r, const struct question *q, const union addr *peer, bool tcp) {
  if (rule_has(r, RULE_TRANSPORT) && r->tcp != tcp) return false;
  if (rule_has(r, RULE_CLIENT) && !prefix_has(&r->client, peer)) return false;
  if (rule_has(r, RULE_TYPE)) {
    unsigned i = 0;
    while (i < r->type_count && r->types[i] != question_type(q)) i++;
    if (i == r->type_count) return false;
  }
  return !rule_has(r, RULE_NAME) || rule_name_matches(&r->name, q->key);
}

static bool is_in_force(const struct fault_live *f, uint64_t now_ms) {
  const struct rule *r = &f->rule;
  uint64_t age_ms = now_ms > f->set_ms ? now_ms - f->set_ms : 0;
  if (rule_has(r, RULE_FROM) && age_ms < r->from_ms) return false;
  if (rule_has(r, RULE_UNTIL) && age_ms >= r->until_ms) return false;
  return !rule_has(r, RULE_FLAP) || age_ms % ((uint64_t)r->up_ms + r->down_ms) >= r->up_ms;
}

/* Is its nth answer among the share, and not beyond the first so many? */
static bool wins(struct fault_live *f, uint64_t nth) {
  const struct rule *r = &f->rule;
  uint64_t state = fault_rng_start(r->seed, nth, DRAW_SHARE);
  if (rule_has(r, RULE_PART) && fault_rng_below(&state, RULE_SHARE) >= r->share) return false;
  if (__atomic_fetch_add(&f->spoiled, 1, __ATOMIC_RELAXED) < r->first || !rule_has(r, RULE_FIRST))
    return true;
  __atomic_fetch_sub(&f->spoiled, 1, __ATOMIC_RELAXED);
  return false;
}

bool faults_match(const struct faults *fs, const struct question *q, const union addr *peer, bool tcp,
                  uint64_t now_ms, struct fault_match *out) {
  for (unsigned i = 0; i < fs->count; i++) {
    struct fault_live *f = fs->rules[i];
    if (!is_for(&f->rule, q, peer, tcp) || !is_in_force(f, now_ms)) continue;
    uint64_t nth = __atomic_fetch_add(&f->matched, 1, __ATOMIC_RELAXED);
    if (!wins(f, nth)) continue;
    *out = (struct fault_match){.fault = f, .nth = nth};
    return true;
  }
  return false;
}

uint32_t fault_delay_ms(const struct fault_match *k) {
  const struct rule *r = &k->fault->rule;
  uint64_t state = fault_rng_start(r->seed, k->nth, DRAW_DELAY);
  return r->delay_ms + (uint32_t)fault_rng_below(&state, (uint64_t)r->delay_most_ms - r->delay_ms + 1);
}
