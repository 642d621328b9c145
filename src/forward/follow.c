/* follow.c: aliases that lead to names of other servers. Exports follow_*. */
#include "forward/follow.h"

#include "base/log.h"
#include "dns/build.h"
#include "forward/await.h"

enum {
  KEPT_MAX_S = 60 /* the whole is kept under one name: a reload can't tell that another's servers or zone had
                   * a part in it */
};

/* The answer that led here, as a message. */
struct chain {
  const uint8_t *msg;
  size_t len;
};

bool follow_leaves(const void *ctx, const struct question *q, const uint8_t *name, size_t len) {
  const struct forward *f = ctx;
  struct question target;
  question_make(&target, name, len, question_type(q), question_class(q), question_flags(q), f->o.seed);
  if (f->o.local && f->o.is_local(f->o.local, &target)) return true;
  return routes_find(f->o.routes, &target) != routes_find(f->o.routes, q);
}

bool follow_start(struct pending *p, uint64_t now_ms) {
  struct forward *f = p->forward;
  const struct scrub_border *border = &f->border;
  struct question target;
  char text[QUESTION_TEXT];

  question_make(&target, border->target, border->target_len, question_type(&p->question),
                question_class(&p->question), question_flags(&p->question), f->o.seed);
  log_debug("forward", "an alias leads to other servers: %s", question_format(&target, text));
  return await_ask(p, &target, AWAIT_ALIAS, now_ms) == ERR_NONE;
}

/* Has it what was asked for, or says it for how long that is not there (RFC 2308 section 5)? */
static bool is_keepable(const struct awaited *target) {
  struct wire w = record_start(target->msg, target->len);
  struct record r;
  unsigned an = load_u16(target->msg + 6), ns = load_u16(target->msg + 8);
  for (unsigned i = 0; i < an + ns && record_read(&w, &r); i++) {
    if (i < an ? r.type == question_type(&target->question) : r.type == TYPE_SOA) return true;
  }
  return false;
}

/* Section by section: an answer's records stand in that order. */
static bool join_sections(struct build *b, const struct chain *chain, const struct awaited *target) {
  for (enum section s = SECTION_ANSWER; s <= SECTION_AUTHORITY; s++) {
    if (!build_add_message(b, chain->msg, chain->len, s, s)) return false;
    if (!build_add_message(b, target->msg, target->len, s, s)) return false;
  }
  return true;
}

enum err follow_join(struct pending *p) {
  struct forward *f = p->forward;
  const struct awaited *target = await_first(p);
  unsigned rcode = target->len ? target->msg[3] & DNS_RCODE : RCODE_SERVFAIL;
  if (!rcode_is_answer(rcode)) return err_is_of_dnssec(target->why) ? target->why : ERR_ALIAS;

  uint32_t chain_ttl_s = f->answer.ttl_s;
  uint8_t chain_flags = f->answer.head.flags;
  struct chain chain = {.msg = f->out, .len = answer_message(&p->question, &f->answer, f->out)};
  if (!chain.len) return ERR_ALIAS;

  struct build b;
  build_start(&b, &f->answer, &p->question, (uint8_t)rcode);
  if (!join_sections(&b, &chain, target)) return ERR_ALIAS;
  if (chain_flags & ANSWER_AD && target->msg[3] & DNS_AD) f->answer.head.flags |= ANSWER_AD;

  p->flaws = (target->stale ? FLAW_STALE : 0) | (target->msg[2] & DNS_TC ? FLAW_CUT : 0);
  struct answer_view v = answer_view(&f->answer);
  uint32_t ttl_s = answer_least_ttl(&v, 0, (unsigned)v.head.an + v.head.ns);
  if (chain_ttl_s < ttl_s) ttl_s = chain_ttl_s;
  if (ttl_s > KEPT_MAX_S) ttl_s = KEPT_MAX_S;
  f->answer.ttl_s = p->flaws || !is_keepable(target) ? 0 : ttl_s;
  return ERR_NONE;
}
