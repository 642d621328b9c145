/* pending.c: the table of questions in flight and who waits for them. Exports pending_*. */
#include "forward/follow.h"

#include <stdlib.h>

#include "base/must.h"
#include "base/prefix.h"

bool pending_table_init(struct pending_table *t) {
  *t = (struct pending_table){.buckets = calloc(PENDING_BUCKETS, sizeof *t->buckets)};
  return t->buckets != NULL;
}

void pending_table_close(struct pending_table *t) {
  must(t->count == 0);
  free(t->buckets);
  t->buckets = NULL;
}

static struct pending **bucket(const struct pending_table *t, const struct question *q) {
  return &t->buckets[q->hash & (PENDING_BUCKETS - 1)];
}

struct pending *pending_find(const struct pending_table *t, const struct question *q) {
  struct pending *p = *bucket(t, q);
  while (p && !question_equal(&p->question, q)) p = p->next;
  return p;
}

struct pending *pending_new(struct pending_table *t, const struct question *q, bool ahead) {
  struct pending *p = calloc(1, sizeof *p);
  if (!p) return NULL;
  p->magic = PENDING_MAGIC;
  p->question = *q;
  p->ahead = ahead;
  list_init(&p->waiters);
  list_init(&p->strangers);
  for (unsigned i = 0; i < FORWARD_TRIES; i++) {
    list_init(&p->tries[i].x.link);
    p->tries[i].pending = p;
  }
  p->next = *bucket(t, q);
  *bucket(t, q) = p;
  t->count++;
  t->ahead += ahead;
  return p;
}

void pending_free(struct pending_table *t, struct pending *p) {
  must(p->magic == PENDING_MAGIC && list_empty(&p->waiters) && !timer_is_set(&p->timer) && !pending_has_open_try(p));
  struct pending **link = bucket(t, &p->question);
  while (*link != p) link = &(*link)->next;
  *link = p->next;
  t->count--;
  t->ahead -= p->ahead;
  follow_drop(p);
  upstream_release(p->upstream);
  pending_drop_part(p);
  p->magic = 0;
  free(p);
}

static bool is_again(const struct waiter *w, const struct query *q, const struct client *client) {
  return !client->tcp && !w->client.tcp && w->manner.id == q->manner.id && addr_equal(&w->client.peer, &client->peer);
}

enum err pending_may_join(const struct pending_table *t, const struct pending *p, const struct query *q, const struct client *client) {
  if (addr_is_loopback(&client->peer)) return t->waiting < CROWD_ALL ? ERR_NONE : ERR_OVERLOAD;

  struct prefix host = prefix_of_host(&client->peer);
  unsigned all = 0, same = 0;
  list_each(node, &p->strangers) {
    const struct waiter *w = container(node, struct waiter, stranger);
    if (is_again(w, q, client)) return ERR_AGAIN;
    struct prefix other = prefix_of_host(&w->client.peer);
    all++;
    same += prefix_equal(&other, &host);
  }

  bool room = all < CROWD_QUESTION && same < CROWD_HOST && t->waiting < CROWD_ALL / 4 * 3;
  return room ? ERR_NONE : ERR_OVERLOAD;
}

void pending_leave(struct waiter *w) {
  list_remove(&w->link);
  list_remove(&w->stranger);
  --*w->waiting;
  free(w);
}

bool pending_join(struct pending_table *t, struct pending *p, const struct query *q, const struct client *client,
                  uint64_t now_ms) {
  size_t spelled = q->manner.name_len + 4u;
  struct waiter *w = malloc(sizeof *w + spelled);
  if (!w) return false;
  w->client = *client;
  w->since_ms = now_ms;
  w->manner = q->manner;
  w->manner.spelled = w->spelled;
  memcpy(w->spelled, q->manner.spelled, spelled);
  list_append(&p->waiters, &w->link);
  list_init(&w->stranger);
  if (!addr_is_loopback(&client->peer)) list_append(&p->strangers, &w->stranger);
  w->waiting = &t->waiting;
  t->waiting++;
  t->ahead -= p->ahead;
  p->ahead = false;
  return true;
}

struct waiter *pending_first(const struct pending *p) {
  return list_empty(&p->waiters) ? NULL : container(p->waiters.next, struct waiter, link);
}

bool pending_has_open_try(const struct pending *p) {
  for (unsigned i = 0; i < FORWARD_TRIES; i++) {
    if (p->tries[i].x.carrier) return true;
  }
  return false;
}

void pending_drop_tries(struct pending *p) {
  for (unsigned i = 0; i < FORWARD_TRIES; i++) exchange_drop(&p->tries[i].x);
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
