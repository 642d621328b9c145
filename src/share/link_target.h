/* Where the fleet's engine is. */
#ifndef JIDNS_SHARE_LINK_TARGET_H
#define JIDNS_SHARE_LINK_TARGET_H
#include <stdbool.h>
#include <stdint.h>

enum { LINK_PORT = 6379, LINK_NAME = 256, LINK_DB_MAX = 65535 };

enum link_way { LINK_UNIX, LINK_TCP, LINK_TLS };

struct link_target {
  enum link_way way;
  char name[LINK_NAME]; /* an address, a host's name, or a socket's path */
  uint16_t port;
  uint32_t db;
};

/* Parses unix:/PATH, redis://HOST[:PORT][/DB] or rediss://. False, and why, when it is none of these. */
bool link_target_parse(const char *text, struct link_target *out, const char **why);
/* The same as text, for people. */
enum { LINK_TARGET_TEXT = LINK_NAME + 40 };
const char *link_target_format(const struct link_target *t, char text[LINK_TARGET_TEXT]);
#endif
