/* report.c: findings, and what they come to. Exports report_*, finding_*. */
#include "tool/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"
#include "tool/connect.h"
#include "tool/domain.h"

const struct rule report_rules[RULE_COUNT] = {
#define RULE(symbol, code, group, severity, why, hurts, mend, refs)                                          \
  [RULE_##symbol] = {code, group, SEVERITY_##severity, why, hurts, mend, refs},
#include "tool/rules.def"
#undef RULE
};

/* ---- words ---- */

static const char *const severities[] = {[SEVERITY_INFO] = "info",
                                         [SEVERITY_NOTICE] = "notice",
                                         [SEVERITY_WARNING] = "warning",
                                         [SEVERITY_ERROR] = "error"};

const char *report_severity_word(enum severity s) { return severities[s]; }

bool report_severity_parse(const char *word, enum severity *out) {
  for (unsigned s = 0; s < SEVERITY_COUNT; s++) {
    if (strcmp(word, severities[s]) != 0) continue;
    *out = (enum severity)s;
    return true;
  }
  return false;
}

const char *report_verdict_word(enum verdict v) {
  static const char *const words[] = {[VERDICT_YES] = "yes",         [VERDICT_PARTLY] = "partly",
                                      [VERDICT_NO] = "no",           [VERDICT_NOT_OFFERED] = "not-offered",
                                      [VERDICT_UNKNOWN] = "unknown", [VERDICT_UNASKED] = "unasked"};
  return words[v];
}

const char *report_side_word(enum lookup_side side) {
  return side == LOOKUP_C2S ? "c2s" : side == LOOKUP_S2S ? "s2s" : "both";
}

bool report_needs_connections(enum rule_id rule) {
  char group = report_rules[rule].group;
  return group == 'M' || group == 'N' || rule == RULE_TLSA_MISMATCH || rule == RULE_CAA_FORBIDS ||
         rule == RULE_FAMILIES_UNLIKE;
}

enum rule_id report_rule_of(const char *code) {
  unsigned id = 0;
  while (id < RULE_COUNT && strcmp(report_rules[id].code, code) != 0) id++;
  return (enum rule_id)id;
}

/* ---- findings ---- */

static char *format(const char *fmt, va_list args) __attribute__((format(printf, 1, 0)));

static char *format(const char *fmt, va_list args) {
  char *text = NULL;
  must(vasprintf(&text, fmt, args) >= 0);
  return text;
}

struct finding *report_add(struct report *r, enum rule_id rule, enum lookup_side side, const char *subject,
                           const char *fmt, ...) {
  if (r->made_count == r->made_room) {
    r->made_room = r->made_room ? 2 * r->made_room : 16;
    r->made = realloc(r->made, r->made_room * sizeof(*r->made));
    must(r->made);
  }

  struct finding *f = must_alloc(sizeof *f);
  r->made[r->made_count++] = f;
  *f = (struct finding){.rule = rule,
                        .severity = report_rules[rule].severity,
                        .side = side,
                        .sure = true,
                        .subject = strdup(subject)};
  va_list args;
  va_start(args, fmt);
  f->text = format(fmt, args);
  va_end(args);
  must(f->subject);
  return f;
}

void finding_data(struct finding *f, const char *key, unsigned long value) {
  for (unsigned i = 0; i < REPORT_DATA; i++) {
    if (f->data[i].key) continue;
    f->data[i].key = key;
    f->data[i].value = value;
    return;
  }
}

void finding_change(struct finding *f, bool add, const char *owner, const char *type, const char *fmt, ...) {
  if (f->change_count == REPORT_CHANGES) return;
  struct change *c = &f->changes[f->change_count++];
  va_list args;
  va_start(args, fmt);
  c->rdata = format(fmt, args);
  va_end(args);
  c->add = add;
  c->owner = strdup(owner);
  c->type = strdup(type);
  must(c->owner && c->type);
}

void finding_change_srv(struct finding *f, bool add, const struct report *r, const char *labels,
                        const struct srv *srv) {
  char owner[NAME_TEXT], target[NAME_TEXT];
  finding_change(f, add, report_service_name(r, labels, owner), "SRV", "%u %u %u %s", srv->priority,
                 srv->weight, srv->port, name_format(srv->target, srv->target_len, target));
}

const char *report_service_name(const struct report *r, const char *labels, char text[NAME_TEXT]) {
  uint8_t name[NAME_MAX_LEN];
  size_t len = domain_below(labels, r->facts->typed.name, r->facts->typed.len, name);
  return len > 0 ? domain_text(name, len, text) : strcpy(text, labels);
}

/* ---- causes silence what follows from them ---- */

void report_silence(struct report *r, enum rule_id rule) { r->silenced[rule] = true; }

void report_silence_group(struct report *r, const char *groups) {
  for (unsigned id = 0; id < RULE_COUNT; id++) {
    if (strchr(groups, report_rules[id].group)) r->silenced[id] = true;
  }
}

static void finding_free(struct finding *f) {
  for (unsigned i = 0; i < f->change_count; i++) {
    free(f->changes[i].owner);
    free(f->changes[i].type);
    free(f->changes[i].rdata);
  }
  free(f->subject);
  free(f->text);
}

/* What is wrong with records that a wildcard made follows from it. */
static bool follows_from_wildcard(const struct report *r, const struct finding *f) {
  if (f->rule == RULE_SRV_WILDCARD || !strchr("BCEGL", report_rules[f->rule].group)) return false;
  for (size_t i = 0; i < LOOKUP_SERVICES; i++) {
    if (r->by_wildcard[i] && strcmp(f->subject, lookup_kinds[i].labels) == 0) return true;
  }
  return false;
}

/* The same subject is told once, with the worst severity and both sides. */
static bool merge_into(struct finding *first, struct finding *again) {
  if (first->rule != again->rule || strcmp(first->subject, again->subject) != 0) return false;
  if (again->severity > first->severity) first->severity = again->severity;
  if (first->side != again->side) first->side = LOOKUP_BOTH;
  finding_free(again);
  return true;
}

/* Moves what is to be told into the list. */
static void settle(struct report *r) {
  size_t kept = 0;
  r->list = must_alloc((r->made_count + 1) * sizeof *r->list);
  for (size_t i = 0; i < r->made_count; i++) {
    struct finding *f = r->made[i];
    bool gone = r->silenced[f->rule] || follows_from_wildcard(r, f);
    if (gone) finding_free(f);
    for (size_t k = 0; k < kept && !gone; k++) gone = merge_into(&r->list[k], f);
    if (!gone) r->list[kept++] = *f;
    free(f);
  }

  free(r->made);
  r->made = NULL;
  r->count = kept;
}

/* Worst first, then in the order of rules.def, then by subject: always one order. */
static int compare(const void *a, const void *b) {
  const struct finding *x = a, *y = b;
  if (x->severity != y->severity) return x->severity > y->severity ? -1 : 1;
  if (x->rule != y->rule) return x->rule < y->rule ? -1 : 1;
  return strcmp(x->subject, y->subject);
}

/* ---- the verdict ---- */

static bool hurts_side(const struct finding *f, enum lookup_side side) {
  static const char about_others[] = "K"; /* components have a way of their own */
  return f->severity >= SEVERITY_WARNING && (f->side & side) && !f->of_component &&
         !strchr(about_others, report_rules[f->rule].group);
}

/* All ways were tried, and none lets anybody in: one that was not may be the good one. */
static bool leads_nowhere(const struct connections *all, enum lookup_side side) {
  unsigned ways = 0, tried = 0, good = 0;
  for (size_t i = 0; all && i < all->count; i++) {
    if (all->list[i].side != side) continue;
    ways++;
    tried += connect_is_tried(&all->list[i]);
    good += connect_lets_in(&all->list[i]);
  }
  return ways > 0 && tried == ways && good == 0 && !all->too_many;
}

static enum verdict verdict_of(const struct report *r, enum lookup_side side) {
  const struct facts *f = r->facts;
  if (!(f->domain->sides & side)) return VERDICT_UNASKED;
  const struct plan *starttls = f->plans[facts_side_index(side)][0],
                    *tls = f->plans[facts_side_index(side)][1];
  const struct service *a = facts_service(f->domain, side, true), *b = facts_service(f->domain, side, false);
  bool failed = a->state == SERVICE_FAILED || b->state == SERVICE_FAILED;
  bool leads = (tls->end == PLAN_CONNECTS && plan_leads_out(tls)) ||
               (starttls->end == PLAN_CONNECTS && plan_leads_out(starttls));

  if (failed && !facts_has_targets(f->domain, side)) return VERDICT_UNKNOWN;
  if (tls->end == PLAN_NOT_OFFERED && starttls->end == PLAN_NOT_OFFERED) return VERDICT_NOT_OFFERED;
  if (!leads || leads_nowhere(f->connections, side)) return VERDICT_NO;
  for (size_t i = 0; i < r->count; i++) {
    if (hurts_side(&r->list[i], side)) return VERDICT_PARTLY;
  }

  return VERDICT_YES;
}

struct report *report_new(const struct facts *f) {
  struct report *r = must_zalloc(sizeof *r);
  r->facts = f;
  rules_of_domain(r);
  rules_of_services(r);
  rules_of_targets(r);
  rules_of_ports(r);
  rules_of_addresses(r);
  rules_of_answers(r);
  rules_of_authority(r);
  rules_of_other_servers(r);
  rules_of_dane(r);
  rules_of_signatures(r);
  rules_of_components(r);
  rules_of_old_records(r);
  rules_of_connections(r);
  rules_of_unlike(r);
  rules_of_caa(r);
  rules_of_web(r);
  settle(r);
  if (r->count > 0) qsort(r->list, r->count, sizeof *r->list, compare);
  for (enum lookup_side side = LOOKUP_C2S; side <= LOOKUP_S2S; side++)
    r->verdicts[facts_side_index(side)] = verdict_of(r, side);
  return r;
}

void report_free(struct report *r) {
  if (!r) return;
  for (size_t i = 0; i < r->count; i++) finding_free(&r->list[i]);
  free(r->list);
  free(r);
}

unsigned report_count(const struct report *r, enum severity s) {
  unsigned n = 0;
  for (size_t i = 0; i < r->count; i++) n += r->list[i].severity == s && !r->list[i].ignored;
  return n;
}

unsigned report_ignored(const struct report *r) {
  unsigned n = 0;
  for (size_t i = 0; i < r->count; i++) n += r->list[i].ignored;
  return n;
}

bool report_worst(const struct report *r, enum severity *out) {
  for (size_t i = 0; i < r->count; i++) {
    if (r->list[i].ignored) continue;
    *out = r->list[i].severity;
    return true;
  }
  return false;
}
