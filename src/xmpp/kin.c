/* kin.c: which subdomains are asked for after their domain. Exports kin_*. */
#include "xmpp/kin.h"

#include <stdlib.h>

#include "base/hash.h"
#include "dns/ttl.h"

enum { MS_PER_S = 1000 };

void kin_init(struct kin *k, uint64_t seed) {
  *k = (struct kin){.seed = seed};
  pthread_mutex_init(&k->mutex, NULL);
}

void kin_close(struct kin *k) {
  free(k->table);
  pthread_mutex_destroy(&k->mutex);
}

/* Of a name in lower case, for one side; never 0. */
static uint64_t hash_of(const struct kin *k, const uint8_t *name, size_t len, enum family_role role) {
  return hash_bytes(name, len, k->seed + role) | 1;
}

/* ---- places ---- */

static struct kin_domain *ways_of(struct kin_table *t, uint64_t hash) {
  return &t->domains[(hash >> 8) % (KIN_DOMAINS / KIN_WAYS) * KIN_WAYS];
}

static struct kin_domain *find_domain(struct kin_table *t, uint64_t hash) {
  struct kin_domain *ways = ways_of(t, hash);
  for (unsigned i = 0; i < KIN_WAYS; i++) {
    if (ways[i].hash == hash) return &ways[i];
  }
  return NULL;
}

/* Is a's place to be taken rather than b's? */
static bool goes_before(const struct kin_domain *a, const struct kin_domain *b) {
  if (a->proven != b->proven) return !a->proven;
  return a->asked_s < b->asked_s;
}

/* Those that nobody has wanted until now. */
static unsigned open_of(const struct kin_domain *d) {
  unsigned n = 0;
  for (unsigned i = 0; i < KIN_EACH; i++) n += d->members[i].made;
  return n;
}

static struct kin_domain *place_for_domain(struct kin_table *t, uint64_t hash, uint64_t now_s,
                                           struct kin_outcome *out) {
  struct kin_domain *ways = ways_of(t, hash), *d = ways;
  for (unsigned i = 1; i < KIN_WAYS; i++) {
    if (goes_before(&ways[i], d)) d = &ways[i];
  }
  out->wasted += open_of(d);
  *d = (struct kin_domain){.hash = hash, .asked_s = (uint32_t)now_s};
  return d;
}

/* `label` in lower case, its length before it. */
static struct kin_member *find_member(struct kin_domain *d, const uint8_t *label) {
  for (unsigned i = 0; i < KIN_EACH; i++) {
    struct kin_member *m = &d->members[i];
    if (m->label[0] && memcmp(m->label, label, label[0] + 1u) == 0) return m;
  }
  return NULL;
}

/* An empty place, else that of the one which weighs least. */
static struct kin_member *place_for_member(struct kin_domain *d, const uint8_t *label,
                                           struct kin_outcome *out) {
  struct kin_member *m = &d->members[0];
  for (unsigned i = 1; i < KIN_EACH && m->label[0]; i++) {
    if (!d->members[i].label[0] || d->members[i].weight < m->weight) m = &d->members[i];
  }
  out->wasted += m->made;
  *m = (struct kin_member){0};
  memcpy(m->label, label, label[0] + 1u);
  return m;
}

/* ---- what clients ask ---- */

static struct kin_recent *recent_place(struct kin_table *t, uint64_t hash) {
  return &t->recent[(hash >> 8) % KIN_RECENT];
}

static bool is_recent(struct kin_table *t, uint64_t hash, uint64_t now_s) {
  const struct kin_recent *r = recent_place(t, hash);
  return r->hash == hash && now_s <= r->asked_s + KIN_WINDOW_S;
}

/* Where the name of the parent begins; 0: there is none but the root, or the label is too long to be learnt.
 */
static size_t parent_at(const uint8_t *name) {
  return name[0] <= KIN_LABEL_MAX && name[name[0] + 1u] ? name[0] + 1u : 0;
}

/* Somebody wanted it: when it had been made it weighs more than before that. */
static void use(struct kin_domain *d, struct kin_member *m, uint8_t asked, struct kin_outcome *out) {
  out->used += m->made;
  m->asked |= asked;
  if (m->made) {
    d->proven = true;
    m->weight = m->weight + 2 < KIN_WEIGHT_MAX ? m->weight + 2 : KIN_WEIGHT_MAX;
  }
  m->made = false;
  if (m->weight < KIN_WEIGHT_NEW) m->weight = KIN_WEIGHT_NEW;
}

static uint8_t service_bit(const struct family *f) { return f->direct_tls ? KIN_SRV_TLS : KIN_SRV; }

