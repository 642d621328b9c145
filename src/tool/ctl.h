/* A running jidnsd, talked to over its control socket: doc/control.md is the protocol. */
#ifndef JIDNS_TOOL_CTL_H
#define JIDNS_TOOL_CTL_H
#include <stdbool.h>
#include <stdio.h>

#include "tool/cli.h"

enum { CTL_WAIT_S = 10 }; /* for one line of an answer */

struct ctl {
  const struct cli *cli;
  FILE *stream; /* both ways */
  FILE *err;    /* where complaints go: stderr, unless somebody needs the terminal */
  char *line;   /* the last one heard, without its line feed */
  size_t room;
};

/* Connects to cli->control; false after a line on stderr that names the path and says what to do. */
bool ctl_open(struct ctl *t, const struct cli *c);
/* The same, but complaints go to err. */
bool ctl_open_to(struct ctl *t, const struct cli *c, FILE *err);
void ctl_close(struct ctl *t);

/* Sends a request: words set apart by blanks. False after a line on err. */
bool ctl_send(struct ctl *t, const char *request);

enum ctl_heard {
  CTL_LINE,   /* one of more */
  CTL_DONE,   /* the last, and all is well */
  CTL_FAILED, /* the last: the daemon says no */
  CTL_LOST    /* there is none; said on err */
};
/* The next line of the answer, in t->line. */
enum ctl_heard ctl_hear(struct ctl *t);

/* The commands of the tool that a daemon answers; return the exit status. */
int ctl_run(struct cli *c);
int ctl_run_top(struct cli *c);
#endif
