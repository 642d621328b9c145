/* Inside the module: what its files that write JSON through jansson share. */
#ifndef JIDNS_TOOL_SHOW_JSON_PRIV_H
#define JIDNS_TOOL_SHOW_JSON_PRIV_H
#include <jansson.h>

#include "dns/record.h"
#include "tool/lookup_dane.h"
#include "tool/plan.h"
#include "tool/table.h"

enum { JSON_DIGITS = 9 /* of numbers that are no integers */ };

/* A member's text, "" for what is none. */
static inline const char *text_of(const json_t *o, const char *key) {
  const char *text = json_string_value(json_object_get(o, key));
  return text ? text : "";
}

/* A server's address, state and smoothed round trip into the row's cells 0 to 2. */
void ctl_show_server(struct table *t, const json_t *server);

/* "3 d 4 h": the two largest units of so many seconds. Returns text. */
enum { CTL_DURATION = 40 };
const char *ctl_show_duration(long long s, char text[CTL_DURATION]);

/* Adds value to an object and takes it over; NULL, out of memory, shows in the end as a missing key. */
void lookup_json_set(json_t *object, const char *key, json_t *value);
/* Where a name's CNAMEs lead; null when they have no end, nothing where there are none. */
void lookup_json_alias(json_t *object, const char *key, const struct alias *a);
/* A host's addresses; s: the service whose target it is, NULL for the domain itself, of which nothing comes
 * along. dnssec: with whether they are secure. */
json_t *lookup_json_addresses(const struct service *s, const struct host *h, bool dnssec);
/* An answer's extended errors. */
json_t *lookup_json_edes(const struct asked *a);
/* All services that were asked for, and a plan's steps. */
json_t *lookup_json_services(const struct lookup *l, bool dnssec);
json_t *lookup_json_steps(const struct plan *p);

/* DANE at each endpoint, and which programs do it. */
json_t *lookup_dane_json(const struct lookup_dane *d);

/* A record as an object: name, ttl, class, type, data. */
json_t *record_json(const struct record *r);
#endif
