/* `jidns check --as PROGRAM`: what one program asks to reach a domain, when, and where it connects then.
 * Prefixes: as_. */
#ifndef JIDNS_TOOL_CHECK_AS_H
#define JIDNS_TOOL_CHECK_AS_H
#include "tool/check.h"
#include "tool/programs.h"

enum { AS_TRIP_MS = 40 /* what a question costs at least: nobody's cache is to make the walk look short */ };

struct as_question {
  struct asked asked;
  unsigned at_ms, took_ms; /* in the program's time */
  unsigned times;          /* how often it is sent */
  bool gave_up;
};

/* A program's walk through a domain. */
struct as_walk {
  struct typed_domain typed;
  struct walker walker;
  struct as_question **list; /* owned, in the order of asking */
  size_t count, room;
  unsigned ms, waits; /* until it connects */
  unsigned unanswered;
};

/* Asks through ask, as lookup_run does. */
struct as_walk *as_walk_new(const struct program *p, const struct typed_domain *typed,
                            void (*ask)(void *context, struct asked *const *list, size_t n), void *context);
void as_walk_free(struct as_walk *w);

/* The addresses that the program found of an end, A before AAAA; returns how many, at most `most`. */
size_t as_walk_addresses(const struct as_walk *w, const struct walker_end *e, struct address *out,
                         size_t most);

/* The first end that has an address and a port; NULL: it connects nowhere. */
const struct walker_end *as_walk_end(const struct as_walk *w);

/* "SRV _xmpps-server", a question within the domain. To be freed. */
char *as_question_text(const struct as_walk *w, const struct as_question *q);
/* "5 0 5269 @", "none", "192.0.2.1, 192.0.2.2", "no answer in time". To be freed. */
char *as_answer_text(const struct as_walk *w, const struct as_question *q);

void as_write_text(const struct as_walk *w, const struct term *t, FILE *out);
void as_write_line(const struct as_walk *w, const struct term *t, FILE *out);
void as_write_programs(const struct term *t, FILE *out);
/* One object on one line if `compact`. False when memory is out. */
bool as_write_json(const struct as_walk *w, bool compact, FILE *out);

struct cli;
/* --as of the command line for each domain in it; returns the status. */
int check_as(const struct cli *c, struct sources *sources);
/* "all", "list", or a program's name. */
bool check_is_program(const char *word);
#endif
