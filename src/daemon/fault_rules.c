/* fault_rules.c: the faults in force in all workers. Exports fault_rules_*. */
#include "daemon/fault_rules.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/jsonw.h"
#include "base/log.h"

/* Takes `next` over; NULL: memory is out. */
static bool use(struct fault_rules *f, struct faults *next, struct workers *workers) {
  if (!next) return false;
  workers_set_faults(workers, next);
  faults_free(f->set, next);
  f->set = next;
  return true;
}

static unsigned add(struct fault_rules *f, const struct rule *r, struct workers *workers) {
  struct faults *next = faults_with(f->set, r, clock_ms());
  char text[RULE_TEXT];
  if (!use(f, next, workers)) return 0;
  log_warn("faults", "fault rule %u changes answers on purpose: %s", next->last_number, rule_format(r, text));
  return next->last_number;
}

/* The one of that number, all for 0. False: memory is out. *cleared: how many there were. */
static bool clear(struct fault_rules *f, unsigned number, struct workers *workers, unsigned *cleared) {
  unsigned before = f->set ? f->set->count : 0;
  if (!use(f, faults_without(f->set, number), workers)) return false;
  *cleared = before - f->set->count;
  if (*cleared) log_info("faults", "%u fault rules removed", *cleared);
  return true;
}

static bool same_rule(const struct rule *a, const struct rule *b) {
  char one[RULE_TEXT], two[RULE_TEXT];
  return strcmp(rule_format(a, one), rule_format(b, two)) == 0;
}

/* Are the persistent ones just those of s, in their order? */
static bool are_as_set(const struct faults *set, const struct settings *s) {
  unsigned k = 0;
  for (unsigned i = 0; set && i < set->count; i++) {
    if (!set->rules[i]->persistent) continue;
    if (k == s->fault_count || !same_rule(&set->rules[i]->rule, &s->faults[k++].rule)) return false;
  }
  return k == s->fault_count;
}

bool fault_rules_prepare(const struct fault_rules *f, const struct settings *s, struct faults **next) {
  const struct rule *rules[SETTINGS_FAULTS];
  *next = NULL;
  if (are_as_set(f->set, s)) return true;
  for (unsigned i = 0; i < s->fault_count; i++) rules[i] = &s->faults[i].rule;
  *next = faults_with_persistent(f->set, rules, s->fault_count, clock_ms());
  return *next != NULL;
}

void fault_rules_drop(const struct fault_rules *f, struct faults *next) { faults_free(next, f->set); }

void fault_rules_use(struct fault_rules *f, struct faults *next, struct workers *workers) {
  unsigned gone = 0;
  char text[RULE_TEXT];
  if (!next) return;
  for (unsigned i = 0; f->set && i < f->set->count; i++) gone += !faults_have(next, f->set->rules[i]);
  use(f, next, workers);

  if (gone) log_info("faults", "%u fault rules removed", gone);
  for (unsigned i = 0; i < next->count; i++) {
    const struct fault_live *live = next->rules[i];
    if (live->persistent)
      log_warn("faults", "fault rule %u changes answers on purpose: %s", live->number,
               rule_format(&live->rule, text));
  }
}

/* ---- the command ---- */

/* The words as one, with a blank between. False: too long for a rule. */
static bool join(unsigned count, char *const *words, char text[RULE_TEXT]) {
  size_t at = 0;
  *text = 0;
  for (unsigned i = 0; i < count; i++) {
    size_t len = strlen(words[i]);
    if (at + len + 2 > RULE_TEXT) return false;
    if (at) text[at++] = ' ';
    memcpy(text + at, words[i], len + 1);
    at += len;
  }
  return true;
}

static void command_add(struct fault_rules *f, struct workers *workers, struct control_reply *r,
                        unsigned count, char *const *words) {
  char text[RULE_TEXT], why[RULE_WHY] = "is too long";
  struct rule rule;
  if (!join(count, words, text) || !rule_parse(text, &rule, why)) {
    control_fail(r, "%s", why);
    return;
  }
  unsigned number = add(f, &rule, workers);
  if (number) jsonw_uint(control_json(r), "number", number);
  else
    control_fail(r, "%s",
                 f->set && f->set->count == FAULTS_MAX
                     ? "there are 64 fault rules already, the most there can be"
                     : "out of memory");
}
_Static_assert(FAULTS_MAX == 64, "the text says so");

void fault_rules_write(const struct fault_rules *f, struct jsonw *j) {
  const struct faults *set = f->set;
  char text[RULE_TEXT];
  jsonw_open(j, "faults", '[');
  for (unsigned i = 0; set && i < set->count; i++) {
    const struct fault_live *live = set->rules[i];
    jsonw_open(j, NULL, '{');
    jsonw_uint(j, "number", live->number);
    jsonw_string(j, "rule", rule_format(&live->rule, text));
    jsonw_bool(j, "persistent", live->persistent);
    jsonw_uint(j, "age_ms", clock_ms() - live->set_ms);
    jsonw_uint(j, "matched", __atomic_load_n(&live->matched, __ATOMIC_RELAXED));
    jsonw_uint(j, "spoiled", __atomic_load_n(&live->spoiled, __ATOMIC_RELAXED));
    jsonw_close(j, '}');
  }
  jsonw_close(j, ']');
}

/* number NULL: all. */
static void command_clear(struct fault_rules *f, struct workers *workers, struct control_reply *r,
                          const char *number) {
  char *end = NULL;
  unsigned long v = number ? strtoul(number, &end, 10) : 0;
  unsigned cleared;
  if (number && (*number < '1' || *number > '9' || *end || v > UINT32_MAX)) {
    control_fail(r, "fault clear: '%.40s': should be a rule's number, or nothing for all; list shows them",
                 number);
  } else if (!clear(f, (unsigned)v, workers, &cleared)) {
    control_fail(r, "out of memory");
  } else if (number && !cleared) {
    control_fail(r, "fault clear: there is no rule %lu; list shows them", v);
  } else {
    jsonw_uint(control_json(r), "cleared", cleared);
  }
}

void fault_rules_command(struct fault_rules *f, struct workers *workers, struct control_reply *r,
                         unsigned argc, char *const *argv) {
  const char *what = argc > 1 ? argv[1] : "";
  if (strcmp(what, "add") == 0) command_add(f, workers, r, argc - 2, argv + 2);
  else if (strcmp(what, "list") == 0 && argc == 2) fault_rules_write(f, control_json(r));
  else if (strcmp(what, "clear") == 0 && argc <= 3) command_clear(f, workers, r, argc == 3 ? argv[2] : NULL);
  else control_fail(r, "fault: needs add RULE, list, clear or clear NUMBER");
}

void fault_rules_free(struct fault_rules *f) {
  faults_free(f->set, NULL);
  f->set = NULL;
}
