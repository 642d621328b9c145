/* Inside the cache that was read. */
#ifndef JIDNS_TOOL_CACHED_PRIV_H
#define JIDNS_TOOL_CACHED_PRIV_H
#include "tool/cached.h"

struct cached_entry {
  uint8_t name[NAME_MAX_LEN], name_len; /* in lower case */
  uint16_t type;
  uint32_t ttl_s; /* what is left; 0: expired, and kept for when the servers fail */
  size_t len;
  uint8_t msg[];
};

struct cached {
  struct cached_entry **list; /* by name and type once it is settled, one of each */
  size_t count, room;
};

/* Sorts, and leaves one answer of each question. */
void cached_settle(struct cached *c);
#endif
