/* A report beside an older one of the same domain: what is new, gone, worse, better. */
#ifndef JIDNS_TOOL_AGAINST_H
#define JIDNS_TOOL_AGAINST_H
#include <stdio.h>

#include "tool/report.h"

/* A finding of an older report. All texts are owned, and printable. */
struct old_finding {
  char *code, *subject, *side, *text;
  enum severity severity;
};

/* An older report of one domain. */
struct old_report {
  char *domain, *time;
  char *verdicts[2]; /* words, by facts_side_index */
  struct old_finding *list;
  size_t count, room;
};

struct old_reports {
  struct old_report *list;
  size_t count, room;
};

/* Reads what `jidns check --format json` wrote, of one domain or of many. What was ignored then is left off.
 * False after a line on err that says what is wrong and where; free in any case. */
bool against_read(struct old_reports *o, const char *path, FILE *err);
void against_free(struct old_reports *o);

enum difference_kind {
  DIFFERENCE_NEW,
  DIFFERENCE_WORSE,
  DIFFERENCE_BETTER,
  DIFFERENCE_GONE,
  DIFFERENCE_KINDS
};

struct difference {
  enum difference_kind kind;
  const struct finding *is;      /* borrowed; NULL: gone */
  const struct old_finding *was; /* borrowed; NULL: new */
};

struct differences {
  const struct old_report *old; /* borrowed; NULL: the domain is not in it, so all is new */
  struct difference *list;      /* new ones first, then worse, better, gone */
  size_t count;
  unsigned same;   /* findings as before */
  unsigned unseen; /* old findings that may be there or not: this time nobody looked, or questions failed */
};

/* Compares by code and subject; infos and what is ignored do not count. Freed with differences_free. */
struct differences *differences_new(const struct old_reports *o, const struct report *r);
void differences_free(struct differences *d);

unsigned differences_count(const struct differences *d, enum difference_kind kind);
/* The worst of what is new or worse; NULL: nothing is. */
const struct difference *differences_worst(const struct differences *d);

const char *difference_word(enum difference_kind kind); /* "new" */
/* The parts of either. */
const char *difference_code(const struct difference *d);
const char *difference_subject(const struct difference *d);
const char *difference_side(const struct difference *d);
const char *difference_text(const struct difference *d);
enum severity difference_severity(const struct difference *d);
#endif
