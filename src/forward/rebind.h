/* The rebinding filter: names of strangers that lead to private addresses. A web page's name that first leads
 * to its own server and then to 192.168.0.1 lets its scripts talk to what is there. */
#ifndef JIDNS_FORWARD_REBIND_H
#define JIDNS_FORWARD_REBIND_H
#include "dns/answer.h"

enum { REBIND_NAMES = 64 };

struct rebind_name {
  uint8_t len, octets[NAME_MAX_LEN]; /* in lower case */
};

struct rebind {
  bool on;
  unsigned exempt_count;
  struct rebind_name exempt[REBIND_NAMES]; /* these and all names below them may lead anywhere */
};

/* Should this answer to q be kept from clients? It should when q's name is not exempt and an A, an AAAA or an
 * address hint of SVCB or HTTPS is private: this host or none (0/8, 127/8, ::, ::1), private or shared (10/8,
 * 100.64/10, 172.16/12, 192.168/16, fc00::/7), link-local (169.254/16, fe80::/10), site-local (fec0::/10), or
 * an IPv6 address that holds such an IPv4 address (::ffff:0:0/96, 64:ff9b::/96, 2002::/16, ::/96). */
bool rebind_refuses(const struct rebind *r, const struct question *q, const struct answer_view *v);
#endif
