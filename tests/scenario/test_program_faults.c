/* test_program_faults.c: each XMPP program's walk with each single upstream answer lost, late, refused or
 * lying, once or whenever it is asked for again: never a wrong answer, never silence, and not the wrong host
 * where an old answer is at hand. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "scenario/walk.h"

enum { TTL = 60 };

static const struct {
  enum fault fault;
  const char *name;
} faults[] = {
    {FAULT_LOST, "lost"},          {FAULT_LATE, "late"},       {FAULT_SERVFAIL, "SERVFAIL"},
    {FAULT_REFUSED, "REFUSED"},    {FAULT_TRUNCATED, "TC"},    {FAULT_NXDOMAIN, "NXDOMAIN"},
    {FAULT_CNAME, "CNAME"},        {FAULT_DOT, "."},           {FAULT_EMPTY, "empty"},
    {FAULT_GARBAGE, "garbage"},    {FAULT_GARBLED, "garbled"}, {FAULT_WRONG_QUESTION, "other question"},
    {FAULT_ICMP, "port closed"},   {FAULT_CLOSED, "no route"}, {FAULT_FORMERR, "FORMERR"},
    {FAULT_REFERRAL, "a referral"}};
enum { FAULTS = sizeof faults / sizeof *faults };

static bool has_alias(const struct heard *h) {
  const struct seen *s = heard_seen(h);
  if (s->an == 0) return false;
  const struct record *first = seen_record(s, SECTION_ANSWER, 0);
  return first->type == TYPE_CNAME && name_equal(first->owner, first->owner_len, h->name, h->name_len);
}

static bool is_none(const struct heard *h) {
  const struct seen *s = heard_seen(h);
  if (s->an != 1) return false;
  const struct record *r = seen_record(s, SECTION_ANSWER, 0);
  return r->type == TYPE_SRV && r->rdlen == 7;
}

/* What the fault may make of the answer to the very question that it hit. */
static bool is_faults_answer(const struct heard *h, enum fault fault) {
  unsigned rcode = heard_rcode(h), records = heard_count(h, SECTION_ANSWER);
  switch (fault) {
  case FAULT_SERVFAIL:
  case FAULT_REFUSED:
  case FAULT_GARBLED:
  case FAULT_REFERRAL:
  case FAULT_ICMP:
  case FAULT_CLOSED: return rcode == RCODE_SERVFAIL;
  case FAULT_NXDOMAIN: return rcode == RCODE_NXDOMAIN && records == 0;
  case FAULT_EMPTY: return rcode == RCODE_NOERROR && records == 0;
  case FAULT_CNAME: return has_alias(h) && (rcode == RCODE_NOERROR || rcode == RCODE_NXDOMAIN);
  case FAULT_DOT: return is_none(h);
  default: return false; /* asked again: the client gets the truth */
  }
}

static bool is_hit(const struct heard *h, const struct upstream_question *u) {
  char text[NAME_TEXT], lower[NAME_TEXT];
  snprintf(lower, sizeof lower, "%s", name_format(h->name, h->name_len, text));
  return h->type == u->type && strcmp(lower, u->name) == 0;
}

static bool is_servfail(const struct heard *h) { return heard_rcode(h) == RCODE_SERVFAIL; }

/* `sticks`: no upstream has another answer, however often it is asked; then silence is told as SERVFAIL. */
static void check_answer(const struct heard *h, const struct upstream_question *hit, enum fault fault,
                         bool sticks, const char *what) {
  cr_expect_leq(heard_wait_ms(h), PATIENCE_MS, "%s", what);
  if (heard_truth(h)) return;
  cr_assert(hit && is_hit(h, hit), "%s: a wrong answer, code %u, %u records", what, heard_rcode(h),
            heard_count(h, SECTION_ANSWER));
  cr_assert(is_faults_answer(h, fault) || (sticks && is_servfail(h)), "%s: code %u, %u records", what,
            heard_rcode(h), heard_count(h, SECTION_ANSWER));
}

/* Lets the program walk while the nth upstream answer from now on is faulty. What became of it is told in
 * `k` and `what`. NULL when there is no nth. */
static const struct upstream_question *faulty_walk(struct world *w, const struct program *p,
                                                   const char *domain, const struct fault_rule *rule,
                                                   unsigned f, struct walk *k, char what[128]) {
  unsigned before = w->script.asked_count;
  script_rule(&w->script, rule);
  program_walk(p, w, domain, k);
  world_run_ms(w, 1000);
  const struct upstream_question *hit = w->script.asked_count - before > rule->skip
                                            ? &w->script.asked[before + rule->skip]
                                            : NULL;
  snprintf(what, 128, "%s, %s, %s %u %s", p->name, domain, hit ? hit->name : "", hit ? hit->type : 0,
           faults[f].name);
  return hit;
}

