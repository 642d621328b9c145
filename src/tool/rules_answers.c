/* rules_answers.c: TTLs and sizes of answers, and what the server that was asked is like. Exports
 * rules_of_answers. */
#include <stdio.h>
#include <stdlib.h>

#include "tool/domain.h"
#include "tool/rules_priv.h"

enum {
  TTL_FEW_S = 300,
  TTL_DAY_S = 86400,
  NEGATIVE_LONG_S = 10800,
  SIZE_PLAIN = 512,  /* octets that a program without EDNS takes */
  SIZE_SAFE = 1232,  /* that get through everywhere over UDP */
  ERLANG_MS = 667,   /* after which ejabberd asks again */
  SLIXMPP_MS = 1000, /* after which slixmpp gives up */
  SLOW_SERVER_MS = 400
};

/* ---- TTLs and sizes ---- */

/* Octets of the answer without what came along: header, question, answer section. */
static size_t answer_size(const struct asked *a) {
  struct reply p = reply_open(a->msg, a->len);
  struct record r;
  size_t end = p.w.at;
  while (reply_next_answer(&p, TYPE_SRV, &r)) end = p.w.at;
  return end;
}

static void rules_of_size(struct report *r, const struct service *s) {
  size_t size = answer_size(&s->asked);
  if (size <= SIZE_PLAIN) return;
  struct finding *f = report_add(r, size > SIZE_SAFE ? RULE_ANSWER_LARGE : RULE_ANSWER_512, s->kind->side,
                                 s->kind->labels, "The answer for %s has %zu octets", s->kind->labels, size);
  finding_data(f, "octets", size);
}

/* A cache's TTLs count down, so that only what is long already is sure; an authority's own (AA) are whole. */
static void rules_of_ttl(struct report *r, const struct service *s) {
  bool whole = (r->facts->offline && !r->facts->from_cache) || s->asked.msg[2] & DNS_AA;
  enum rule_id rule = s->ttl == 0                   ? RULE_TTL_ZERO
                      : s->ttl < TTL_FEW_S && whole ? RULE_TTL_SHORT
                      : s->ttl > TTL_DAY_S          ? RULE_TTL_LONG
                                                    : RULE_COUNT;
  struct record srv;
  uint32_t most = 0;
  struct reply p = reply_open(s->asked.msg, s->asked.len);

  if (rule != RULE_COUNT) {
    struct finding *f = report_add(r, rule, s->kind->side, s->kind->labels, "The TTL of %s is %u s",
                                   s->kind->labels, s->ttl);
    finding_data(f, "ttl", s->ttl);
    f->sure = whole || rule == RULE_TTL_LONG;
  }

  while (reply_next_answer(&p, TYPE_SRV, &srv)) {
    if (srv.ttl > most) most = srv.ttl;
  }

  if (most > s->ttl)
    report_add(r, RULE_TTL_UNLIKE, s->kind->side, s->kind->labels,
               "The records of %s have TTLs from %u to %u s", s->kind->labels, s->ttl, most);
}

/* A target that no cache keeps is asked for anew at each contact, however long the SRV records may be kept.
 */
static void rule_of_host_ttl(struct report *r, const struct service *s) {
  for (size_t i = 0; i < s->count; i++) {
    const struct host *h = s->hosts[i];
    bool whole = h && ((r->facts->offline && !r->facts->from_cache) ||
                       (h->asked[0].outcome == ASKED_ANSWERED && h->asked[0].msg[2] & DNS_AA));
    char name[NAME_TEXT];
    for (size_t k = 0; h && k < h->address_count; k++) {
      if (h->addresses[k].ttl > 0) continue;
      lookup_host_text(h, name);
      struct finding *f = report_add(r, RULE_TTL_ZERO, s->kind->side, name,
                                     "The TTL of the addresses of %s is 0 s", name);
      finding_data(f, "ttl", 0);
      f->sure = whole;
      break;
    }
  }
}

static void rule_of_negative_ttl(struct report *r) {
  const struct asked *a = &r->facts->single[FACT_SOA];
  struct record soa;
  char domain[NAME_TEXT];
  if (!rules_has_type(a, TYPE_SOA, &soa) || soa.rdlen < 4) return;

  uint32_t minimum = load_u32(record_rdata(&soa) + soa.rdlen - 4),
           ttl = soa.ttl < minimum ? soa.ttl : minimum;
  if (ttl <= NEGATIVE_LONG_S) return;
  struct finding *f = report_add(r, RULE_NEGATIVE_TTL_LONG, LOOKUP_BOTH,
                                 lookup_host_text(r->facts->domain->domain, domain),
                                 "That a record does not exist is remembered for %u s", ttl);
  finding_data(f, "ttl", ttl);
  if (ttl > TTL_DAY_S) f->severity = SEVERITY_WARNING;
}

