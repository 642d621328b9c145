/* addr.c: socket addresses from text and back. Exports addr_*. */
#include "base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool parse_port(const char *text, uint16_t *out) {
  if (*text < '0' || *text > '9') return false;
  char *end;
  unsigned long v = strtoul(text, &end, 10);
  if (*end || v < 1 || v > 65535) return false;
  *out = (uint16_t)v;
  return true;
}

static uint32_t scope_number(const char *scope) {
  char name[IF_NAMESIZE], *end;
  if (*scope < '0' || *scope > '9') return 0;
  unsigned long index = strtoul(scope, &end, 10);
  return !*end && index <= INT32_MAX && if_indextoname((unsigned)index, name) ? (uint32_t)index : 0;
}

uint32_t addr_scope_id(const char *scope) {
  if (!*scope) return 0;
  uint32_t index = if_nametoindex(scope);
  return index ? index : scope_number(scope);
}

/* "fe80::1%eth0": what may stand behind the % no character that the kernel lets no interface have, and no
 * bracket. */
static bool parse_scope(const char *text, char scope[ADDR_SCOPE]) {
  size_t len = strlen(text);
  if (len == 0 || len >= ADDR_SCOPE || text[strcspn(text, " \t\r\n/:%]")]) return false;
  memcpy(scope, text, len + 1);
  return true;
}

static bool parse_host(const char *host, uint16_t port, union addr *out, char scope[ADDR_SCOPE]) {
  union addr a;
  memset(&a, 0, sizeof a);
  *scope = 0;
  if (inet_pton(AF_INET, host, &a.v4.sin_addr) == 1) {
    a.v4.sin_family = AF_INET;
    a.v4.sin_port = htons(port);
    *out = a;
    return true;
  }

  char plain[INET6_ADDRSTRLEN];
  const char *percent = strchr(host, '%');
  size_t len = percent ? (size_t)(percent - host) : strlen(host);
  if (len >= sizeof plain) return false;
  memcpy(plain, host, len);
  plain[len] = 0;
  if (inet_pton(AF_INET6, plain, &a.v6.sin6_addr) != 1) return false;
  if (percent && !parse_scope(percent + 1, scope)) return false;
  a.v6.sin6_scope_id = addr_scope_id(scope);
  a.v6.sin6_family = AF_INET6;
  a.v6.sin6_port = htons(port);
  *out = a;
  return true;
}

bool addr_parse_scoped(const char *text, uint16_t port, union addr *out, char scope[ADDR_SCOPE]) {
  char host[ADDR_TEXT];
  size_t len = strlen(text);

  if (len >= sizeof host) return false;
  memcpy(host, text, len + 1);
  if (host[0] == '[') {
    char *close = strchr(host, ']');
    if (!close || (close[1] && (close[1] != ':' || !parse_port(close + 2, &port)))) return false;
    *close = 0;
    return strchr(host + 1, ':') && parse_host(host + 1, port, out, scope);
  }

  char *colon = strchr(host, ':');
  if (colon && !strchr(colon + 1, ':')) {
    if (!parse_port(colon + 1, &port)) return false;
    *colon = 0;
  }

  return parse_host(host, port, out, scope);
}

bool addr_parse(const char *text, uint16_t port, union addr *out) {
  char scope[ADDR_SCOPE];
  union addr a;
  if (!addr_parse_scoped(text, port, &a, scope) || (*scope && !a.v6.sin6_scope_id)) return false;
  *out = a;
  return true;
}

/* "%eth0" or, once that interface has gone, "%2"; "" without a scope. */
static const char *scope_format(uint32_t index, char text[1 + IF_NAMESIZE]) {
  char name[IF_NAMESIZE];
  *text = 0;
  if (index && if_indextoname(index, name)) snprintf(text, 1 + IF_NAMESIZE, "%%%s", name);
  else if (index) snprintf(text, 1 + IF_NAMESIZE, "%%%u", index);
  return text;
}

const char *addr_format(const union addr *a, char text[ADDR_TEXT]) {
  char host[INET6_ADDRSTRLEN] = "?", scope[1 + IF_NAMESIZE];
  if (a->any.sa_family == AF_INET) {
    inet_ntop(AF_INET, &a->v4.sin_addr, host, sizeof host);
    snprintf(text, ADDR_TEXT, "%s:%u", host, addr_port(a));
  } else {
    inet_ntop(AF_INET6, &a->v6.sin6_addr, host, sizeof host);
    snprintf(text, ADDR_TEXT, "[%s%s]:%u", host, scope_format(a->v6.sin6_scope_id, scope), addr_port(a));
  }
  return text;
}

