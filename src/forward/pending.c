/* pending.c: the table of questions in flight and who waits for them. Exports pending_*. */
#include "forward/await.h"
#include "forward/prove.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/must.h"
#include "base/prefix.h"

bool pending_table_init(struct pending_table *t) {
  *t = (struct pending_table){.buckets = calloc(PENDING_BUCKETS, sizeof *t->buckets),
                              .alike = calloc(WAITERS_ALIKE_BUCKETS, sizeof(void *)),
                              .hosts = calloc(WAITERS_HOST_BUCKETS, sizeof *t->hosts)};
  if (t->buckets && t->alike && t->hosts) return true;
  pending_table_close(t);
  return false;
}

void pending_table_close(struct pending_table *t) {
  must(t->count == 0);
  free(t->buckets);
  free(t->alike);
  free(t->hosts);
  *t = (struct pending_table){0};
}

static struct pending **bucket(const struct pending_table *t, const struct question *q) {
  return &t->buckets[q->hash & (PENDING_BUCKETS - 1)];
}

struct pending *pending_find(const struct pending_table *t, const struct question *q) {
  struct pending *p = *bucket(t, q);
  while (p && !question_equal(&p->question, q)) p = p->next;
  return p;
}

struct pending *pending_new(struct pending_table *t, const struct question *q, bool prefetch) {
  struct pending *p = calloc(1, sizeof *p);
  if (!p) return NULL;
  p->magic = PENDING_MAGIC;
  p->question = *q;
  p->prefetch = prefetch;
  p->resume_ms = PENDING_OPEN;
  list_init(&p->waiters);
  list_init(&p->awaited);
  for (unsigned i = 0; i < FORWARD_TRIES; i++) {
    list_init(&p->tries[i].x.link);
    p->tries[i].pending = p;
  }

  p->next = *bucket(t, q);
  *bucket(t, q) = p;
  t->count++;
  t->prefetches += prefetch;
  return p;
}

void pending_free(struct pending_table *t, struct pending *p) {
  must(p->magic == PENDING_MAGIC && list_empty(&p->waiters) && !timer_is_set(&p->timer) &&
       !pending_has_open_try(p) && !p->fetch.asking);
  struct pending **link = bucket(t, &p->question);
  while (*link != p) link = &(*link)->next;
  *link = p->next;
  t->count--;
  t->prefetches -= p->prefetch;
  await_drop(p);
  prove_drop(p);
  pending_drop_draft(p);
  upstream_release(p->upstream);
  pending_drop_part(p);
  p->magic = 0;
  free(p);
}

static struct waiter_slot slot_of(const struct question *q, const struct query_opts *m,
                                  const struct client *client) {
  if (addr_is_loopback(&client->peer)) return (struct waiter_slot){0};
  struct prefix host = prefix_of_host(&client->peer);
  uint64_t by_host = hash_bytes(host.octets, sizeof host.octets, q->hash);
  uint64_t which = (uint64_t)m->id << 16 | addr_port(&client->peer);
  return (struct waiter_slot){.counts = true,
                              .host = by_host % WAITERS_HOST_BUCKETS,
                              .alike = hash_bytes(&which, sizeof which, by_host) % WAITERS_ALIKE_BUCKETS};
}

/* The same octets would answer both: spelling, sizes, flags and cookie are the same. */
static bool is_same_manner(const struct query_opts *a, const struct query_opts *b) {
  return a->id == b->id && a->opcode_rd == b->opcode_rd && a->cd == b->cd && a->ad == b->ad &&
         a->edns == b->edns && a->udp_size == b->udp_size && a->dnssec_ok == b->dnssec_ok &&
         !a->cookie_len == !b->cookie_len &&
         (!a->cookie_len || memcmp(a->cookie, b->cookie, COOKIE_CLIENT) == 0) && a->name_len == b->name_len &&
         memcmp(a->qname_wire, b->qname_wire, a->name_len) == 0;
}

static bool is_again(const struct waiter *w, const struct query *q, const struct client *client) {
  return !transport_is_stream(client->transport) && !transport_is_stream(w->client.transport) &&
         addr_equal(&w->client.peer, &client->peer) && is_same_manner(&w->query_opts, &q->query_opts);
}

enum err pending_may_join(const struct pending_table *t, const struct pending *p, const struct query *q,
                          const struct client *client) {
  struct waiter_slot slot = slot_of(&q->question, &q->query_opts, client);
  if (!slot.counts) return t->waiting < WAITERS_MAX ? ERR_NONE : ERR_OVERLOAD;

  for (const struct waiter *w = t->alike[slot.alike]; w; w = w->next_alike) {
    if (w->pending == p && is_again(w, q, client)) return ERR_AGAIN;
  }

  bool has_room = p->strangers < WAITERS_QUESTION_MAX && t->hosts[slot.host] < WAITERS_HOST_MAX &&
                  t->waiting < WAITERS_MAX / 4 * 3;
  return has_room ? ERR_NONE : ERR_OVERLOAD;
}

