/* jidns host status, enable and disable. */
#ifndef JIDNS_TOOL_HOST_RUN_H
#define JIDNS_TOOL_HOST_RUN_H
#include "tool/cli.h"

/* Returns the exit status. */
int host_run(struct cli *c);
#endif
