/* What XMPP programs ask before their first connect, in their order, each question after the answer that
 * it follows from (read from their sources or measured). */
#ifndef JIDNS_SCENARIO_WALK_H
#define JIDNS_SCENARIO_WALK_H
#include "scenario/kit.h"

enum { WALK_ASKED = 64, WALK_HOSTS = 8 };

struct walk {
  struct world *world;
  const char *domain; /* with the final dot */
  unsigned how;       /* how this program asks */
  struct heard *asked[WALK_ASKED];
  unsigned count;
};

struct program {
  const char *name;
  unsigned how;
  void (*walk)(struct walk *k);
};

enum { PROGRAMS = 16 };
extern const struct program programs[PROGRAMS];

/* Lets the program walk through a domain; the time that goes by is what it waits. */
void program_walk(const struct program *p, struct world *w, const char *domain, struct walk *out);
#endif