static void rule_of_slowness(struct report *r, const struct service *s) {
  unsigned ms = s->asked.took_us / 1000;
  if (ms <= ERLANG_MS || s->state == SERVICE_FAILED) return;
  struct finding *f = report_add(r, RULE_SLOW, s->kind->side, s->kind->labels, "The answer for %s took %u ms",
                                 s->kind->labels, ms);
  finding_data(f, "ms", ms);
  if (ms > SLIXMPP_MS) f->severity = SEVERITY_WARNING;
}

/* ---- failures ---- */

/* All SRV questions stay without an answer, others don't. */
static bool are_srv_dropped(const struct lookup *l) {
  for (size_t i = 0; i < LOOKUP_SERVICES; i++) {
    const struct asked *a = &l->services[i].asked;
    if (a->name_len > 0 && a->outcome != ASKED_TIMEOUT) return false;
  }
  return l->domain->asked[0].outcome == ASKED_ANSWERED || l->domain->asked[1].outcome == ASKED_ANSWERED;
}

enum unvalidated { VALIDATES, RECORDS_DO_NOT, DENIAL_DOES_NOT };

/* What the service's answer says that comes with CD alone. */
static enum unvalidated unvalidated_of(const struct facts *f, size_t service) {
  const struct asked *a = &f->unchecked[service];
  struct record srv;
  if (a->name_len == 0 || !lookup_is_answered(a)) return VALIDATES;
  return rules_has_type(a, TYPE_SRV, &srv) ? RECORDS_DO_NOT : DENIAL_DOES_NOT;
}

/* The server validates, and records do: what does not are the proofs that there is no more. */
static bool is_only_denial(const struct facts *f) {
  bool any_good = false;
  if (!lookup_is_secure(&f->single[FACT_ROOT])) return false;
  for (size_t i = 0; i < LOOKUP_SERVICES; i++) {
    if (unvalidated_of(f, i) == RECORDS_DO_NOT) return false;
    any_good |= lookup_is_secure(&f->domain->services[i].asked);
  }
  return any_good;
}

static void rule_of_denial(struct report *r, size_t service) {
  const struct service *s = &r->facts->domain->services[service];
  char name[NAME_TEXT];
  if (unvalidated_of(r->facts, service) != DENIAL_DOES_NOT || s->kind->obsolete) return;
  report_service_name(r, s->kind->labels, name);
  report_add(r, RULE_DNSSEC_DENIAL, s->kind->side, name, "That there is no %s does not validate", name);
  report_silence(r, RULE_SRV_FAILED);
}

static bool has_answer_unchecked(const struct facts *f) {
  for (size_t i = 0; i < LOOKUP_SERVICES; i++) {
    if (unvalidated_of(f, i) != VALIDATES) return true;
  }
  return false;
}

static void rule_of_failure(struct report *r, const struct service *s) {
  const struct lookup *l = r->facts->domain;
  const struct service *other = facts_service(l, s->kind->side, !s->kind->direct_tls);
  const char *labels = s->kind->labels;
  char word[PRINT_WORD], domain[NAME_TEXT];

  if (s->state != SERVICE_FAILED || s->asked.outcome == ASKED_LEFT_OUT) return;
  const char *why = lookup_is_answered(&s->asked) ? "unreadable answer"
                                                  : lookup_outcome_text(&s->asked, word);
  if (s->asked.outcome == ASKED_ANSWERED && s->asked.msg[2] & DNS_TC) {
    report_add(r, RULE_NO_TCP, s->kind->side, labels,
               "The answer for %s is truncated, and over TCP there is none", labels);
    return;
  }

  if (s->malformed) return; /* said already */
  lookup_host_text(l->domain, domain);
  if (other->count > 0) {
    report_add(r, RULE_SRV_FAILED, s->kind->side, labels,
               "The question for %s failed (%s); programs use %s alone", labels, why, other->kind->labels);
  } else if (l->domain->address_count > 0) {
    report_add(r, RULE_SRV_FAILED, s->kind->side, labels,
               "The question for %s failed (%s); programs go to %s itself", labels, why, domain);
  } else {
    report_add(r, RULE_SRV_FAILED, s->kind->side, labels,
               "The question for %s failed (%s), and %s itself has no address", labels, why, domain);
  }
}