uint16_t addr_port(const union addr *a) {
  return ntohs(a->any.sa_family == AF_INET6 ? a->v6.sin6_port : a->v4.sin_port);
}

bool addr_same_host(const union addr *a, const union addr *b) {
  if (a->any.sa_family != b->any.sa_family) return false;
  if (a->any.sa_family == AF_INET) return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
  return memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof a->v6.sin6_addr) == 0 &&
         a->v6.sin6_scope_id == b->v6.sin6_scope_id;
}

void addr_set_port(union addr *a, uint16_t port) {
  if (a->any.sa_family == AF_INET6) a->v6.sin6_port = htons(port);
  else a->v4.sin_port = htons(port);
}

bool addr_equal(const union addr *a, const union addr *b) {
  return addr_same_host(a, b) && addr_port(a) == addr_port(b);
}

bool addr_is_loopback(const union addr *a) {
  if (a->any.sa_family == AF_INET) return (ntohl(a->v4.sin_addr.s_addr) >> 24) == 127;
  const uint8_t *b = a->v6.sin6_addr.s6_addr;
  return IN6_IS_ADDR_LOOPBACK(&a->v6.sin6_addr) || (IN6_IS_ADDR_V4MAPPED(&a->v6.sin6_addr) && b[12] == 127);
}

bool addr_is_any(const union addr *a) {
  if (a->any.sa_family == AF_INET) return a->v4.sin_addr.s_addr == INADDR_ANY;
  return IN6_IS_ADDR_UNSPECIFIED(&a->v6.sin6_addr);
}

bool addr_bind(int fd, const union addr *a, bool *later) {
  bool v6 = a->any.sa_family == AF_INET6;
  int on = 1;
  *later = false;
  if (bind(fd, &a->any, addr_len(a)) == 0) return true;
  if (errno != EADDRNOTAVAIL) return false;

  if (setsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_FREEBIND : IP_FREEBIND, &on, sizeof on) != 0) {
    errno = EADDRNOTAVAIL;
    return false;
  }
  *later = true;
  return bind(fd, &a->any, addr_len(a)) == 0;
}

/* ---- private addresses ---- */

struct net {
  uint8_t bits, octets[12];
};

static const struct net private_v4[] = {{8, {0}},         {8, {10}},       {10, {100, 64}}, {8, {127}},
                                        {16, {169, 254}}, {12, {172, 16}}, {16, {192, 168}}};
static const struct net private_v6[] = {{10, {0xfe, 0x80}}, {10, {0xfe, 0xc0}}, {7, {0xfc}}};

/* IPv6 addresses that hold an IPv4 address, from octet `at` on. */
static const struct {
  struct net net;
  uint8_t at;
} holders[] = {{{96, {[10] = 0xff, [11] = 0xff}}, 12},
               {{96, {0, 0x64, 0xff, 0x9b}}, 12},
               {{16, {0x20, 0x02}}, 2},
               {{96, {0}}, 12}};

static bool lies_in(const uint8_t *address, const struct net *n) {
  unsigned whole = n->bits / 8, rest = n->bits % 8;
  if (memcmp(address, n->octets, whole) != 0) return false;
  return rest == 0 || ((address[whole] ^ n->octets[whole]) & (0xff << (8 - rest) & 0xff)) == 0;
}

static bool is_private_v4(const uint8_t *address) {
  for (size_t i = 0; i < sizeof private_v4 / sizeof *private_v4; i++) {
    if (lies_in(address, &private_v4[i])) return true;
  }
  return false;
}

static bool is_private_v6(const uint8_t *address) {
  for (size_t i = 0; i < sizeof private_v6 / sizeof *private_v6; i++) {
    if (lies_in(address, &private_v6[i])) return true;
  }
  for (size_t i = 0; i < sizeof holders / sizeof *holders; i++) {
    if (lies_in(address, &holders[i].net) && is_private_v4(address + holders[i].at)) return true;
  }
  return false;
}

bool addr_is_private_octets(const uint8_t *octets, size_t len) {
  return len == 4 ? is_private_v4(octets) : is_private_v6(octets);
}

bool addr_is_private(const union addr *a) {
  if (a->any.sa_family == AF_INET) return is_private_v4((const uint8_t *)&a->v4.sin_addr);
  return is_private_v6(a->v6.sin6_addr.s6_addr);
}
