/* Inside the room: what its files that write JSON through jansson share. */
#ifndef JIDNS_TOOL_SHOW_JSON_PRIV_H
#define JIDNS_TOOL_SHOW_JSON_PRIV_H
#include <jansson.h>

#include "dns/record.h"

/* A record as an object: name, ttl, class, type, data. */
json_t *record_json(const struct record *r);
#endif
