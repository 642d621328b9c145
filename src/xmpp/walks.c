/* walks.c: puts together what a host asks on its way to an XMPP domain. Exports walks_*. */
#include "xmpp/walks.h"

#include <stdlib.h>

#include "base/hash.h"

/* What a domain said of one of its two services. */
enum service { SERVICE_UNKNOWN, SERVICE_LISTED, SERVICE_NONE /* "." */, SERVICE_EMPTY };

/* A walk that goes on. */
struct open_walk {
  struct walked walk;
  uint32_t token; /* 0: the place is free */
  uint32_t open;  /* questions without an answer */
  uint64_t last_ms;
  uint64_t domain_hash;
  enum service services[2]; /* by direct_tls */
  struct srv srvs[WALK_TARGETS];
  bool direct[WALK_TARGETS];
  uint64_t hashes[WALK_TARGETS]; /* of the targets' names */
  unsigned targets;
  uint32_t target_asked;             /* questions for targets' addresses */
  uint64_t target_ms, own_ms;        /* when an address was given out: of a target, of the domain; 0: none */
  uint64_t beside_ms;                /* and of a target with the SRV answer that names it */
  unsigned target_at, beside_target; /* which one */
  unsigned last_target;              /* whose addresses were asked for last */
  bool own_asked;
};

struct walks {
  uint64_t seed, heard_ms;
  uint32_t *serial;
  unsigned count; /* open ones */
  void (*ended)(void *ctx, const struct walked *w, uint64_t now_ms);
  void *ctx;
  struct open_walk list[WALKS_OPEN];
};

static uint64_t name_hash(const struct walks *ws, const uint8_t *name, size_t len) {
  uint8_t lower[NAME_MAX_LEN];
  name_lower(lower, name, len);
  return hash_bytes(lower, len, ws->seed);
}

/* ---- the end ---- */

static struct walk_way target_way(const struct open_walk *o, unsigned at) {
  const struct srv *s = &o->srvs[at];
  struct walk_way way = {.by_srv = true,
                         .direct_tls = o->direct[at],
                         .priority = s->priority,
                         .port = s->port,
                         .target_len = s->target_len};
  memcpy(way.target, s->target, s->target_len);
  return way;
}

static struct walk_way own_way(const struct open_walk *o) {
  struct walk_way way = {.port = family_port(o->walk.role), .target_len = o->walk.domain_len};
  memcpy(way.target, o->walk.domain, o->walk.domain_len);
  return way;
}

static void reached(struct open_walk *o, struct walk_way way, uint64_t at_ms) {
  o->walk.end = WALK_REACHED;
  o->walk.way = way;
  o->walk.reached_after_ms = at_ms > o->walk.began_ms ? (uint32_t)(at_ms - o->walk.began_ms) : 0;
}

/* The target that has this name; o->targets: none. */
static unsigned target_of(const struct open_walk *o, uint64_t hash) {
  unsigned i = 0;
  while (i < o->targets && o->hashes[i] != hash) i++;
  return i;
}

/* A host may ask for the domain's own addresses before it is told that the domain is a target, too. That
 * was for this target, then, unless it has asked for others since. */
static void take_own_as_target(struct open_walk *o) {
  unsigned own = target_of(o, o->domain_hash);
  if (own == o->targets || !o->own_asked) return;
  if (o->own_ms && !o->target_ms) {
    o->target_ms = o->own_ms;
    o->target_at = own;
  }
  if (o->target_asked || o->beside_ms) return;
  o->target_asked = 1;
  o->last_target = own;
}

/* A domain that lists targets is reached by one of them; its own addresses count where it lists none. */
static void judge(struct open_walk *o) {
  struct walked *w = &o->walk;
  take_own_as_target(o);
  bool is_none = o->services[0] == SERVICE_NONE || o->services[1] == SERVICE_NONE;
  if (o->target_ms) {
    reached(o, target_way(o, o->target_at), o->target_ms);
  } else if (o->beside_ms && !o->target_asked) {
    reached(o, target_way(o, o->beside_target), o->beside_ms);
  } else if (!o->targets && !is_none && o->own_ms) {
    reached(o, own_way(o), o->own_ms);
  } else if (w->failed) {
    w->end = WALK_FAILED;
  } else if (!o->targets && is_none) {
    w->end = WALK_NO_SERVICE;
  } else if (o->target_asked || (!o->targets && o->own_asked)) {
    w->end = WALK_NO_ADDRESS;
    w->way = o->target_asked ? target_way(o, o->last_target) : own_way(o);
  } else {
    w->end = WALK_NOT_TRIED;
  }
}

