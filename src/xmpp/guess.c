/* guess.c: hosts that a domain's SRV records will probably name. Exports guess_*. */
#include "xmpp/guess.h"

#include <stdlib.h>

#include "base/hash.h"
#include "dns/name.h"

enum { WEIGHT = 65536, QUESTIONS = 2 /* A and AAAA of a host */ };

void guess_init(struct guesses *g, uint64_t seed) {
  *g = (struct guesses){.seed = seed, .credit = GUESS_SAVED_MOST};
  pthread_mutex_init(&g->mutex, NULL);
}

static uint64_t hash_of(const struct guesses *g, const uint8_t *name, size_t len) {
  uint8_t low[NAME_MAX_LEN];
  name_lower(low, name, len);
  return hash_bytes(low, len, g->seed);
}

/* ---- candidates ---- */

static bool candidate_is(const struct guess_candidate *c, const struct guess_candidate *other) {
  return c->below == other->below && c->len == other->len && memcmp(c->name, other->name, c->len) == 0;
}

/* What a domain with this best target speaks for. False: for none; its own name is asked for anyway. */
static bool candidate_of(const struct family *f, const struct srv *target, struct guess_candidate *out) {
  size_t own = target->target[0] + 1u;
  bool within = name_is_within(target->target, target->target_len, f->domain, f->domain_len);
  if (within && own + f->domain_len != target->target_len) return false;

  *out = (struct guess_candidate){.below = within, .len = (uint8_t)(within ? own : target->target_len)};
  name_lower(out->name, target->target, out->len);
  return true;
}

/* The host that it means for this domain. False: the name would be too long. */
static bool candidate_host(const struct guess_candidate *c, const struct family *f, struct srv *out) {
  size_t rest = c->below ? f->domain_len : 0;
  if (c->len + rest > NAME_MAX_LEN) return false;

  *out = (struct srv){.target_len = (uint8_t)(c->len + rest)};
  memcpy(out->target, c->name, c->len);
  memcpy(out->target + c->len, f->domain, rest);
  return true;
}

static bool candidate_is_among(const struct guess_candidate *c, const struct family *f,
                               const struct srv *targets, unsigned n) {
  struct srv host;
  if (!c->len || !candidate_host(c, f, &host)) return false;
  for (unsigned i = 0; i < n; i++) {
    if (name_equal(host.target, host.target_len, targets[i].target, targets[i].target_len)) return true;
  }
  return false;
}

/* Its own place, or that of the one which counts least. */
static struct guess_candidate *place_for(struct guesses *g, const struct guess_candidate *wanted) {
  struct guess_candidate *least = g->candidates;
  for (unsigned i = 0; i < GUESS_CANDIDATES; i++) {
    if (candidate_is(&g->candidates[i], wanted)) return &g->candidates[i];
    if (g->candidates[i].of_domains < least->of_domains) least = &g->candidates[i];
  }
  *least = *wanted;
  return least;
}

/* ---- learning ---- */

static void fade(uint32_t *weight) { *weight -= *weight / GUESS_MEMORY; }

/* Has the domain, or one with the same last two labels, counted lately? If not it has now. */
static bool has_counted(struct guesses *g, const struct family *f) {
  size_t at = name_last_two_at(f->domain);
  uint64_t hash = hash_of(g, f->domain + at, f->domain_len - at);
  for (unsigned i = 0; i < GUESS_RECENT; i++) {
    if (g->recent[i] == hash) return true;
  }
  g->recent[g->next_recent++ % GUESS_RECENT] = hash;
  return false;
}

/* A domain without targets counts as one for which no guess is right. */
static void count_domain(struct guesses *g, const struct family *f, const struct srv *targets, unsigned n) {
  struct guess_candidate named;
  if (has_counted(g, f)) return;

  fade(&g->domains);
  for (unsigned i = 0; i < GUESS_CANDIDATES; i++) fade(&g->candidates[i].of_domains);
  g->domains += WEIGHT;
  /* the best target is the one that is waited for */
  if (n > 0 && candidate_of(f, &targets[0], &named)) place_for(g, &named)->of_domains += WEIGHT;
}

static void count_contact(struct guesses *g, const struct family *f, const struct srv *targets, unsigned n) {
  fade(&g->contacts);
  g->contacts += WEIGHT;
  for (unsigned i = 0; i < GUESS_CANDIDATES; i++) {
    struct guess_candidate *c = &g->candidates[i];
    fade(&c->of_contacts);
    if (candidate_is_among(c, f, targets, n)) c->of_contacts += WEIGHT;
  }
}

/* ---- contacts ---- */

static uint64_t contact_id(const struct guesses *g, const struct family *f) {
  return (hash_of(g, f->domain, f->domain_len) ^ (uint64_t)f->role) | 2; /* never 0 */
}

static struct guess_contact *contact_place(struct guesses *g, uint64_t id) {
  return &g->open[(id >> 8) % GUESS_OPEN];
}

static void give_credit(struct guesses *g, unsigned questions) {
  g->credit += questions;
  if (g->credit > GUESS_SAVED_MOST) g->credit = GUESS_SAVED_MOST;
}

