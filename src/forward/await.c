/* await.c: questions that other questions wait for. Exports await_*. */
#include "forward/await.h"

#include <stdlib.h>

#include "base/must.h"
#include "forward/failures.h"

enum { AWAIT_PROOFS = 64 /* questions that wait in a row: of each label of a name DS and DNSKEY */ };

static struct awaited *awaited_of(struct list *node) { return container(node, struct awaited, link); }

const struct awaited *await_first(const struct pending *p) {
  return list_empty(&p->awaited) ? NULL : awaited_of(p->awaited.next);
}

static bool is_any(const struct pending *p, enum awaited_state state) {
  list_each(node, &p->awaited) {
    if (awaited_of(node)->state == state) return true;
  }
  return false;
}

bool await_is_asking(const struct pending *p) { return is_any(p, AWAITED_BEING_ASKED); }
bool await_is_over(const struct pending *p) { return !is_any(p, AWAITED_OUT) && !await_is_asking(p); }

static void awaited_free(struct awaited *a) {
  list_remove(&a->link);
  free(a->msg);
  free(a);
}

void await_drop(struct pending *p) {
  list_each(node, &p->awaited) {
    struct awaited *a = awaited_of(node);
    a->pending = NULL;
    list_remove(&a->link);
    if (a->state == AWAITED_OVER) awaited_free(a);
  }
}

/* Does q wait for p, at so many removes? */
static bool leads_back(const struct pending *p, const struct question *q, unsigned *removes) {
  const struct pending *next = pending_find(&p->forward->table, q);
  if (!next || *removes == 0) return false;
  if (next == p) return true;

  --*removes;
  list_each(node, &next->awaited) {
    if (leads_back(p, &awaited_of(node)->question, removes)) return true;
  }
  return false;
}

static void keep(struct awaited *a, const uint8_t *msg, size_t len) {
  a->state = AWAITED_OVER;
  a->msg = len ? malloc(len) : NULL;
  if (!a->msg) return;
  memcpy(a->msg, msg, len);
  a->len = len;
}

/* Called from within another question's step: the one that waits goes on when the timers are next looked at.
 */
static void on_answer(const struct client *c, const uint8_t *msg, size_t len) {
  struct awaited *a = c->owner;
  struct pending *p = a->pending;
  if (!p) {
    awaited_free(a);
    return;
  }
  a->stale = c->stale;
  a->why = (enum err)c->why;
  keep(a, msg, len);
  if (await_is_over(p)) pending_resume_at(p, 0);
}

/* Past the cache: its servers are asked, or were a moment ago. */
static void ask_servers(struct awaited *a, const struct query *q, const struct client *client,
                        uint64_t now_ms) {
  struct forward *f = a->pending->forward;
  count(f->o.counters, miss);
  a->why = forward_ask(f, q, client, now_ms);
  a->state = a->why == ERR_NONE ? AWAITED_OUT : AWAITED_OVER;
  if (a->why == ERR_NONE) return;
  count(f->o.counters, rejected);
  count(f->o.counters, failed);
}

/* As a client of this machine would over TCP: the answer comes whole. */
static void ask(struct awaited *a, enum await_for what, uint64_t now_ms, uint8_t *out) {
  struct forward *f = a->pending->forward;
  uint8_t flags = question_flags(&a->question), links = (uint8_t)(a->pending->links + (what == AWAIT_ALIAS));
  struct client client = {.deliver = on_answer, .owner = a, .transport = TRANSPORT_TCP, .links = links};
  struct query q = {.question = a->question,
                    .query_opts = {.qname_wire = a->question.key, /* it begins as a question section does */
                                   .name_len = a->question.name_len,
                                   .udp_size = DNS_UDP_PLAIN,
                                   .opcode_rd = DNS_RD,
                                   .cd = flags & KEY_CD,
                                   .ad = true,
                                   .edns = flags & KEY_DO,
                                   .dnssec_ok = flags & KEY_DO}};
  client.peer.v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  client.local = client.peer;

  uint64_t stale = f->o.counters->stale;
  count(f->o.counters, followed);
  if (what != AWAIT_ALIAS) count(f->o.counters, proof_awaited);
  if (what == AWAIT_RENEWED_PROOF) {
    ask_servers(a, &q, &client, now_ms);
    return;
  }
  int len = f->o.answer(f->o.answer_ctx, &q, &client, now_ms, out);
  if (len < 0) {
    a->state = AWAITED_OUT;
    return;
  }
  a->stale = f->o.counters->stale != stale;
  a->why = failures_find(&f->failures, &a->question, now_ms);
  keep(a, out, (size_t)len);
}

uint8_t *await_take(struct pending *p, size_t *len) {
  struct awaited *a = awaited_of(p->awaited.next);
  uint8_t *msg = a->msg;
  *len = a->len;
  a->msg = NULL;
  a->len = 0;
  return msg;
}

enum err await_ask(struct pending *p, const struct question *q, enum await_for what, uint64_t now_ms) {
  unsigned removes = what == AWAIT_ALIAS ? FORWARD_ALIASES : AWAIT_PROOFS;
  if ((what == AWAIT_ALIAS && p->links >= FORWARD_ALIASES) || leads_back(p, q, &removes)) return ERR_ALIAS;

  struct awaited *a = calloc(1, sizeof *a);
  uint8_t *out = malloc(DNS_MSG_MAX);
  if (!a || !out || !pending_put_aside(p)) {
    free(a);
    free(out);
    return ERR_MEMORY;
  }

  *a = (struct awaited){.pending = p, .question = *q, .state = AWAITED_BEING_ASKED};
  list_append(&p->awaited, &a->link);
  ask(a, what, now_ms, out);
  free(out);
  if (await_is_over(p)) pending_take_up(p);
  return ERR_NONE;
}