/* One walk through a new domain, the nth upstream answer faulty. Returns false when there is no nth. */
static bool walk_with_fault(struct world *w, const struct program *p, unsigned num, unsigned nth,
                            unsigned f) {
  struct fault_rule rule = {.server = -1, .fault = faults[f].fault, .skip = nth, .times = 1, .late_ms = 900};
  struct walk k;
  char domain[32], what[128];
  zone_add_domain(&w->zone, num, TTL);
  snprintf(domain, sizeof domain, "d%u.lab.", num);
  const struct upstream_question *hit = faulty_walk(w, p, domain, &rule, f, &k, what);
  cr_expect_eq(k.gave_up, 0, "%s", what);
  for (unsigned i = 0; i < k.count; i++) check_answer(k.asked[i], hit, faults[f].fault, false, what);
  return hit != NULL;
}

/* With a sanitizer, which makes all this several times slower, a third of the cases: each program, kind and
 * fault is among them. The plain program has all. */
static bool is_left_out(unsigned i) {
#ifdef __SANITIZE_ADDRESS__
  return (i + i / PROGRAMS) % 3;
#else
  return (void)i, false;
#endif
}

static void walk_with_all_faults(enum xmpp_expand expand) {
  for (unsigned i = 0; i < PROGRAMS * KINDS * FAULTS; i++) {
    if (is_left_out(i)) continue;
    struct world *w = world_new(&(struct world_options){.xmpp.prefetch = true, .xmpp.expand = expand});
    const struct program *p = &programs[i % PROGRAMS];
    unsigned kind = i / PROGRAMS % KINDS, f = i / PROGRAMS / KINDS;
    w->zone.negative_ttl = TTL;
    for (unsigned nth = 0; nth < 40 && walk_with_fault(w, p, kind + KINDS * nth, nth, f); nth++) {
      world_heal(w);
      world_run_ms(w, 4000000); /* longer than anything is remembered */
    }
    world_free(w);
  }
}

Test(program_faults, one_bad_answer_harms_its_own_question_only, .timeout = 250) {
  walk_with_all_faults(XMPP_EXPAND_OFF);
}

Test(program_faults, nor_does_it_with_addresses_in_srv_answers, .timeout = 250) {
  walk_with_all_faults(XMPP_EXPAND_WAIT);
}

/* ---- one answer is never right ---- */

enum { LATE_FOR_ALL_MS = 3000 /* the patience of no client lasts so long: the daemon's own is 2.5 s */ };

typedef bool walk_in_trouble(struct world *w, const struct program *p, unsigned num, unsigned nth,
                             unsigned f);

static void each_lasting_fault(walk_in_trouble *each, uint32_t max_stale_s) {
  for (unsigned i = 0; i < PROGRAMS * KINDS * FAULTS; i++) {
    if (is_left_out(i)) continue;
    struct world *w = world_new(
        &(struct world_options){.xmpp.prefetch = true, .forward.max_stale_s = max_stale_s});
    unsigned kind = i / PROGRAMS % KINDS, f = i / PROGRAMS / KINDS;
    w->zone.negative_ttl = TTL;
    for (unsigned nth = 0; nth < 40; nth++) {
      unsigned num = kind + KINDS * nth;
      zone_add_domain(&w->zone, num, TTL);
      if (!each(w, &programs[i % PROGRAMS], num, nth, f)) break;
      world_heal(w);
      world_run_ms(w, 4000000);
    }
    world_free(w);
  }
}

static struct fault_rule lasting_fault(unsigned nth, unsigned f) {
  return (struct fault_rule){
      .server = -1, .fault = faults[f].fault, .skip = nth, .sticks = true, .late_ms = LATE_FOR_ALL_MS};
}

/* The first time nothing helps; but what came late is there the second time, and a failure costs the upstream
 * one question however often the program insists. */
static bool first_visit(struct world *w, const struct program *p, unsigned num, unsigned nth, unsigned f) {
  struct fault_rule rule = lasting_fault(nth, f);
  struct walk k;
  char domain[32], what[128];

  snprintf(domain, sizeof domain, "d%u.lab.", num);
  const struct upstream_question *hit = faulty_walk(w, p, domain, &rule, f, &k, what);
  bool gives_up = program_patience_ms(p) < PATIENCE_MS * (1 + p->insists);
  cr_expect(k.gave_up == 0 || (gives_up && hit), "%s: gave up", what);
  for (unsigned i = 0; i < k.count; i++) {
    if (is_answered(k.asked[i])) check_answer(k.asked[i], hit, faults[f].fault, true, what);
    else cr_expect(is_hit(k.asked[i], hit), "%s", what);
  }

  if (hit && faults[f].fault == FAULT_SERVFAIL)
    cr_expect_eq(upstream_asked(w, hit->name, hit->type), 1, "%s", what);
  if (hit && faults[f].fault == FAULT_LATE) {
    world_run_ms(w, LATE_FOR_ALL_MS);
    uint64_t start_ms = w->now_ms;
    program_walk(p, w, domain, &k);
    cr_expect_eq(w->now_ms, start_ms, "%s: waits for what came late", what);
    for (unsigned i = 0; i < k.count; i++) cr_expect(heard_truth(k.asked[i]), "%s", what);
  }

  return hit != NULL;
}

Test(program_faults, a_lasting_fault_harms_its_own_question_only_and_a_late_answer_serves_the_next,
     .timeout = 250) {
  each_lasting_fault(first_visit, 0);
}

