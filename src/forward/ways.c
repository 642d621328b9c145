/* ways.c: a plain server's encrypted ways, and which of them has the server's place. Exports ways_*. */
#include "forward/ways.h"

#include <stdio.h>
#include <string.h>

enum { TLS_PORT = 853 };

void ways_init(struct ways *w, struct nameserver *s, ways_open *open, void *ctx) {
  w->server = s;
  w->open = open;
  w->ctx = ctx;
  w->count = 0;
  w->used = WAYS_NOWHERE;
}

static bool is_same(const struct way *a, const struct way *b) {
  return a->proof == b->proof && a->at.transport == b->at.transport && addr_equal(&a->at.addr, &b->at.addr) &&
         strcmp(a->at.path, b->at.path) == 0;
}

static unsigned find(const struct ways *w, const struct way *way) {
  for (unsigned i = 0; i < w->count; i++) {
    if (is_same(&w->list[i], way)) return i;
  }
  return WAYS_NOWHERE;
}

/* ---- channels ---- */

static bool is_in_place(const struct ways *w, const struct channel *c) {
  for (unsigned over = 0; over < TRANSPORTS; over++) {
    if (w->server->channels[over] == c) return true;
  }
  return false;
}

static bool is_of_list(const struct ways *w, const struct channel *c) {
  for (unsigned i = 0; i < w->count; i++) {
    if (w->list[i].channel == c) return true;
  }
  return false;
}

static bool is_waited_on(struct channel *c) { return c->ops->facts && c->ops->facts(c)->waiting; }

/* Where a proof is needed the certificate has to be for the plain server's address, whatever it says of
 * itself. */
static struct channel *open_way(const struct ways *w, const struct way *way) {
  struct ns_address address = {
      .addr = way->at.addr, .transport = way->at.transport, .trust = w->server->address.trust};
  address.expect.proof = way->proof;
  address.expect.addr = w->server->address.addr;
  snprintf(address.path, sizeof address.path, "%s", way->at.path);
  return w->open(w->ctx, &address);
}

/* ---- the list ---- */

/* One more, with the channel that it had before; not when it is there already, or can't be used here. */
static void append(struct ways *w, struct ways *old, const struct discover_way *at, enum tls_proof proof) {
  struct way way = {.at = *at, .proof = proof};
  if (w->count == WAYS_MAX || find(w, &way) != WAYS_NOWHERE) return;
  unsigned before = find(old, &way);
  if (before == WAYS_NOWHERE) {
    way.channel = open_way(w, &way);
  } else {
    way.channel = old->list[before].channel;
    old->list[before].channel = NULL;
    if (before == old->used) w->used = w->count;
  }
  if (way.channel) w->list[w->count++] = way;
}

static void append_unproven(struct ways *w, struct ways *old, const struct discover_way *told, unsigned n) {
  const union addr *own = &w->server->address.addr;
  struct discover_way tls = {.transport = TRANSPORT_TLS, .addr = *own};
  for (unsigned i = 0; i < n && addr_is_private(own); i++) {
    if (!addr_same_host(&told[i].addr, own)) continue;
    append(w, old, &told[i], TLS_PROOF_NONE);
    break;
  }
  addr_set_port(&tls.addr, TLS_PORT);
  append(w, old, &tls, TLS_PROOF_NONE);
}

/* One that has a place of the server's stays there until that is needed: questions may wait on it. */
static void close_rest(struct ways *w) {
  for (unsigned i = 0; i < w->count; i++) {
    struct channel *c = w->list[i].channel;
    if (c && !is_in_place(w, c)) c->ops->close(c);
  }
}

static bool is_same_list(const struct ways *a, const struct ways *b) {
  bool same = a->count == b->count;
  for (unsigned i = 0; i < a->count && same; i++) same = is_same(&a->list[i], &b->list[i]);
  return same;
}

bool ways_set(struct ways *w, const struct discover_way *told, unsigned n) {
  struct ways old = *w;
  w->count = 0;
  w->used = WAYS_NOWHERE;
  for (unsigned i = 0; i < n; i++) append(w, &old, &told[i], TLS_PROOF_NEEDED);
  if (w->server->address.ways & NS_WAYS_UNPROVEN) append_unproven(w, &old, told, n);

  bool changed = !is_same_list(w, &old);
  if (w->used == WAYS_NOWHERE) w->server->way.state = WAY_NONE;
  close_rest(&old);
  return changed;
}

bool ways_install(struct ways *w, unsigned number) {
  struct way *way = &w->list[number];
  struct nameserver *s = w->server;
  struct channel **place = &s->channels[way->at.transport];
  if (*place && *place != way->channel) {
    if (s->way.state == WAY_PROVEN && s->way.transport == way->at.transport) s->way.state = WAY_UNPROVEN;
    if (is_waited_on(*place)) return false;
    if (!is_of_list(w, *place)) (*place)->ops->close(*place);
  }

  *place = way->channel;
  w->used = number;
  s->way.state = WAY_UNPROVEN;
  s->way.transport = way->at.transport;
  s->way.addr = way->at.addr;
  s->way.proof = way->proof;
  s->way.silent = 0;
  return true;
}

void ways_free(struct ways *w) {
  w->server->way.state = WAY_NONE;
  close_rest(w);
  w->count = 0;
}
