/* Where the fleet's engine is. */
#ifndef JIDNS_SHARE_LINE_TARGET_H
#define JIDNS_SHARE_LINE_TARGET_H
#include <stdbool.h>
#include <stdint.h>

enum { LINE_PORT = 6379, LINE_NAME = 256, LINE_DB_MAX = 65535 };

enum line_way { LINE_UNIX, LINE_TCP, LINE_TLS };

struct line_target {
  enum line_way way;
  char name[LINE_NAME]; /* an address, a host's name, or a socket's path */
  uint16_t port;
  uint32_t db;
};

/* Parses unix:/PATH, redis://HOST[:PORT][/DB] or rediss://. False, and why, when it is none of these. */
bool line_target_parse(const char *text, struct line_target *out, const char **why);
/* The same as text, for people. */
enum { LINE_TARGET_TEXT = LINE_NAME + 40 };
const char *line_target_format(const struct line_target *t, char text[LINE_TARGET_TEXT]);
#endif
