/* Inside the room: what its files that write JSON through jansson share. */
#ifndef JIDNS_TOOL_SHOW_JSON_PRIV_H
#define JIDNS_TOOL_SHOW_JSON_PRIV_H
#include <jansson.h>

#include "dns/record.h"
#include "tool/table.h"

/* A member's text, "" for what is none. */
static inline const char *text_of(const json_t *o, const char *key) {
  const char *text = json_string_value(json_object_get(o, key));
  return text ? text : "";
}

/* A server's address, state and smoothed round trip into the row's cells 0 to 2. */
void show_server(struct table *t, const json_t *server);

/* A record as an object: name, ttl, class, type, data. */
json_t *record_json(const struct record *r);
#endif
