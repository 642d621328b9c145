/* Inside `jidns top`: its second form. */
#ifndef JIDNS_TOOL_CTL_TOP_PRIV_H
#define JIDNS_TOOL_CTL_TOP_PRIV_H
#include <jansson.h>
#include <stdio.h>

#include "tool/term.h"

/* XMPP domains as the daemon told of them: which way to each, how soon, what failed. */
void ctl_top_xmpp_write(const json_t *told, const struct term *term, FILE *out);
#endif
