/* follow.c: aliases that lead to names of other servers. Exports follow_*. */
#include "forward/follow.h"

#include <stdlib.h>

#include "base/log.h"
#include "dns/build.h"

enum {
  KEPT_MOST_S = 60 /* the whole is kept under one name: a reload can't tell that another's servers or zone had
                      a part in it */
};

struct follow {
  struct pending *pending; /* NULL: it waits no longer */
  struct question target;
  bool is_out; /* on_found will be called */
  bool stale;
  uint8_t *found; /* owned; what the target's question was answered with. NULL: not yet, or nothing */
  size_t found_len;
  uint32_t chain_ttl_s;
  uint8_t chain_flags;
  size_t chain_len;
  uint8_t chain[]; /* the answer that led here, as a message */
};

bool follow_leaves(const void *ctx, const struct question *q, const uint8_t *name, size_t len) {
  const struct forward *f = ctx;
  struct question target;
  question_make(&target, name, len, question_type(q), question_class(q), question_flags(q), f->o.seed);
  if (f->o.local && f->o.is_local(f->o.local, &target)) return true;
  return routes_find(f->o.routes, &target) != routes_find(f->o.routes, q);
}

static void follow_free(struct follow *follow) {
  free(follow->found);
  free(follow);
}

void follow_drop(struct pending *p) {
  struct follow *follow = p->follow;
  p->follow = NULL;
  if (!follow) return;
  follow->pending = NULL;
  if (!follow->is_out) follow_free(follow);
}

bool follow_is_over(const struct follow *follow) { return !follow->is_out; }

/* Does what p waits for wait for p itself? Each alias of the ring has its question in flight. */
static bool is_ring(const struct forward *f, const struct pending *p, const struct question *target) {
  const struct pending *next = pending_find(&f->table, target);
  for (unsigned i = 0; next && i < FORWARD_ALIASES; i++) {
    if (next == p) return true;
    next = next->follow ? pending_find(&f->table, &next->follow->target) : NULL;
  }
  return false;
}

static void keep_found(struct follow *follow, const uint8_t *msg, size_t len) {
  follow->found = len ? malloc(len) : NULL;
  if (!follow->found) return;
  memcpy(follow->found, msg, len);
  follow->found_len = len;
}

/* Called from within another question's step: this one goes on when the timers are next looked at. */
static void on_found(const struct client *c, const uint8_t *msg, size_t len) {
  struct follow *follow = c->owner;
  struct pending *p = follow->pending;
  follow->is_out = false;
  if (!p) {
    follow_free(follow);
    return;
  }
  follow->stale = c->stale;
  keep_found(follow, msg, len);
  timers_set(p->forward->o.timers, &p->timer, 0);
}

/* As a client of this machine would over TCP: the answer comes whole. */
static void ask(struct forward *f, struct follow *follow, uint64_t now_ms) {
  uint8_t flags = question_flags(&follow->target), *out = malloc(DNS_MSG_MAX);
  struct client client = {.deliver = on_found,
                          .owner = follow,
                          .transport = TRANSPORT_TCP,
                          .links = (uint8_t)(follow->pending->links + 1)};
  struct query q = {.question = follow->target,
                    .query_opts = {.spelled = follow->target.key, /* it begins as a question section does */
                                   .name_len = follow->target.name_len,
                                   .udp_size = DNS_UDP_PLAIN,
                                   .opcode_rd = DNS_RD,
                                   .cd = flags & KEY_CD,
                                   .ad = true,
                                   .edns = flags & KEY_DO,
                                   .dnssec_ok = flags & KEY_DO}};

  if (!out) return;
  client.peer.v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  client.local = client.peer;

  uint64_t stale = f->o.counters->stale;
  count(f->o.counters, followed);
  follow->is_out = true;
  int len = f->o.answer(f->o.answer_ctx, &q, &client, now_ms, out);
  if (len >= 0) {
    follow->is_out = false;
    follow->stale = f->o.counters->stale != stale;
    keep_found(follow, out, (size_t)len);
  }

  free(out);
}

struct follow *follow_new(struct forward *f, struct pending *p, uint64_t now_ms) {
  const struct scrub_border *border = &f->border;
  struct question target;
  char text[QUESTION_TEXT];

  question_make(&target, border->target, border->target_len, question_type(&p->question),
                question_class(&p->question), question_flags(&p->question), f->o.seed);
  if (p->links >= FORWARD_ALIASES || is_ring(f, p, &target)) return NULL;

  size_t len = answer_message(&p->question, &f->answer, f->out);
  struct follow *follow = len ? calloc(1, sizeof *follow + len) : NULL;
  if (!follow) return NULL;
  follow->pending = p;
  follow->target = target;
  follow->chain_ttl_s = f->answer.ttl_s;
  follow->chain_flags = f->answer.head.flags;
  follow->chain_len = len;
  memcpy(follow->chain, f->out, len);

  log_debug("forward", "an alias leads to other servers: %s", question_format(&target, text));
  ask(f, follow, now_ms);
  return follow;
}

static bool is_answer(unsigned rcode) {
  return rcode == RCODE_NOERROR || rcode == RCODE_NXDOMAIN || rcode == RCODE_YXDOMAIN;
}

/* Has it what was asked for, or says it for how long that is not there (RFC 2308 section 5)? */
static bool is_keepable(const struct follow *follow) {
  const uint8_t *msg = follow->found;
  struct wire w = wire_read(msg, follow->found_len);
  struct record r;
  uint8_t name[NAME_MAX_LEN];
  unsigned an = load_u16(msg + 6), ns = load_u16(msg + 8);
  wire_bytes(&w, DNS_HEADER);
  name_read(&w, name);
  wire_bytes(&w, 4);
  for (unsigned i = 0; i < an + ns && record_read(&w, &r); i++) {
    if (i < an ? r.type == question_type(&follow->target) : r.type == TYPE_SOA) return true;
  }
  return false;
}

/* Section by section: an answer's records stand in that order. */
static bool join_sections(struct build *b, const struct follow *follow) {
  for (enum section s = SECTION_ANSWER; s <= SECTION_AUTHORITY; s++) {
    if (!build_add_message(b, follow->chain, follow->chain_len, s, s)) return false;
    if (!build_add_message(b, follow->found, follow->found_len, s, s)) return false;
  }
  return true;
}

enum err follow_join(struct forward *f, struct pending *p) {
  const struct follow *follow = p->follow;
  const uint8_t *found = follow->found;
  unsigned rcode = found ? found[3] & DNS_RCODE : RCODE_SERVFAIL;

  if (!is_answer(rcode)) return ERR_ALIAS;

  struct build b;
  build_start(&b, &f->answer, &p->question, (uint8_t)rcode);
  if (!join_sections(&b, follow)) return ERR_ALIAS;
  if (follow->chain_flags & ANSWER_AD && found[3] & DNS_AD) f->answer.head.flags |= ANSWER_AD;

  p->stale_target = follow->stale;
  p->cut_target = found[2] & DNS_TC;
  struct answer_view v = answer_view(&f->answer);
  uint32_t ttl_s = answer_least_ttl(&v, 0, (unsigned)v.head.an + v.head.ns);
  if (follow->chain_ttl_s < ttl_s) ttl_s = follow->chain_ttl_s;
  if (ttl_s > KEPT_MOST_S) ttl_s = KEPT_MOST_S;
  f->answer.ttl_s = p->stale_target || p->cut_target || !is_keepable(follow) ? 0 : ttl_s;
  return ERR_NONE;
}
