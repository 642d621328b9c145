/* Address prefixes: "10.0.0.0/8", "fd00::/8", one address. */
#ifndef JIDNS_BASE_PREFIX_H
#define JIDNS_BASE_PREFIX_H
#include "base/addr.h"

struct prefix {
  uint8_t octets[16]; /* the address, IPv4 in the first four; what is behind `bits` is zero */
  uint8_t bits;       /* 0 to 32 or 128 */
  bool v6;
};

enum { PREFIX_TEXT = 56 };

/* Parses "192.0.2.0/24", "2001:db8::/32" or an address alone; "::ffff:192.0.2.0/120" is 192.0.2.0/24. False,
 * *out untouched, when it is neither or has bits set behind its length: 10.0.0.1/8 may be meant either way.
 */
bool prefix_parse(const char *text, struct prefix *out);
const char *prefix_format(const struct prefix *p, char text[PREFIX_TEXT]);

/* The first `bits` of a, as its family counts them; of an IPv4 address mapped into IPv6 what lies behind the
 * first 96. */
struct prefix prefix_of(const union addr *a, unsigned bits);

/* What one host has, as limits count it: an IPv4 address, mapped or not, or 64 bits of IPv6. */
struct prefix prefix_of_host(const union addr *a);

/* Does a's host lie in it? IPv4 addresses mapped into IPv6 count as IPv4. */
bool prefix_has(const struct prefix *p, const union addr *a);
bool prefix_equal(const struct prefix *a, const struct prefix *b);
#endif