/* `known`: its parent was asked for, too. */
static void note_subdomain(struct kin *k, const struct family *f, bool known, uint64_t now_s,
                           struct kin_outcome *out) {
  size_t at = parent_at(f->domain);
  if (!at) return;
  uint64_t hash = hash_of(k, f->domain + at, f->domain_len - at, f->role);
  struct kin_domain *d = find_domain(k->table, hash);
  struct kin_member *m = d ? find_member(d, f->domain) : NULL;
  if (!m && !known && !is_recent(k->table, hash, now_s)) return;

  if (!d) d = place_for_domain(k->table, hash, now_s, out);
  if (!m) m = place_for_member(d, f->domain, out);
  use(d, m, service_bit(f), out);
}

static bool has_table(struct kin *k) { return k->table || (k->table = calloc(1, sizeof *k->table)); }

struct kin_outcome kin_note_service(struct kin *k, const struct family *f, uint64_t now_ms) {
  uint64_t now_s = now_ms / MS_PER_S, hash = hash_of(k, f->domain, f->domain_len, f->role);
  struct kin_outcome out = {0};
  pthread_mutex_lock(&k->mutex);
  if (has_table(k)) {
    struct kin_domain *d = find_domain(k->table, hash);
    if (d) d->asked_s = (uint32_t)now_s;
    *recent_place(k->table, hash) = (struct kin_recent){.hash = hash, .asked_s = now_s};
    note_subdomain(k, f, false, now_s, &out);
  }
  pthread_mutex_unlock(&k->mutex);
  return out;
}

static void note_address(struct kin *k, const uint8_t *name, size_t len, enum family_role role) {
  size_t at = parent_at(name);
  struct kin_domain *d = find_domain(k->table, hash_of(k, name + at, len - at, role));
  struct kin_member *m = d ? find_member(d, name) : NULL;
  if (m) m->asked |= KIN_ADDRESSES;
}

void kin_note_address(struct kin *k, const uint8_t *name, size_t len) {
  if (!name[0] || !parent_at(name)) return;
  pthread_mutex_lock(&k->mutex);
  if (k->table) {
    note_address(k, name, len, FAMILY_C2S);
    note_address(k, name, len, FAMILY_S2S);
  }
  pthread_mutex_unlock(&k->mutex);
}

/* ---- what is to be asked ---- */

static struct kin_domain *domain_of(struct kin *k, const struct family *f) {
  return k->table ? find_domain(k->table, hash_of(k, f->domain, f->domain_len, f->role)) : NULL;
}

static int most_used_first(const void *a, const void *b) {
  const struct kin_member *x = a, *y = b;
  return (x->weight < y->weight) - (x->weight > y->weight);
}

unsigned kin_list(struct kin *k, const struct family *f, struct kin_member out[KIN_EACH]) {
  unsigned n = 0;
  pthread_mutex_lock(&k->mutex);
  const struct kin_domain *d = domain_of(k, f);
  for (unsigned i = 0; d && i < KIN_EACH; i++) {
    if (d->members[i].label[0]) out[n++] = d->members[i];
  }
  pthread_mutex_unlock(&k->mutex);
  qsort(out, n, sizeof *out, most_used_first);
  return n;
}

struct kin_outcome kin_note_made(struct kin *k, const struct family *f, const struct kin_member *made) {
  pthread_mutex_lock(&k->mutex);
  struct kin_domain *d = domain_of(k, f);
  struct kin_member *m = d ? find_member(d, made->label) : NULL;
  /* forgotten meanwhile: nobody will be seen to want it */
  struct kin_outcome out = {.wasted = !m || m->made};
  if (m) {
    m->weight -= m->weight > 0;
    m->made = true;
  }
  pthread_mutex_unlock(&k->mutex);
  return out;
}

/* ---- what the cache knows ---- */

/* Is the parent of f's domain there, for the same side, and did anybody ask for it? */
static bool parent_was_asked(const struct kin *k, struct cache *c, const struct family *f, uint32_t tick) {
  size_t at = parent_at(f->domain);
  struct family parent = *f;
  parent.domain += at;
  parent.domain_len -= at;
  for (unsigned tls = 0; at && tls < 2; tls++) {
    struct question q;
    bool unused;
    parent.direct_tls = tls;
    if (family_sibling(&parent, k->seed, &q) && cache_look(c, &q, tick, &unused) != CACHE_MISS && !unused)
      return true;
  }
  return false;
}

void kin_learn_cache(struct kin *k, struct cache *c, uint64_t now_ms, const bool *stop) {
  struct cache_walk *walk = cache_walk_new_until(c, stop);
  struct cache_entry e;
  struct family f;
  while (walk && cache_walk_next(walk, &e)) {
    if (!family_of(e.question, &f) || origin_is_prefetch(e.standing.origin)) continue;
    if (!parent_was_asked(k, c, &f, tick_of_ms(now_ms))) continue;
    pthread_mutex_lock(&k->mutex);
    struct kin_outcome none = {0}; /* nothing was asked for ahead as yet */
    if (has_table(k)) note_subdomain(k, &f, true, now_ms / MS_PER_S, &none);
    pthread_mutex_unlock(&k->mutex);
    if (e.answer.head.an == 0) kin_note_address(k, f.domain, f.domain_len);
  }
  cache_walk_free(walk);
}
