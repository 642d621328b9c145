/* Socket addresses: IPv4 or IPv6, address and port. */
#ifndef JIDNS_BASE_ADDR_H
#define JIDNS_BASE_ADDR_H
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

union addr {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
};

enum { ADDR_TEXT = 80 }; /* octets that hold any address_format with its NUL: [v6%scope]:port */

enum { ADDR_SCOPE = 16 }; /* octets that hold any scope, an interface's name or number, with its NUL */

/* Parses "192.0.2.1", "192.0.2.1:53", "2001:db8::1", "[2001:db8::1]:53", "fe80::1%eth0" or "fe80::1%2" (RFC
 * 4007 section 11.2); a missing port becomes `port` (host order). False, *out untouched, when it is none of
 * these, the port is not 1 to 65535, or there is no such interface now. */
bool addr_parse(const char *text, uint16_t port, union addr *out);

/* The same, but the interface may come later. `scope` gets what stands behind the %, "" if nothing does;
 * while there is no such interface *out has the scope id 0. */
bool addr_parse_scoped(const char *text, uint16_t port, union addr *out, char scope[ADDR_SCOPE]);

/* The interface's index now, by its name or else its number; 0: there is none. Names and numbers change hands
 * when interfaces do. */
uint32_t addr_scope_id(const char *scope);

/* Writes "192.0.2.1:53", "[2001:db8::1]:53" or "[fe80::1%eth0]:53" into text and returns it. */
const char *addr_format(const union addr *a, char text[ADDR_TEXT]);

bool addr_equal(const union addr *a, const union addr *b);     /* family, address, port (and scope) */
bool addr_same_host(const union addr *a, const union addr *b); /* family and address only */
bool addr_is_loopback(const union addr *a);                    /* 127.0.0.0/8, ::1, ::ffff:127.0.0.0/104 */
bool addr_is_any(const union addr *a);                         /* 0.0.0.0 or :: */
uint16_t addr_port(const union addr *a);                       /* host order */
void addr_set_port(union addr *a, uint16_t port);              /* host order */

/* Of no use outside a site: this host or none (0/8, 127/8, ::, ::1), private or shared (10/8, 100.64/10,
 * 172.16/12, 192.168/16, fc00::/7), link-local; also inside an IPv6 address that holds an IPv4 address. */
bool addr_is_private(const union addr *a);
bool addr_is_private_octets(const uint8_t *octets, size_t len); /* 4 or 16 of them */

/* bind(2), also to an address that this machine does not have yet, or not for good (IPv6 before its
 * duplicates are looked for): then *later is true, and what comes once it has it is taken in. False: errno
 * says why. */
bool addr_bind(int fd, const union addr *a, bool *later);

/* One parsed with that scope: may it be used now? Not while its interface is not there. */
static inline bool addr_is_here(const union addr *a, const char *scope) {
  return !*scope || a->v6.sin6_scope_id;
}

static inline socklen_t addr_len(const union addr *a) {
  return a->any.sa_family == AF_INET6 ? (socklen_t)sizeof a->v6 : (socklen_t)sizeof a->v4;
}
#endif
