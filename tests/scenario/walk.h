/* What XMPP programs ask before their first connect, in their order, each question after the answer that
 * it follows from, and how long they wait for it (read from their sources or measured). */
#ifndef JIDNS_SCENARIO_WALK_H
#define JIDNS_SCENARIO_WALK_H
#include "scenario/kit.h"

enum { WALK_ASKED = 64, WALK_HOSTS = 8 };

struct walk_hosts {
  unsigned count;
  char name[WALK_HOSTS][NAME_TEXT];
};

struct program;

struct walk {
  struct world *world;
  const struct program *program;
  const char *domain;        /* with the final dot */
  struct heard *asked[WALK_ASKED]; /* each question as it was sent when it was answered, else at last */
  unsigned count;
  unsigned gave_up;          /* questions to which no answer came in time; they are unanswered in `asked` */
  struct walk_hosts hosts;   /* where it connects to, in order */
};

/* How the program asks: each question is sent `sends` times, patience_ms apart, and given up patience_ms
 * after the last; SERVFAIL is asked again at once, `insists` times. No answer and SERVFAIL are to all of
 * them what an empty answer is. */
struct program {
  const char *name;
  unsigned how;
  uint32_t patience_ms;
  unsigned sends, insists;
  bool then_tcp; /* what was sent again goes over TCP */
  void (*walk)(struct walk *k);
};

enum { PROGRAMS = 16 };
extern const struct program programs[PROGRAMS];

/* Lets the program walk through a domain; the time that goes by is what it waits. */
void program_walk(const struct program *p, struct world *w, const char *domain, struct walk *out);

static inline uint32_t program_patience_ms(const struct program *p) { return p->patience_ms * p->sends; }
#endif
