/* From what people type to the name that is asked for. */
#ifndef JIDNS_TOOL_DOMAIN_H
#define JIDNS_TOOL_DOMAIN_H
#include "dns/name.h"

enum { DOMAIN_PREFIX_MOST = 19 }; /* octets of "_xmpps-client._tcp.", the longest prefix asked for */

/* Both return NULL with the name in out and its length in *len, or else why not (a static sentence). */

/* Any name: ASCII in presentation form, or UTF-8 through IDNA. */
const char *domain_read_name(const char *text, uint8_t out[NAME_MAX_LEN], size_t *len);

/* The domain part of a JID (RFC 7622 section 3.1), which may be all of it; DOMAIN_PREFIX_MOST octets still
 * fit before it. */
const char *domain_read_jid(const char *jid, uint8_t out[NAME_MAX_LEN], size_t *len);

/* The name reads like an IP address: 192.0.2.1 or 2001:db8::1. */
bool domain_is_address(const uint8_t *name, size_t len);

/* Writes labels ("_xmpp-client._tcp") before a name. Returns the length, 0 when that is too long. */
size_t domain_below(const char *labels, const uint8_t *name, size_t len, uint8_t out[NAME_MAX_LEN]);

/* name_format without the final dot, but "." for the root. */
const char *domain_text(const uint8_t *name, size_t len, char text[NAME_TEXT]);
#endif
