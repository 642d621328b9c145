/* renew.c: a name that is asked for in the second half of its TTL is in use: it is asked again shortly before it expires,
 * once, so that nobody has to wait for it. Exports renew_* to the room. */
#include <stdlib.h>

#include "base/log.h"
#include "base/must.h"
#include "dns/ttl.h"
#include "xmpp/xmpp_priv.h"

enum { RENEW_TTL_LEAST = 2, LEAD_LEAST_MS = 1000, LEAD_MOST_MS = 10000, RENEWAL_MAGIC = 0x52454e57 };

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
  char text[QUESTION_TEXT];
  log_debug("xmpp", "%s: in use, asked again", question_format(&q, text));
  unlink_and_free(r);
  if (!forward_renew(x->forward, &q, CACHE_RENEWED, now_ms)) renew_failed(x, &q, now_ms);
}

uint32_t renew_attend(const struct answer *a) {
  if (a->ttl_s < RENEW_TTL_LEAST) return 0;
  return a->head.born + ticks_of_ttl(a->ttl_s) / 2;
}

/* How long before its end an answer is asked for again: a tenth of its life, within bounds. */
static uint64_t lead_ms(uint32_t ttl_s) {
  uint64_t lead = ttl_s * 100ull;
  if (lead < LEAD_LEAST_MS) lead = LEAD_LEAST_MS;
  return lead < LEAD_MOST_MS ? lead : LEAD_MOST_MS;
}

static bool is_scheduled(struct xmpp *x, uint64_t hash) {
  for (struct renewal *r = *bucket(x, hash); r; r = r->next) {
    if (r->hash == hash) return true;
  }
  return false;
}

void renew_used(struct xmpp *x, const struct question *q, uint64_t now_ms) {
  if (x->renewal_count >= RENEWALS_MOST || is_scheduled(x, q->hash)) return;
  if (cache_peek(x->cache, q, tick_of_ms(now_ms), &x->found) != CACHE_FRESH) return;
  const struct answer *a = &x->found;
  if (a->ttl_s < RENEW_TTL_LEAST || tick_of_ms(now_ms) < renew_attend(a)) return;
  struct renewal *r = malloc(sizeof *r + question_key_len(q));
  if (!r || !timers_promise(x->timers)) {
    free(r);
    return;
  }
  *r = (struct renewal){.magic = RENEWAL_MAGIC, .xmpp = x, .key_len = question_key_len(q), .hash = q->hash,
                        .name_len = q->name_len, .next = *bucket(x, q->hash)};
  memcpy(r->key, q->key, r->key_len);
  r->timer.fire = due;
  *bucket(x, q->hash) = r;
  x->renewal_count++;
  uint64_t end = (uint64_t)(a->head.born + ticks_of_ttl(a->ttl_s)) * (1000 / TICKS_PER_S), lead = lead_ms(a->ttl_s);
  uint64_t at = end > now_ms + lead ? end - lead : now_ms;
  timers_set(x->timers, &r->timer, at);
  char text[QUESTION_TEXT];
  log_debug("xmpp", "%s: in use, to be asked again in %u s", question_format(q, text), (unsigned)((at - now_ms + 500) / 1000));
}

void renew_failed(struct xmpp *x, const struct question *q, uint64_t now_ms) {
  uint32_t tick = tick_of_ms(now_ms);
  cache_snooze(x->cache, q, tick, tick + TICKS_PER_S);
}

void renew_close(struct xmpp *x) {
  for (unsigned i = 0; i < RENEWAL_BUCKETS && x->renewal_count; i++) {
    while (x->renewals[i]) unlink_and_free(x->renewals[i]);
  }
}