/* What was right cost nothing: its addresses are asked for in any case. */
static struct guess_outcome settle(struct guesses *g, const struct guess_contact *c,
                                   const struct srv *targets, unsigned n) {
  struct guess_outcome out = {0};
  for (unsigned i = 0; i < c->count; i++) {
    bool right = false;
    for (unsigned k = 0; k < n && !right; k++)
      right = hash_of(g, targets[k].target, targets[k].target_len) == c->hosts[i];
    if (right) give_credit(g, c->asked[i]);
    out.used += right;
    out.wasted += !right;
  }
  return out;
}

/* ---- guessing ---- */

static bool has_share(uint32_t part, uint32_t whole) {
  return (uint64_t)part * 100 >= (uint64_t)whole * GUESS_SHARE;
}

static bool knows_enough(uint32_t weight) { return weight >= GUESS_AFTER * WEIGHT; }

static bool is_likely(const struct guesses *g, const struct guess_candidate *c) {
  return c->len && has_share(c->of_domains, g->domains) &&
         (!knows_enough(g->contacts) || has_share(c->of_contacts, g->contacts));
}

/* The likeliest but those that are taken; NULL: none is likely enough. */
static const struct guess_candidate *likeliest(const struct guesses *g, const struct guess_candidate **taken,
                                               unsigned n) {
  const struct guess_candidate *best = NULL;
  for (unsigned i = 0; i < GUESS_CANDIDATES; i++) {
    const struct guess_candidate *c = &g->candidates[i];
    bool is_taken = false;
    for (unsigned k = 0; k < n; k++) is_taken |= taken[k] == c;
    if (!is_taken && is_likely(g, c) && (!best || c->of_domains > best->of_domains)) best = c;
  }
  return best;
}

/* They are paid for here: another thread may guess before these are asked for. */
static unsigned pick(struct guesses *g, const struct family *f, struct srv out[GUESS_MAX]) {
  const struct guess_candidate *taken[GUESS_MAX];
  unsigned n = 0, made = 0;
  if (!knows_enough(g->domains)) return 0;

  while (n < GUESS_MAX && g->credit >= (made + 1) * QUESTIONS && (taken[n] = likeliest(g, taken, n))) {
    made += candidate_host(taken[n], f, &out[made]);
    n++;
  }
  g->credit -= made * QUESTIONS;
  return made;
}

unsigned guess_begin(struct guesses *g, const struct family *f, struct srv out[GUESS_MAX],
                     struct guess_outcome *lost) {
  unsigned n = 0;
  *lost = (struct guess_outcome){0};
  pthread_mutex_lock(&g->mutex);
  uint64_t id = contact_id(g, f);
  struct guess_contact *c = contact_place(g, id);
  if (c->id != id) {
    lost->wasted = c->count;
    *c = (struct guess_contact){.id = id};
    give_credit(g, GUESS_SPEND);
    n = pick(g, f, out);
  }
  pthread_mutex_unlock(&g->mutex);
  return n;
}

bool guess_asked(struct guesses *g, const struct family *f, const struct srv *host, unsigned questions) {
  pthread_mutex_lock(&g->mutex);
  uint64_t id = contact_id(g, f);
  struct guess_contact *c = contact_place(g, id);
  bool open = c->id == id && c->count < GUESS_MAX;
  if (questions < QUESTIONS) give_credit(g, QUESTIONS - questions);
  if (open && questions) {
    c->asked[c->count] = (uint8_t)questions;
    c->hosts[c->count++] = hash_of(g, host->target, host->target_len);
  }
  pthread_mutex_unlock(&g->mutex);
  return open;
}

struct guess_outcome guess_answered(struct guesses *g, const struct family *f, const struct srv *targets,
                                    unsigned n) {
  struct guess_outcome out = {0};
  pthread_mutex_lock(&g->mutex);
  struct guess_contact *c = contact_place(g, contact_id(g, f));
  count_domain(g, f, targets, n);
  if (c->id == contact_id(g, f)) {
    count_contact(g, f, targets, n);
    out = settle(g, c, targets, n);
    *c = (struct guess_contact){0};
  }
  pthread_mutex_unlock(&g->mutex);
  return out;
}

struct guess_outcome guess_failed(struct guesses *g, const struct family *f) {
  struct guess_outcome out = {0};
  pthread_mutex_lock(&g->mutex);
  struct guess_contact *c = contact_place(g, contact_id(g, f));
  if (c->id == contact_id(g, f)) {
    out.wasted = c->count;
    *c = (struct guess_contact){0};
  }
  pthread_mutex_unlock(&g->mutex);
  return out;
}

/* ---- after a restart ---- */

static void learn_entry(struct guesses *g, const struct cache_entry *e, uint8_t *message,
                        struct srv *targets) {
  struct family f;
  if (!family_of(e->question, &f) || f.direct_tls) return;
  unsigned n = family_targets_in(e->question, &e->answer, message, targets, FAMILY_TARGETS);
  pthread_mutex_lock(&g->mutex);
  count_domain(g, &f, targets, n);
  pthread_mutex_unlock(&g->mutex);
}

void guess_learn_cache(struct guesses *g, struct cache *c, const bool *stop) {
  uint8_t *message = malloc(DNS_MSG_MAX);
  struct srv *targets = calloc(FAMILY_TARGETS, sizeof *targets);
  struct cache_walk *walk = cache_walk_new_until(c, stop);
  struct cache_entry e;

  while (message && targets && walk && cache_walk_next(walk, &e)) learn_entry(g, &e, message, targets);
  cache_walk_free(walk);
  free(targets);
  free(message);
}
