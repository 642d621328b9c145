/* against.c: compares a report with an older one. Exports differences_*, difference_*, against_free. */
#include "tool/against.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "tool/domain.h"

void against_free(struct old_reports *o) {
  for (size_t i = 0; i < o->count; i++) {
    struct old_report *r = &o->list[i];
    for (size_t k = 0; k < r->count; k++) {
      free(r->list[k].code);
      free(r->list[k].subject);
      free(r->list[k].side);
      free(r->list[k].text);
    }
    free(r->list);
    free(r->domain);
    free(r->time);
    free(r->verdicts[0]);
    free(r->verdicts[1]);
  }

  free(o->list);
  *o = (struct old_reports){.count = 0};
}

static const struct old_report *find_report(const struct old_reports *o, const char *domain) {
  for (size_t i = 0; i < o->count; i++) {
    if (strcasecmp(o->list[i].domain, domain) == 0) return &o->list[i];
  }
  return NULL;
}

static bool is_same(const struct old_finding *was, const struct finding *is) {
  return strcmp(was->code, report_rules[is->rule].code) == 0 && strcasecmp(was->subject, is->subject) == 0;
}

static const struct old_finding *find_old(const struct old_report *o, const struct finding *is) {
  for (size_t i = 0; o && i < o->count; i++) {
    if (is_same(&o->list[i], is)) return &o->list[i];
  }
  return NULL;
}

static const struct finding *find_new(const struct report *r, const struct old_finding *was) {
  for (size_t i = 0; i < r->count; i++) {
    if (is_same(was, &r->list[i])) return &r->list[i];
  }
  return NULL;
}

/* ---- the comparison ---- */

static void add(struct differences *d, enum difference_kind kind, const struct finding *is,
                const struct old_finding *was) {
  d->list[d->count++] = (struct difference){.kind = kind, .is = is, .was = was};
}

static void add_present(struct differences *d, const struct report *r) {
  for (size_t i = 0; i < r->count; i++) {
    const struct finding *is = &r->list[i];
    const struct old_finding *was = find_old(d->old, is);
    if (is->ignored) continue;
    bool counted_then = was && was->severity > SEVERITY_INFO, counts = is->severity > SEVERITY_INFO;
    if (!counted_then && !counts) continue;
    if (!counted_then) add(d, DIFFERENCE_NEW, is, NULL);
    else if (is->severity > was->severity) add(d, DIFFERENCE_WORSE, is, was);
    else if (is->severity < was->severity) add(d, DIFFERENCE_BETTER, is, was);
    else d->same++;
  }
}

/* The side was asked for then and is not now, or its questions failed. */
static bool is_side_blind(const struct differences *d, const struct report *r, unsigned index) {
  enum verdict v = r->verdicts[index];
  bool was_asked = strcmp(d->old->verdicts[index], report_verdict_word(VERDICT_UNASKED)) != 0;
  return v == VERDICT_UNKNOWN || (v == VERDICT_UNASKED && was_asked);
}

/* What would show the finding was not looked at this time. */
static bool is_blind_to(const struct differences *d, const struct report *r, const struct old_finding *was) {
  const struct facts *f = r->facts;
  enum rule_id rule = report_rule_of(was->code);
  char group = rule == RULE_COUNT ? 0 : report_rules[rule].group;
  bool is_of_connections = rule != RULE_COUNT && report_needs_connections(rule);
  if ((is_of_connections && !f->connections) || (group == 'H' && !f->authority)) return true;
  if ((rule == RULE_RESOLVERS_DISAGREE && f->other_count == 0) || (group == 'I' && f->offline)) return true;

  for (enum lookup_side side = LOOKUP_C2S; side <= LOOKUP_S2S; side++) {
    bool is_of_other = strcmp(was->side, report_side_word(side == LOOKUP_C2S ? LOOKUP_S2S : LOOKUP_C2S)) == 0;
    if (!is_of_other && is_side_blind(d, r, facts_side_index(side))) return true;
  }
  unsigned asked, silent;
  facts_count(f, &asked, &silent);
  return silent > 0;
}

/* What is no longer found is gone only if the questions that would show it were answered. */
static void add_absent(struct differences *d, const struct report *r) {
  for (size_t i = 0; d->old && i < d->old->count; i++) {
    const struct old_finding *was = &d->old->list[i];
    if (was->severity == SEVERITY_INFO || find_new(r, was)) continue;
    if (is_blind_to(d, r, was)) d->unseen++;
    else add(d, DIFFERENCE_GONE, NULL, was);
  }
}

static int compare(const void *a, const void *b) {
  const struct difference *x = a, *y = b;
  if (x->kind != y->kind) return x->kind < y->kind ? -1 : 1;
  if (difference_severity(x) != difference_severity(y))
    return difference_severity(x) > difference_severity(y) ? -1 : 1;
  int by_code = strcmp(difference_code(x), difference_code(y));
  return by_code ? by_code : strcmp(difference_subject(x), difference_subject(y));
}

struct differences *differences_new(const struct old_reports *o, const struct report *r) {
  struct differences *d = must_zalloc(sizeof *d);
  char domain[NAME_TEXT];
  d->old = find_report(o, lookup_host_text(r->facts->domain->domain, domain));
  d->list = must_zalloc((r->count + (d->old ? d->old->count : 0) + 1) * sizeof *d->list);
  add_present(d, r);
  add_absent(d, r);
  qsort(d->list, d->count, sizeof *d->list, compare);
  return d;
}

void differences_free(struct differences *d) {
  if (!d) return;
  free(d->list);
  free(d);
}

unsigned differences_count(const struct differences *d, enum difference_kind kind) {
  unsigned n = 0;
  for (size_t i = 0; i < d->count; i++) n += d->list[i].kind == kind;
  return n;
}

const struct difference *differences_worst(const struct differences *d) {
  const struct difference *worst = NULL;
  for (size_t i = 0; i < d->count; i++) {
    const struct difference *x = &d->list[i];
    if (x->kind <= DIFFERENCE_WORSE && (!worst || x->is->severity > worst->is->severity)) worst = x;
  }
  return worst;
}

/* ---- words ---- */

const char *difference_word(enum difference_kind kind) {
  static const char *const words[] = {"new", "worse", "better", "gone"};
  return words[kind];
}

const char *difference_code(const struct difference *d) {
  return d->is ? report_rules[d->is->rule].code : d->was->code;
}

const char *difference_subject(const struct difference *d) {
  return d->is ? d->is->subject : d->was->subject;
}

const char *difference_side(const struct difference *d) {
  return d->is ? report_side_word(d->is->side) : d->was->side;
}

const char *difference_text(const struct difference *d) { return d->is ? d->is->text : d->was->text; }

enum severity difference_severity(const struct difference *d) {
  return d->is ? d->is->severity : d->was->severity;
}
