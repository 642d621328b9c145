/* Redis's protocol (RESP2), without a connection: commands as octets, octets as replies. hiredis does the
 * work; it is loaded when somebody asks for it. Whatever comes, what it costs is bounded. */
#ifndef JIDNS_SHARE_RESP_H
#define JIDNS_SHARE_RESP_H
#include <stdio.h>

#include "share/engine.h"

enum {
  RESP_TEXT_MAX = 16384,   /* octets of a reply */
  RESP_LIST_MAX = 4,       /* elements of one, */
  RESP_LIST_TEXT = 128,    /* and their octets */
  RESP_UNREAD_MAX = 65536, /* octets without a whole reply in them */
  RESP_WHY = 96
};

struct resp_library;
struct resp_library *resp_load(FILE *err); /* NULL after a line on err */
void resp_unload(struct resp_library *l);

struct resp;                                         /* replies of one connection */
struct resp *resp_new(const struct resp_library *l); /* NULL when memory is out */
void resp_free(struct resp *r);

/* Octets that came. False: they are no replies, or too long. */
bool resp_put(struct resp *r, const void *octets, size_t len);
enum resp_next { RESP_NONE, RESP_REPLY, RESP_BROKEN };
/* The next whole reply; valid until the next call. */
enum resp_next resp_next(struct resp *r, struct engine_reply *out);
const char *resp_why(const struct resp *r);

/* A command as it is sent. NULL when memory is out; freed with resp_command_free. */
char *resp_command(const struct resp_library *l, const struct engine_command *c, size_t *len);
void resp_command_free(const struct resp_library *l, char *octets);
#endif