/* n: 1 as it comes, -1 as it goes. */
static void count_stranger(struct waiter *w, int n) {
  if (!w->slot.counts) return;
  w->pending->strangers += (unsigned)n;
  w->table->hosts[w->slot.host] = (uint16_t)(w->table->hosts[w->slot.host] + n);
}

void pending_leave(struct waiter *w) {
  struct waiter **link = &w->table->alike[w->slot.alike];
  while (w->slot.counts && *link != w) link = &(*link)->next_alike;
  if (w->slot.counts) *link = w->next_alike;
  count_stranger(w, -1);
  list_remove(&w->link);
  w->table->waiting--;
  free(w);
}

bool pending_join(struct pending_table *t, struct pending *p, const struct query *q,
                  const struct client *client, uint64_t now_ms) {
  size_t spelled = q->query_opts.name_len + 4u;
  struct waiter *w = malloc(sizeof *w + spelled);

  if (!w) return false;
  w->client = *client;
  w->since_ms = now_ms;
  w->query_opts = q->query_opts;
  w->query_opts.qname_wire = w->spelled;
  memcpy(w->spelled, q->query_opts.qname_wire, spelled);
  w->table = t;
  w->pending = p;
  w->slot = slot_of(&q->question, &q->query_opts, client);
  list_append(&p->waiters, &w->link);
  if (w->slot.counts) {
    w->next_alike = t->alike[w->slot.alike];
    t->alike[w->slot.alike] = w;
  }

  count_stranger(w, 1);
  t->waiting++;
  t->prefetches -= p->prefetch;
  p->prefetch = false;
  return true;
}

struct waiter *pending_first(const struct pending *p) {
  return list_empty(&p->waiters) ? NULL : container(p->waiters.next, struct waiter, link);
}

bool pending_has_open_try(const struct pending *p) {
  for (unsigned i = 0; i < FORWARD_TRIES; i++) {
    if (p->tries[i].x.channel) return true;
  }
  return false;
}

void pending_drop_tries(struct pending *p) {
  struct forward *f = p->forward;
  for (unsigned i = 0; i < FORWARD_TRIES; i++) channel_drop(&p->tries[i].x);
  if (p->fetch.asking) f->o.fleet.drop(f->o.fleet.ctx, &p->fetch);
}

void pending_keep_part(struct pending *p, const uint8_t *msg, size_t len, uint32_t tick, uint64_t due_ms) {
  if (p->partial && p->partial->len >= len) return;
  struct partial *part = malloc(sizeof *part + len);
  if (!part) return;
  part->due_ms = p->partial ? p->partial->due_ms : due_ms;
  part->tick = tick;
  part->len = len;
  memcpy(part->octets, msg, len);
  pending_drop_part(p);
  p->partial = part;
}

void pending_drop_part(struct pending *p) {
  free(p->partial);
  p->partial = NULL;
}

void pending_resume_at(struct pending *p, uint64_t at_ms) {
  p->resume_ms = at_ms;
  timers_set(p->forward->o.timers, &p->timer, at_ms);
}

bool pending_put_aside(struct pending *p) {
  if (p->draft != DRAFT_AT_WORK) return true;
  const struct answer *a = &p->forward->answer;
  size_t ttls_len = answer_records(&a->head) * sizeof *a->ttl_at;
  struct draft *d = malloc(sizeof *d + ttls_len + a->head.body_len);
  if (!d) return false;

  d->head = a->head;
  d->ttl_s = a->ttl_s;
  memcpy(d->octets, a->ttl_at, ttls_len);
  memcpy(d->octets + ttls_len, a->body, a->head.body_len);
  p->aside = d;
  p->draft = DRAFT_ASIDE;
  return true;
}

void pending_take_up(struct pending *p) {
  if (p->draft != DRAFT_ASIDE) return;
  const struct draft *d = p->aside;
  struct answer *a = &p->forward->answer;
  size_t ttls_len = answer_records(&d->head) * sizeof *a->ttl_at;

  a->head = d->head;
  a->ttl_s = d->ttl_s;
  memcpy(a->ttl_at, d->octets, ttls_len);
  memcpy(a->body, d->octets + ttls_len, d->head.body_len);
  pending_drop_draft(p);
  p->draft = DRAFT_AT_WORK;
}

void pending_drop_draft(struct pending *p) {
  free(p->aside);
  p->aside = NULL;
  p->draft = DRAFT_NONE;
}
