/* jidns report: what those who look for a bug have to know. */
#ifndef JIDNS_TOOL_BUG_REPORT_H
#define JIDNS_TOOL_BUG_REPORT_H
#include "tool/cli.h"

/* Prints it; returns the exit status: CLI_FOUND with a running daemon or without. */
int bug_report_run(struct cli *c);
#endif
