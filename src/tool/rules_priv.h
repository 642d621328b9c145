/* What the rules_*.c have in common. */
#ifndef JIDNS_TOOL_RULES_PRIV_H
#define JIDNS_TOOL_RULES_PRIV_H
#include "tool/report.h"

/* Letters, digits and hyphens only (RFC 1123 section 2.1). */
bool rules_is_host_name(const uint8_t *name);

/* The name is one of the zones or below one; zones end with NULL. */
bool rules_is_below(const uint8_t *name, size_t len, const char *const *zones);

/* A name for tests or local networks: what is true for the world is not asked of it. */
bool rules_is_special(const uint8_t *name, size_t len);

/* Reads the SRV records of an answer, following its aliases; at most `most`. Returns how many there are. */
size_t rules_read_srv(const struct asked *a, struct srv *list, size_t most);

/* A service that nobody can have has the same records: a wildcard made both. */
bool rules_is_wildcard_srv(const struct facts *f, const struct asked *a);

/* The answer has a record of that type, whatever its name; *out is the first. */
bool rules_has_type(const struct asked *a, uint16_t type, struct record *out);

/* The host has no address, and that is known: both questions are answered. */
bool rules_lacks_address(const struct host *h);

/* Both are answered, with the same records; order, spelling of targets and TTLs do not count. */
bool rules_say_the_same(const struct asked *a, const struct asked *b);

/* The address can't be reached from the world, whoever's it is. */
bool rules_is_bad_address(const struct address *a);

/* What leads to a target is secure as far as the server that was asked validates: SRV, addresses and TLSA.
 * Only then does a TLSA record vouch for a certificate (RFC 7673 section 3). */
bool rules_is_secure_end(const struct facts *f, const struct tlsa_question *q, enum lookup_side side,
                         bool direct_tls);

/* A component's addresses are a wildcard's: nobody need have set it up. */
bool rules_is_wildcard(const struct facts *f, const struct lookup *component);

/* Loops over the services of the report's domain that were asked for and are not obsolete. */
#define rules_each_service(r, s)                                                                             \
  for (const struct service *s = (r)->facts->domain->services;                                               \
       s < (r)->facts->domain->services + LOOKUP_SERVICES; s++)                                              \
    if (s->state != SERVICE_UNASKED && !s->kind->obsolete)
#endif
