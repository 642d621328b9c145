/* findings.c: plans and mistakes of a lookup. Exports findings_new, findings_free. */
#include "tool/findings.h"

#include <stdlib.h>

static bool leads_somewhere(const struct plan *p) {
  return p->end == PLAN_CONNECTS && !p->srv_failed && plan_leads_out(p);
}

struct findings *findings_new(struct lookup *l) {
  static const struct {
    enum lookup_side side;
    const char *name;
  } sides[FINDINGS_SIDES] = {{LOOKUP_C2S, "c2s"}, {LOOKUP_S2S, "s2s"}};
  struct findings *f = calloc(1, sizeof *f);
  if (!f) return NULL;
  f->lookup = l;
  mistakes_find(l, &f->mistakes);
  for (size_t i = 0; i < FINDINGS_SIDES; i++) {
    if (!(l->sides & sides[i].side)) continue;
    struct side_plans *side = &f->sides[f->side_count++];
    side->side = sides[i].side;
    side->name = sides[i].name;
    plan_make(l, side->side, true, &side->with_tls);
    plan_make(l, side->side, false, &side->without_tls);
    f->connects |= leads_somewhere(&side->with_tls) || leads_somewhere(&side->without_tls);
  }

  f->has_obsolete = plan_make_obsolete(l, &f->obsolete);
  return f;
}

void findings_free(struct findings *f) {
  if (!f) return;
  mistakes_free(&f->mistakes);
  free(f);
}
