/* The command line of the tool: one table of options for all its subcommands. */
#ifndef JIDNS_TOOL_CLI_H
#define JIDNS_TOOL_CLI_H
#include <stdio.h>

#include "base/completion.h"
#include "tool/check.h"
#include "tool/lookup.h"
#include "tool/term.h"

/* Which subcommand takes an option. CLI_CONTROL: those that a running daemon answers; the others are of some
 * of them. */
enum {
  CLI_LOOKUP = 1,
  CLI_QUERY = 2,
  CLI_CONTROL = 4,
  CLI_FLUSH = 8,
  CLI_NAMES = 16,
  CLI_STATS = 32,
  CLI_TOP = 64,
  CLI_CHECK = 128,
  CLI_HOST = 256,
  CLI_REPORT = 512
};

/* What a command's status says; the same for all subcommands. */
enum {
  CLI_FOUND = 0,     /* or done */
  CLI_NOT_FOUND = 1, /* or refused by the daemon */
  CLI_USAGE = 2,
  CLI_NO_ANSWER = 3,
  CLI_TROUBLE = 4 /* memory, output */
};

struct cli {
  const char *command; /* "lookup" */
  unsigned mask;       /* CLI_* */
  struct ask_options ask;
  enum lookup_side sides;
  bool json, all_records, dane, help, server_given;
  const char *control;        /* the daemon's socket; borrowed from argv or the environment */
  bool fleet;                 /* flush: in the fleet's cache, too */
  bool all, below;            /* flush: everything; flush and dump: the name and what is below it */
  bool workers;               /* stats: of each worker */
  bool once;                  /* top: one look */
  bool xmpp;                  /* top: the domains lately contacted */
  enum term_colours colours;  /* what was asked for */
  struct term term;           /* and what stdout is */
  bool hide_names;            /* report: those of domains */
  struct check_options check; /* check's own */
  struct {
    bool yes;                /* no question before the change */
    const char *root, *name; /* the folder in which its files lie; what to ask for; NULL: not given */
  } host;
  char **words; /* what is left: words_count of them; borrowed from argv */
  int words_count;
};

/* Reads argv (argv[0] is the subcommand) with defaults for what is not given; the server is resolv.conf's
 * unless server_given, the control socket JIDNS_CONTROL's or the usual one. False after a line on stderr that
 * names the option, its value and what is right. */
bool cli_read(struct cli *c, const char *command, unsigned mask, int argc, char **argv);

/* Adds the options that these subcommands take. */
void cli_complete(unsigned mask, struct completion_command *out);

/* The lines of --help for the options that these subcommands take. */
void cli_write_options(unsigned mask, const struct term *t, FILE *out);

/* One line "jidns COMMAND: ..." to stderr; returns CLI_USAGE. */
int cli_usage(const struct cli *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#endif
