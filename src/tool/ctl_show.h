/* A daemon's answers as text, where the build can read JSON (one of two files behind these is built). */
#ifndef JIDNS_TOOL_CTL_SHOW_H
#define JIDNS_TOOL_CTL_SHOW_H
#include "tool/cli.h"

/* One line of an answer to c->command. False when it can't be read or memory is out. */
bool ctl_show(const struct cli *c, const char *line, FILE *out);

/* A line of a dump as JSON, its message's records beside what the daemon says. */
bool ctl_show_dump_json(const char *line, FILE *out);

/* What the daemon refused, and why, on stderr. */
void ctl_show_error(const struct cli *c, const char *line);
#endif