static void rules_of_failures(struct report *r) {
  const struct facts *f = r->facts;
  char domain[NAME_TEXT];

  lookup_host_text(f->domain->domain, domain);

  rules_each_service(r, s) rule_of_failure(r, s);
  if (are_srv_dropped(f->domain)) {
    report_add(r, RULE_SRV_SILENT, LOOKUP_BOTH, domain, "No SRV question gets an answer, others do");
    report_silence(r, RULE_SRV_FAILED);
    report_silence_group(r, "BCK");
  }

  bool only_denial = is_only_denial(f);
  for (size_t i = 0; i < LOOKUP_SERVICES && only_denial; i++) rule_of_denial(r, i);
  if (has_answer_unchecked(f) && !only_denial) {
    report_add(r, RULE_DNSSEC_BOGUS, LOOKUP_BOTH, domain,
               "The signatures of %s do not validate: answers come only unchecked (CD)", domain);
    report_silence(r, RULE_SRV_FAILED);
    report_silence(r, RULE_ADDRESS_FAILED);
    report_silence(r, RULE_TLSA_FAILED);
    report_silence(r, RULE_CAA_FAILED);
    report_silence_group(r, "BCK");
  }
}

/* ---- the server ---- */

struct server_traits {
  unsigned stale, filtered, slow, count;
  unsigned ede;
};

static void note_answer(void *context, const struct asked *a) {
  struct server_traits *t = context;
  struct edns edns;
  struct edns_ede ede;

  if (a->outcome != ASKED_ANSWERED) return;
  t->count++;
  t->slow += a->took_us > SLOW_SERVER_MS * 1000u;
  t->stale += lookup_is_stale(a);
  if (!edns_read(a->msg, a->len, &edns)) return;
  while (edns_next_ede(&edns, &ede)) {
    if (ede.code < 15 || ede.code > 18) continue; /* blocked, censored, filtered, prohibited */
    t->filtered++;
    t->ede = ede.code;
  }
}

static bool invents_addresses(const struct asked *a) {
  struct record r;
  return rules_has_type(a, TYPE_A, &r);
}

static void rules_of_server(struct report *r) {
  const struct facts *f = r->facts;
  struct server_traits t = {0};
  char domain[NAME_TEXT];

  lookup_host_text(f->domain->domain, domain);
  facts_each(f, note_answer, &t);

  if (t.filtered) {
    struct finding *x = report_add(r, RULE_ANSWER_FILTERED, LOOKUP_BOTH, domain,
                                   "The server filters: EDE %u (%s)", t.ede, edns_ede_name(t.ede));
    finding_data(x, "ede", t.ede);
  }

  if (t.stale)
    report_add(r, RULE_ANSWER_STALE, LOOKUP_BOTH, domain, "%u of %u answers had expired", t.stale, t.count);
  if (invents_addresses(&f->single[FACT_UNREGISTERED])) {
    report_add(r, RULE_NXDOMAIN_REWRITTEN, LOOKUP_BOTH, domain,
               "The server gives addresses for a name that can't exist");
  }

  if (f->offline) return;
  if (2 * t.slow > t.count)
    report_add(r, RULE_RESOLVER_SLOW, LOOKUP_BOTH, domain, "%u of %u answers took more than %d ms", t.slow,
               t.count, SLOW_SERVER_MS);
  if (!lookup_is_secure(&f->single[FACT_ROOT]))
    report_add(r, RULE_NOT_VALIDATING, LOOKUP_BOTH, domain, "The server does not validate DNSSEC");
}

/* Programs try the search list only when the domain itself has no such record. */
static void rule_of_search_list(struct report *r) {
  if (facts_service(r->facts->domain, LOOKUP_S2S, false)->state != SERVICE_ABSENT) return;
  for (size_t i = 0; i < r->facts->searched_count; i++) {
    const struct searched *s = &r->facts->searched[i];
    struct record srv;
    char name[NAME_TEXT], domain[NAME_TEXT];
    if (!rules_has_type(&s->asked, TYPE_SRV, &srv)) continue;
    domain_text(s->domain, s->domain_len, domain);
    report_add(r, RULE_SEARCH_LIST, LOOKUP_S2S, domain, "With the search domain %s there are records at %s",
               domain, domain_text(s->asked.name, s->asked.name_len, name));
  }
}

void rules_of_answers(struct report *r) {
  rules_each_service(r, s) {
    if (s->state == SERVICE_OFFERED) {
      rules_of_size(r, s);
      rules_of_ttl(r, s);
      if (s->ttl > 0) rule_of_host_ttl(r, s);
    }
    rule_of_slowness(r, s);
  }
  rule_of_negative_ttl(r);
  rules_of_failures(r);
  rules_of_server(r);
  rule_of_search_list(r);
}
