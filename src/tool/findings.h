/* What follows from a lookup: plans and mistakes, for both ways of showing them. */
#ifndef JIDNS_TOOL_FINDINGS_H
#define JIDNS_TOOL_FINDINGS_H
#include "tool/lookup_dane.h"
#include "tool/mistakes.h"
#include "tool/plan.h"

enum { FINDINGS_SIDES = 2 };

struct findings {
  const struct lookup *lookup;    /* borrowed */
  const struct lookup_dane *dane; /* borrowed; NULL: not asked for */
  struct mistakes mistakes;
  struct side_plans {
    enum lookup_side side;
    const char *name;                  /* "c2s" */
    struct plan with_tls, without_tls; /* of programs that do direct TLS, and of those that don't */
  } sides[FINDINGS_SIDES];
  size_t side_count;    /* those that were looked up */
  bool has_obsolete;    /* programs that still know _jabber do otherwise: */
  struct plan obsolete; /* ... this */
  bool connects; /* somewhere that the DNS says and others can reach, not only where a failure leads to */
};

/* NULL when memory is out. */
struct findings *findings_new(struct lookup *l);
void findings_free(struct findings *f);
#endif
