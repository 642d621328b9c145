/* prefix.c: address prefixes from text, and who lies in them. Exports prefix_*. */
#include "base/prefix.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The host's octets: 4 or 16 of them. */
static const uint8_t *host_of(const union addr *a, bool *v6) {
  *v6 = a->any.sa_family == AF_INET6;
  if (!*v6) return (const uint8_t *)&a->v4.sin_addr;
  const uint8_t *octets = a->v6.sin6_addr.s6_addr;
  if (!IN6_IS_ADDR_V4MAPPED(&a->v6.sin6_addr)) return octets;
  *v6 = false;
  return octets + 12;
}

/* Compares the first `bits`. */
static bool same_start(const uint8_t *a, const uint8_t *b, unsigned bits) {
  unsigned whole = bits / 8, rest = bits % 8;
  return memcmp(a, b, whole) == 0 && (!rest || (uint8_t)((a[whole] ^ b[whole]) >> (8 - rest)) == 0);
}

enum { MAPPED_BITS = 96 }; /* of ::ffff:0:0/96, in front of an IPv4 address */

struct prefix prefix_of(const union addr *a, unsigned bits) {
  struct prefix p = {0};
  const uint8_t *host = host_of(a, &p.v6);
  unsigned most = p.v6 ? 128 : 32;
  bool mapped = !p.v6 && a->any.sa_family == AF_INET6;

  if (mapped) bits = bits > MAPPED_BITS ? bits - MAPPED_BITS : 0;
  p.bits = (uint8_t)(bits < most ? bits : most);
  memcpy(p.octets, host, (p.bits + 7u) / 8);
  if (p.bits % 8) p.octets[p.bits / 8] &= (uint8_t)(0xff00 >> p.bits % 8);
  return p;
}

struct prefix prefix_of_host(const union addr *a) {
  enum { V4_BITS = 32, V6_BITS = 64 };
  bool v6;
  host_of(a, &v6);
  if (v6) return prefix_of(a, V6_BITS);
  return prefix_of(a, a->any.sa_family == AF_INET6 ? MAPPED_BITS + V4_BITS : V4_BITS);
}

bool prefix_has(const struct prefix *p, const union addr *a) {
  bool v6;
  const uint8_t *host = host_of(a, &v6);
  return v6 == p->v6 && same_start(host, p->octets, p->bits);
}

bool prefix_equal(const struct prefix *a, const struct prefix *b) {
  return a->v6 == b->v6 && a->bits == b->bits && memcmp(a->octets, b->octets, sizeof a->octets) == 0;
}

bool prefix_parse(const char *text, struct prefix *out) {
  char host[INET6_ADDRSTRLEN];
  const char *slash = strchr(text, '/');
  size_t len = slash ? (size_t)(slash - text) : strlen(text);
  union addr a;

  if (len >= sizeof host) return false;
  memcpy(host, text, len);
  host[len] = 0;
  memset(&a, 0, sizeof a);
  if (inet_pton(AF_INET, host, &a.v4.sin_addr) == 1) a.any.sa_family = AF_INET;
  else if (inet_pton(AF_INET6, host, &a.v6.sin6_addr) == 1) a.any.sa_family = AF_INET6;
  else return false;
  unsigned long bits = a.any.sa_family == AF_INET ? 32 : 128;
  if (slash) {
    char *end;
    unsigned long given = strtoul(slash + 1, &end, 10);
    if (slash[1] < '0' || slash[1] > '9' || *end || end - slash > 4 || given > bits) return false;
    bits = given;
  }

  struct prefix p = prefix_of(&a, (unsigned)bits);
  bool v6;

  /* A shorter one would cut through the 96 bits that say "IPv4", so has bits set behind its length. */
  if (!p.v6 && a.any.sa_family == AF_INET6 && bits < MAPPED_BITS) return false;
  if (memcmp(p.octets, host_of(&a, &v6), p.v6 ? 16 : 4) != 0) return false;
  *out = p;
  return true;
}

const char *prefix_format(const struct prefix *p, char text[PREFIX_TEXT]) {
  char host[INET6_ADDRSTRLEN];
  inet_ntop(p->v6 ? AF_INET6 : AF_INET, p->octets, host, sizeof host);
  snprintf(text, PREFIX_TEXT, "%s/%u", host, p->bits);
  return text;
}