static void end_walk(struct walks *ws, struct open_walk *o, uint64_t now_ms) {
  o->token = 0;
  ws->count--;
  if (!o->walk.answers) return; /* it was cut short by others, and nothing can be said of it */
  judge(o);
  ws->ended(ws->ctx, &o->walk, now_ms);
}

static uint64_t since(uint64_t then_ms, uint64_t now_ms) { return now_ms > then_ms ? now_ms - then_ms : 0; }

static bool is_over(const struct open_walk *o, uint64_t now_ms) {
  return (!o->open && since(o->last_ms, now_ms) >= WALK_SILENCE_MS) ||
         since(o->walk.began_ms, now_ms) >= WALK_LONGEST_MS;
}

bool walks_sweep(struct walks *ws, uint64_t now_ms) {
  for (unsigned i = 0; i < WALKS_OPEN && ws->count; i++) {
    if (ws->list[i].token && is_over(&ws->list[i], now_ms)) end_walk(ws, &ws->list[i], now_ms);
  }
  return ws->count > 0;
}

/* ---- which walk ---- */

static struct open_walk *open_walk(struct walks *ws, const union addr *client, const struct family *f,
                                   uint64_t now_ms) {
  struct open_walk *place = &ws->list[0];
  for (unsigned i = 0; i < WALKS_OPEN; i++) {
    struct open_walk *o = &ws->list[i];
    if (!o->token) {
      place = o;
      break;
    }
    if (o->walk.began_ms < place->walk.began_ms) place = o;
  }

  if (place->token) end_walk(ws, place, now_ms);
  *place = (struct open_walk){
      .walk = {.client = *client, .role = f->role, .began_ms = now_ms, .domain_len = (uint8_t)f->domain_len},
      .domain_hash = name_hash(ws, f->domain, f->domain_len)};
  memcpy(place->walk.domain, f->domain, f->domain_len);
  *ws->serial = *ws->serial >= UINT32_MAX / WALKS_OPEN - 1 ? 1 : *ws->serial + 1;
  place->token = *ws->serial * WALKS_OPEN + (uint32_t)(place - ws->list);
  ws->count++;
  return place;
}

static struct open_walk *walk_to(struct walks *ws, const union addr *client, const struct family *f,
                                 uint64_t now_ms) {
  for (unsigned i = 0; i < WALKS_OPEN; i++) {
    struct open_walk *o = &ws->list[i];
    if (o->token && o->walk.role == f->role && addr_same_host(&o->walk.client, client) &&
        name_equal(o->walk.domain, o->walk.domain_len, f->domain, f->domain_len))
      return o;
  }
  return open_walk(ws, client, f, now_ms);
}

static bool is_address(uint16_t type) { return type == TYPE_A || type == TYPE_AAAA; }

/* The host's walk, begun last, that asks for this name's address. */
static struct open_walk *walk_past(struct walks *ws, const union addr *client, const struct question *q) {
  struct open_walk *found = NULL;
  uint64_t hash = name_hash(ws, q->key, q->name_len);
  for (unsigned i = 0; i < WALKS_OPEN; i++) {
    struct open_walk *o = &ws->list[i];
    if (!o->token || (o->domain_hash != hash && target_of(o, hash) == o->targets)) continue;
    if (addr_same_host(&o->walk.client, client) && (!found || o->walk.began_ms >= found->walk.began_ms))
      found = o;
  }
  if (!found) return NULL;

  unsigned target = target_of(found, hash);
  if (target < found->targets) {
    found->target_asked++;
    found->last_target = target;
  } else {
    found->own_asked = true;
  }
  return found;
}

unsigned walks_count(const struct walks *ws) { return ws->count; }

bool walks_may_have(const struct question *q, unsigned open) {
  struct family f;
  return is_address(question_type(q)) ? open > 0 : family_of(q, &f);
}

uint32_t walks_asked(struct walks *ws, const union addr *client, const struct question *q, uint64_t now_ms) {
  struct family f;
  struct open_walk *o = NULL;
  ws->heard_ms = now_ms;
  if (family_of(q, &f)) o = walk_to(ws, client, &f, now_ms);
  else if (ws->count && is_address(question_type(q))) o = walk_past(ws, client, q);
  if (!o) return 0;
  o->open++;
  o->last_ms = now_ms;
  return o->token;
}

/* ---- what an answer says ---- */

