/* The command line of the tool: one table of options for all its subcommands. */
#ifndef JIDNS_TOOL_CLI_H
#define JIDNS_TOOL_CLI_H
#include <stdio.h>

#include "tool/lookup.h"

enum { CLI_LOOKUP = 1, CLI_QUERY = 2 }; /* which subcommand takes an option */

/* What a command's status says; the same for all subcommands. */
enum {
  CLI_FOUND = 0,
  CLI_NOT_FOUND = 1,
  CLI_USAGE = 2,
  CLI_NO_ANSWER = 3,
  CLI_TROUBLE = 4 /* memory, output */
};

struct cli {
  const char *command; /* "lookup" */
  unsigned mask;       /* CLI_LOOKUP or CLI_QUERY */
  struct ask_options ask;
  enum lookup_side sides;
  bool json, all_records, help, server_given;
  char **words; /* what is left: words_count of them; borrowed from argv */
  int words_count;
};

/* Reads argv (argv[0] is the subcommand) with defaults for what is not given; the server is resolv.conf's
 * unless server_given. False after a line on stderr that names the option, its value and what is right. */
bool cli_read(struct cli *c, const char *command, unsigned mask, int argc, char **argv);

/* The lines of --help for the options that these subcommands take. */
void cli_write_options(unsigned mask, FILE *out);

/* One line "jidns COMMAND: ..." to stderr; returns CLI_USAGE. */
int cli_usage(const struct cli *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#endif
