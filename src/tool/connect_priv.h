/* Inside the module: what the files of --connect share. */
#ifndef JIDNS_TOOL_CONNECT_PRIV_H
#define JIDNS_TOOL_CONNECT_PRIV_H
#include "tool/connect.h"

struct connector {
  struct connect_options options;
  struct tls_context *tls;
  struct stream_library *xml;
};

/* Goes where n says, and notes there what became of it. until_ms: when all is over, by check_now_ms. May be
 * called from several threads, each with an n of its own. */
void connect_try(const struct connector *c, const struct facts *f, unsigned until_ms, struct connection *n);
#endif
