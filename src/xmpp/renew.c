/* renew.c: a name that is asked for in the second half of its TTL is in use; one that was renewed, when it is
 * asked for at any time: it is asked again once, just after it expired, while the cache gives out what it
 * has, so that nobody has to wait. Exports renew_* to the
 * module.
 *
 * Not before: most upstreams are caches themselves, whose TTLs count down. Asked early, they tell what is
 * left and nothing new. */
#include <stdlib.h>

#include "base/log.h"
#include "base/must.h"
#include "dns/ttl.h"
#include "xmpp/xmpp_priv.h"

enum { RENEWAL_MAGIC = 0x52454e57, TICK_MS = 1000 / TICKS_PER_S };

struct renewal {
  uint32_t magic;
  struct renewal *next;
  struct timer timer;
  struct xmpp *xmpp;
  size_t key_len;
  uint64_t hash;
  uint16_t name_len;
  uint8_t key[];
};

static struct renewal **bucket(struct xmpp *x, uint64_t hash) { return &x->renewals[hash % RENEWAL_BUCKETS]; }

static void unlink_and_free(struct renewal *r) {
  struct xmpp *x = r->xmpp;
  struct renewal **link = bucket(x, r->hash);
  while (*link != r) link = &(*link)->next;
  *link = r->next;
  x->renewal_count--;
  timers_stop(x->timers, &r->timer);
  timers_release(x->timers);
  r->magic = 0;
  free(r);
}

static void due(struct timer *t, uint64_t now_ms) {
  struct renewal *r = container(t, struct renewal, timer);
  must(r->magic == RENEWAL_MAGIC);
  struct question q = {.hash = r->hash, .name_len = r->name_len};
  memcpy(q.key, r->key, r->key_len);
  struct xmpp *x = r->xmpp;
  bool unused;
  char text[QUESTION_TEXT];
  unlink_and_free(r);
  /* somebody else had to ask for it */
  if (cache_look(x->cache, &q, tick_of_ms(now_ms), &unused) == CACHE_FRESH) return;
  log_debug("xmpp", "%s: in use, asked again", question_format(&q, text));
  forward_renew(x->forward, &q, ORIGIN_RENEWED, now_ms);
  /* those of its subdomains that were too young when it was found to be in use */
  if (x->o.prefetch) kin_fetch_in_use(x, &q, now_ms);
}

uint32_t renew_refresh_at(const struct answer *a) {
  if (a->ttl_s < RENEW_TTL_MIN) return 0;
  return a->head.stored_at + ticks_of_ttl(a->ttl_s) / 2;
}

static struct renewal *find(struct xmpp *x, uint64_t hash) {
  struct renewal *r = *bucket(x, hash);
  while (r && r->hash != hash) r = r->next;
  return r;
}

/* Linked in, its timer not yet set; NULL when memory is out or there are too many. */
static struct renewal *new_renewal(struct xmpp *x, const struct question *q) {
  struct renewal *r = x->renewal_count < RENEWALS_MAX ? malloc(sizeof *r + question_key_len(q)) : NULL;
  if (!r || !timers_promise(x->timers)) {
    free(r);
    return NULL;
  }

  *r = (struct renewal){.magic = RENEWAL_MAGIC,
                        .xmpp = x,
                        .key_len = question_key_len(q),
                        .hash = q->hash,
                        .name_len = q->name_len,
                        .next = *bucket(x, q->hash)};
  memcpy(r->key, q->key, r->key_len);
  r->timer.fire = due;
  *bucket(x, q->hash) = r;
  x->renewal_count++;
  return r;
}

static bool renew(struct xmpp *x, const struct question *q, enum cache_renewal why, uint64_t now_ms) {
  uint32_t expiry;
  /* before the entry is marked: nobody else could renew it then */
  if (x->renewal_count >= RENEWALS_MAX) return false;
  if (!cache_begin_renewal(x->cache, q, why, tick_of_ms(now_ms), &expiry)) return false;
  struct renewal *r = find(x, q->hash); /* one of its earlier life, that ended before its time */
  if (!r) r = new_renewal(x, q);
  if (!r) return false;
  uint64_t at = (uint64_t)(expiry + RENEW_AFTER_TICKS) * TICK_MS;
  timers_set(x->timers, &r->timer, at);
  char text[QUESTION_TEXT];
  log_debug("xmpp", "%s: in use, to be asked again in %u s", question_format(q, text),
            (unsigned)((at - now_ms + 500) / 1000));
  return true;
}

void renew_used(struct xmpp *x, const struct question *q, uint64_t now_ms) {
  renew(x, q, RENEWAL_OF_USED, now_ms);
}

void renew_steady(struct xmpp *x, const struct question *q, uint64_t now_ms) {
  renew(x, q, RENEWAL_OF_STEADY, now_ms);
}

bool renew_wanted(struct xmpp *x, const struct question *q, uint64_t now_ms) {
  return renew(x, q, RENEWAL_OF_WANTED, now_ms);
}

void renew_close(struct xmpp *x) {
  for (unsigned i = 0; i < RENEWAL_BUCKETS && x->renewal_count; i++) {
    while (x->renewals[i]) unlink_and_free(x->renewals[i]);
  }
}
