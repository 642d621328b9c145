/* From what people type to the name that is asked for. */
#ifndef JIDNS_TOOL_DOMAIN_H
#define JIDNS_TOOL_DOMAIN_H
#include "dns/name.h"

enum { DOMAIN_PREFIX_MAX = 19 }; /* octets of "_xmpps-client._tcp.", the longest prefix asked for */

/* A domain as somebody typed it. */
struct typed_domain {
  uint8_t name[NAME_MAX_LEN]; /* DOMAIN_PREFIX_MAX octets still fit before it */
  size_t len;
  const char *taken_from; /* "a URL": it was a part of that only; static; NULL: of a JID at most */
  char other[NAME_TEXT];  /* what programs of IDNA 2003 make of it, in ASCII; "": the same */
  bool bad_alabel;        /* it has a label "xn--..." that stands for no name (IDNA 2008) */
};

/* Both return NULL and fill in what they read, or else why not (a static sentence). */

/* Any name: ASCII in presentation form, or UTF-8 through IDNA. */
const char *domain_read_name(const char *text, uint8_t out[NAME_MAX_LEN], size_t *len);

/* The domain part of a JID (RFC 7622 section 3.1), which may be all of it; of an xmpp: URI (RFC 5122), of a
 * URL with a host, of a host with a port. */
const char *domain_read_jid(const char *jid, struct typed_domain *out);

/* "localhost" or a name below it (RFC 6761 section 6.3). */
bool domain_is_localhost(const uint8_t *name, size_t len);

/* The name reads like an IP address: 192.0.2.1 or 2001:db8::1. */
bool domain_is_address(const uint8_t *name, size_t len);

/* Writes labels ("_xmpp-client._tcp") before a name. Returns the length, 0 when that is too long. */
size_t domain_below(const char *labels, const uint8_t *name, size_t len, uint8_t out[NAME_MAX_LEN]);

/* name_format without the final dot, but "." for the root. */
const char *domain_text(const uint8_t *name, size_t len, char text[NAME_TEXT]);

/* The name as the zone's file has it: "@", "xmpp", "xmpp.other.example.". Returns text. */
const char *domain_short_text(const uint8_t *zone, size_t zone_len, const uint8_t *name, size_t len,
                              char text[NAME_TEXT]);
#endif