/* Puts s among the walk's targets, the first to be tried first; one that is there stays. */
static void take_target(struct walks *ws, struct open_walk *o, const struct srv *s, bool direct_tls) {
  uint64_t hash = name_hash(ws, s->target, s->target_len);
  unsigned at = 0;
  for (unsigned i = 0; i < o->targets; i++) {
    if (o->hashes[i] == hash && o->direct[i] == direct_tls) return;
  }

  while (at < o->targets && srv_compare(&o->srvs[at], s) <= 0) at++;
  bool is_noted = o->target_asked || o->target_ms || o->beside_ms; /* one of the places, which stay then */
  if (at == WALK_TARGETS || is_noted) at = o->targets;
  if (at == WALK_TARGETS) return;
  if (o->targets < WALK_TARGETS) o->targets++;
  for (unsigned i = o->targets - 1; i > at; i--) {
    o->srvs[i] = o->srvs[i - 1];
    o->direct[i] = o->direct[i - 1];
    o->hashes[i] = o->hashes[i - 1];
  }
  o->srvs[at] = *s;
  o->direct[at] = direct_tls;
  o->hashes[at] = hash;
}

static void read_service(struct walks *ws, struct open_walk *o, const struct walk_answer *a, bool direct_tls,
                         uint64_t now_ms) {
  struct wire w = record_start(a->msg, a->len);
  unsigned an = load_u16(a->msg + 6), all = an + load_u16(a->msg + 8) + load_u16(a->msg + 10);
  enum service *said = &o->services[direct_tls];
  struct record r;
  *said = SERVICE_EMPTY;
  for (unsigned i = 0; i < all && record_read(&w, &r); i++) {
    struct srv s;
    if (i < an && r.type == TYPE_SRV && srv_read(&r, &s)) {
      *said = srv_is_none(&s) ? SERVICE_NONE : SERVICE_LISTED;
      if (!srv_is_none(&s)) take_target(ws, o, &s, direct_tls);
    } else if (i >= an && is_address(r.type) && !o->beside_ms) {
      unsigned target = target_of(o, name_hash(ws, r.owner, r.owner_len));
      if (target == o->targets) continue;
      o->beside_ms = now_ms;
      o->beside_target = target;
    }
  }
}

static bool has_address(const struct walk_answer *a) {
  struct wire w = record_start(a->msg, a->len);
  unsigned an = load_u16(a->msg + 6);
  struct record r;
  for (unsigned i = 0; i < an && record_read(&w, &r); i++) {
    if (r.type == question_type(a->question)) return true;
  }
  return false;
}

static void read_address(struct walks *ws, struct open_walk *o, const struct walk_answer *a,
                         uint64_t now_ms) {
  if (!has_address(a)) return;
  unsigned target = target_of(o, name_hash(ws, a->question->key, a->question->name_len));
  if (target < o->targets && !o->target_ms) {
    o->target_ms = now_ms;
    o->target_at = target;
  }
  if (target == o->targets && !o->own_ms) o->own_ms = now_ms;
}

static bool is_failure(const struct walk_answer *a) {
  unsigned rcode = a->msg[3] & DNS_RCODE;
  return rcode != RCODE_NOERROR && rcode != RCODE_NXDOMAIN;
}

void walks_answered(struct walks *ws, const struct walk_answer *a, uint64_t now_ms) {
  struct open_walk *o = &ws->list[a->token % WALKS_OPEN];
  struct family f;
  ws->heard_ms = now_ms;
  if (!a->token || o->token != a->token || !o->open) return;
  o->open--;
  o->last_ms = now_ms;
  if (!a->msg || a->len < DNS_HEADER) return; /* a fault's silence */

  o->walk.answers++;
  o->walk.waited += a->waited;
  o->walk.stale += a->stale;
  o->walk.saved += a->saved;
  if (is_failure(a)) {
    o->walk.failed++;
    o->walk.why = a->why;
    o->walk.failed_question = *a->question;
  } else if (family_of(a->question, &f)) {
    read_service(ws, o, a, f.direct_tls, now_ms);
  } else {
    read_address(ws, o, a, now_ms);
  }
}

/* ---- their life ---- */

struct walks *walks_new(uint64_t seed, uint32_t *serial,
                        void (*ended)(void *ctx, const struct walked *w, uint64_t now_ms), void *ctx) {
  struct walks *ws = calloc(1, sizeof *ws);
  if (!ws) return NULL;
  ws->seed = seed;
  ws->serial = serial;
  ws->ended = ended;
  ws->ctx = ctx;
  return ws;
}

void walks_free(struct walks *ws) {
  if (!ws) return;
  for (unsigned i = 0; i < WALKS_OPEN; i++) {
    if (ws->list[i].token) end_walk(ws, &ws->list[i], ws->heard_ms);
  }
  free(ws);
}
