/* ctl_top_none.c: what stands in when jansson is missing. Exports ctl_run_top. */
#include "tool/ctl.h"

int ctl_run_top(struct cli *c) { return cli_usage(c, "this jidns was built without jansson"); }
