/* XMPP programs (tool/programs.def) walking through the scenario's DNS: their questions in their order, each
 * after the answer that it follows from, and for how long they wait. */
#ifndef JIDNS_SCENARIO_WALK_H
#define JIDNS_SCENARIO_WALK_H
#include "scenario/kit.h"
#include "tool/programs.h"

enum { WALK_ASKED = 64, WALK_HOSTS = WALKER_ENDS };

struct walk_hosts {
  unsigned count;
  char name[WALK_HOSTS][NAME_TEXT];
};

struct walk {
  struct world *world;
  const struct program *program;
  unsigned how;                    /* HOW_* */
  struct heard *asked[WALK_ASKED]; /* each question as it was sent when it was answered, else at last */
  unsigned count;
  unsigned gave_up;        /* questions to which no answer came in time; they are unanswered in `asked` */
  struct walk_hosts hosts; /* where it connects to, in order */
};

enum { PROGRAMS = PROGRAM_COUNT };

/* Lets the program walk through a domain; the time that goes by is what it waits. */
void program_walk(const struct program *p, struct world *w, const char *domain, struct walk *out);

static inline uint32_t program_patience_ms(const struct program *p) { return p->patience_ms * p->sends; }
#endif
