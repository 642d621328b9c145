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

static unsigned number_of(const struct ways *w, const struct channel *c) {
  for (unsigned i = 0; i < w->count; i++) {
    if (w->list[i].channel == c) return i;
  }
  return WAYS_NOWHERE;
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

struct channel *ways_try(struct ways *w, unsigned number) {
  struct way *way = &w->list[number];
  if (!way->channel) way->channel = open_way(w, way);
  return way->channel;
}

/* ---- the list ---- */

/* One more, with the channel that it had before; not when it is there already, or can't be used here. */
static void append(struct ways *w, struct ways *old, const struct discover_way *at, enum tls_proof proof) {
  struct way way = {.at = *at, .proof = proof};
  if (w->count == WAYS_MAX || find(w, &way) != WAYS_NOWHERE) return;
  unsigned before = find(old, &way);
  if (before != WAYS_NOWHERE) {
    way.channel = old->list[before].channel;
    old->list[before].channel = NULL;
    if (before == old->used) w->used = w->count;
  }
  if (!way.channel) way.channel = open_way(w, &way);
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

static bool has_new(const struct ways *w, const struct ways *old) {
  for (unsigned i = 0; i < w->count; i++) {
    if (find(old, &w->list[i]) == WAYS_NOWHERE) return true;
  }
  return false;
}

/* Of several that are as good as each other the one in use comes first: servers tell of them in turn. */
static void prefer_used(struct ways *w) {
  if (!ns_has_way(w->server) || w->used == WAYS_NOWHERE) return;
  for (; w->used > 0; w->used--) {
    struct way *before = &w->list[w->used - 1], used = w->list[w->used];
    if (before->at.priority != used.at.priority || before->proof != used.proof) return;
    w->list[w->used] = *before;
    *before = used;
  }
}

bool ways_set(struct ways *w, const struct discover_way *told, unsigned n) {
  struct ways old = *w;
  w->count = 0;
  w->used = WAYS_NOWHERE;
  for (unsigned i = 0; i < n; i++) append(w, &old, &told[i], TLS_PROOF_NEEDED);
  if (w->server->address.ways & NS_WAYS_UNPROVEN) append_unproven(w, &old, told, n);

  prefer_used(w);
  if (w->used == WAYS_NOWHERE) w->server->way.state = WAY_NONE;
  close_rest(&old);
  return has_new(w, &old);
}

/* Questions that wait on the channel in this place keep it until they are answered; one that is of the list
 * is then opened anew when it is needed. */
static bool clear_place(struct ways *w, enum transport over) {
  struct channel *c = w->server->channels[over];
  unsigned number = number_of(w, c);
  if (is_waited_on(c)) {
    if (w->server->way.left) return false;
    w->server->way.left = c;
    if (number != WAYS_NOWHERE) w->list[number].channel = NULL;
  } else if (number == WAYS_NOWHERE) {
    c->ops->close(c);
  }
  w->server->channels[over] = NULL;
  return true;
}

bool ways_install(struct ways *w, unsigned number, enum way_state state, uint64_t now_ms) {
  struct way *way = &w->list[number];
  struct nameserver *s = w->server;
  struct channel **place = &s->channels[way->at.transport];
  if (*place && *place != way->channel && !clear_place(w, way->at.transport)) return false;

  *place = way->channel;
  w->used = number;
  s->way.state = state;
  s->way.transport = way->at.transport;
  s->way.addr = way->at.addr;
  s->way.proof = way->proof;
  s->way.since_ms = now_ms;
  s->way.silent = 0;
  return true;
}

void ways_free(struct ways *w) {
  w->server->way.state = WAY_NONE;
  close_rest(w);
  w->count = 0;
}