/* All these are answers, though not the old ones: what they say is told. */
static bool is_an_answer(enum fault fault) {
  return fault == FAULT_NXDOMAIN || fault == FAULT_EMPTY || fault == FAULT_CNAME || fault == FAULT_DOT;
}

static bool same_hosts(const struct walk *a, const struct walk *b) {
  if (a->hosts.count != b->hosts.count) return false;
  for (unsigned i = 0; i < a->hosts.count; i++) {
    if (strcmp(a->hosts.name[i], b->hosts.name[i]) != 0) return false;
  }
  return true;
}

/* All ran out, and one answer can't be had any more: the program goes where it went before, and soon. */
static bool second_visit(struct world *w, const struct program *p, unsigned num, unsigned nth, unsigned f) {
  struct fault_rule rule = lasting_fault(nth, f);
  struct walk before, k;
  char domain[32], what[128];

  snprintf(domain, sizeof domain, "d%u.lab.", num);
  program_walk(p, w, domain, &before);
  world_run_ms(w, 2 * TTL * 1000);
  const struct upstream_question *hit = faulty_walk(w, p, domain, &rule, f, &k, what);
  cr_expect_eq(k.gave_up, 0, "%s", what);
  for (unsigned i = 0; i < k.count; i++) {
    cr_expect_leq(heard_wait_ms(k.asked[i]), STALE_PATIENCE_MAX_MS, "%s", what);
    if (is_an_answer(faults[f].fault)) check_answer(k.asked[i], hit, faults[f].fault, false, what);
    else cr_expect(heard_truth(k.asked[i]), "%s", what);
  }

  if (!is_an_answer(faults[f].fault)) cr_expect(same_hosts(&before, &k), "%s: the wrong host", what);
  return hit != NULL;
}

Test(program_faults, where_an_old_answer_is_at_hand_no_lasting_fault_leads_to_the_wrong_host,
     .timeout = 250) {
  each_lasting_fault(second_visit, 86400);
}

/* ---- everything fails ---- */

static const enum fault total[] = {FAULT_LOST,    FAULT_SERVFAIL, FAULT_REFUSED, FAULT_GARBAGE,
                                   FAULT_GARBLED, FAULT_ICMP,     FAULT_CLOSED,  FAULT_REFERRAL};
enum { TOTAL = sizeof total / sizeof *total };

Test(program_faults, without_any_upstream_every_question_is_answered_servfail_in_time) {
  for (unsigned i = 0; i < PROGRAMS; i++) {
    for (unsigned f = 0; f < TOTAL; f++) {
      struct world *w = world_new(
          &(struct world_options){.xmpp.prefetch = true, .forward.max_stale_s = 86400});
      struct walk k;
      world_fault(w, "", 0, total[f]);
      program_walk(&programs[i], w, "d0.lab.", &k);
      for (unsigned q = 0; q < k.count; q++) {
        if (!is_answered(k.asked[q])) continue; /* it lost patience first */
        cr_expect_eq(heard_rcode(k.asked[q]), RCODE_SERVFAIL, "%s, fault %u", programs[i].name, total[f]);
        cr_expect_leq(heard_wait_ms(k.asked[q]), PATIENCE_MS);
      }
      world_free(w);
    }
  }
}

/* An old answer beats SERVFAIL, which all programs read as "no SRV: connect to the bare domain". It must
 * come before slixmpp (1 s) and Erlang (667 ms a try) give up, and once the upstream is known to be down
 * it must not add up. */
Test(program_faults, after_expiry_without_any_upstream_every_program_finds_its_hosts_soon) {
  for (unsigned i = 0; i < PROGRAMS; i++) {
    for (unsigned kind = 0; kind < KINDS; kind++) {
      for (unsigned f = 0; f < TOTAL; f++) {
        struct world *w = world_new(
            &(struct world_options){.xmpp.prefetch = true, .forward.max_stale_s = 86400});
        struct walk before, k;
        char domain[32];
        zone_add_domain(&w->zone, kind, TTL);
        w->zone.negative_ttl = TTL;
        snprintf(domain, sizeof domain, "d%u.lab.", kind);
        program_walk(&programs[i], w, domain, &before);
        world_run_ms(w, 2 * TTL * 1000);
        world_fault(w, "", 0, total[f]);
        uint64_t start_ms = w->now_ms;
        program_walk(&programs[i], w, domain, &k);
        cr_expect(same_hosts(&before, &k), "%s, kind %u, fault %u: the wrong host", programs[i].name, kind,
                  total[f]);
        for (unsigned q = 0; q < k.count; q++) {
          cr_expect(heard_truth(k.asked[q]), "%s, kind %u, fault %u", programs[i].name, kind, total[f]);
          cr_expect_leq(heard_wait_ms(k.asked[q]), STALE_PATIENCE_MS);
        }
        cr_expect_leq(w->now_ms - start_ms, 1000, "%s, kind %u, fault %u: %lu ms", programs[i].name, kind,
                      total[f], (unsigned long)(w->now_ms - start_ms));
        world_free(w);
      }
    }
  }
}
