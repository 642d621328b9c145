/* daemon_faults.c: the faults in force in all workers. Exports daemon_faults_*. */
#include "daemon_faults.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"

static void set_in_worker(struct worker *w, void *faults) { worker_set_faults(w, faults); }

/* Takes `next` over; NULL: memory is out. */
static bool use(struct daemon_faults *f, struct faults *next, struct worker *const *workers, unsigned n) {
  if (!next) return false;
  for (unsigned i = 0; i < n; i++) worker_run(workers[i], set_in_worker, next);
  faults_free(f->set, next);
  f->set = next;
  return true;
}

static unsigned add(struct daemon_faults *f, const struct rule *r, bool lasting, struct worker *const *workers, unsigned n) {
  struct faults *next = faults_with(f->set, r, clock_ms());
  char text[RULE_TEXT];
  if (next) next->rules[next->count - 1]->lasting = lasting;
  if (!use(f, next, workers, n)) return 0;
  log_warn("lab", "answers are spoiled on purpose, rule %u: %s", next->last_number, rule_format(r, text));
  return next->last_number;
}

unsigned daemon_faults_add(struct daemon_faults *f, const struct rule *r, struct worker *const *workers, unsigned n) {
  return add(f, r, false, workers, n);
}

bool daemon_faults_clear(struct daemon_faults *f, unsigned number, struct worker *const *workers, unsigned n) {
  unsigned before = f->set ? f->set->count : 0;
  if (!use(f, faults_without(f->set, number), workers, n)) return false;
  unsigned over = before - f->set->count;
  if (over) log_info("lab", "rules no longer in force: %u", over);
  return over || !number;
}

static bool same_rule(const struct rule *a, const struct rule *b) {
  char one[RULE_TEXT], two[RULE_TEXT];
  return strcmp(rule_format(a, one), rule_format(b, two)) == 0;
}

/* Are the lasting ones just those of s, in their order? */
static bool are_as_set(const struct faults *set, const struct settings *s) {
  unsigned k = 0;
  for (unsigned i = 0; set && i < set->count; i++) {
    if (!set->rules[i]->lasting) continue;
    if (k == s->fault_count || !same_rule(&set->rules[i]->rule, &s->faults[k++].rule)) return false;
  }
  return k == s->fault_count;
}

static unsigned first_lasting(const struct faults *set) {
  for (unsigned i = 0; set && i < set->count; i++) {
    if (set->rules[i]->lasting) return set->rules[i]->number;
  }
  return 0;
}

bool daemon_faults_set(struct daemon_faults *f, const struct settings *s, struct worker *const *workers, unsigned n) {
  if (are_as_set(f->set, s)) return true;
  for (unsigned number; (number = first_lasting(f->set));) {
    if (!daemon_faults_clear(f, number, workers, n)) return false;
  }
  for (unsigned i = 0; i < s->fault_count; i++) {
    if (!add(f, &s->faults[i].rule, true, workers, n)) return false;
  }
  return true;
}

void daemon_faults_free(struct daemon_faults *f) {
  faults_free(f->set, NULL);
  f->set = NULL;
}
