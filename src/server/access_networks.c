/* access_networks.c: the networks this machine is in, for those who did not say who may ask. Exports
 * access_find_networks, access_follow_networks, access_is_public. */
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>

#include "server/access.h"

/* Networks that the internet does not route: IANA's special-purpose registries (RFC 6890). */
static const char *const unrouted[] = {
    "0.0.0.0/32",     "10.0.0.0/8",   "100.64.0.0/10",  "127.0.0.0/8",   "169.254.0.0/16",
    "172.16.0.0/12",  "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
    "203.0.113.0/24", "::/127",       "2001:db8::/32",  "fc00::/7",      "fe80::/10"};

bool access_is_public(const union addr *a) {
  struct prefix p;
  for (unsigned i = 0; i < sizeof unrouted / sizeof *unrouted; i++) {
    if (prefix_parse(unrouted[i], &p) && prefix_has(&p, a)) return false;
  }
  return true;
}

static unsigned mask_bits(const struct sockaddr *mask) {
  union addr m;
  unsigned bits = 0;
  if (!mask) return 128;
  memset(&m, 0, sizeof m);
  memcpy(&m, mask, mask->sa_family == AF_INET6 ? sizeof m.v6 : sizeof m.v4);
  m.any.sa_family = mask->sa_family;
  const uint8_t *octets = mask->sa_family == AF_INET6 ? m.v6.sin6_addr.s6_addr
                                                      : (const uint8_t *)&m.v4.sin_addr;
  unsigned most = mask->sa_family == AF_INET6 ? 128 : 32;
  while (bits < most && octets[bits / 8] & 0x80 >> bits % 8) bits++;
  return bits;
}

static bool add(struct access_policy *o, const struct prefix *p) {
  for (unsigned i = 0; i < o->allow_count; i++) {
    if (prefix_equal(&o->allow[i], p)) return true;
  }
  if (o->allow_count == ACCESS_PREFIXES) return false;
  o->allow[o->allow_count++] = *p;
  return true;
}

/* Is what comes to this interface's address taken in at `listen`? */
static bool takes_in(const union addr *listen, const union addr *address) {
  if (listen->any.sa_family != address->any.sa_family) return false;
  return addr_is_any(listen) || addr_same_host(listen, address);
}

static void complain(const union addr *listen, const union addr *address, FILE *err) {
  char text[ADDR_TEXT], reached[INET6_ADDRSTRLEN];
  fprintf(err, "jidnsd: --listen '%s': ", addr_format(listen, text));
  if (addr_is_any(listen)) {
    struct prefix p = prefix_of(address, 128);
    char prefix[PREFIX_TEXT];
    prefix_format(&p, prefix);
    snprintf(reached, sizeof reached, "%.*s", (int)strcspn(prefix, "/"), prefix);
    fprintf(err, "takes in %s, ", reached);
  }
}

static const char ask_operator[] = "a public address, so anybody could ask; say who may with --allow, such "
                                   "as --allow 192.168.0.0/16 (or --allow any)\n";

/* How the networks are gathered. */
struct gathering {
  struct access_policy *o;
  const struct ifaddrs *list;
  bool running;     /* what can't be allowed is left out; else it ends the start */
  unsigned said_of; /* so many are left out already, and were said */
  FILE *err;
};

static bool leave_out(struct gathering *g, const union addr *listen, const union addr *address) {
  bool says = !g->running || g->o->left_out >= g->said_of;
  g->o->left_out++;
  if (says) complain(listen, address, g->err);
  if (says)
    fputs(g->running ? "a public address now: its network may not ask unless --allow says so\n"
                     : ask_operator,
          g->err);
  return g->running;
}

static bool add_network(struct gathering *g, const union addr *address, unsigned bits) {
  struct prefix p = prefix_of(address, bits);
  if (add(g->o, &p)) return true;
  if (!g->running || g->o->left_out >= g->said_of) {
    fprintf(g->err, "jidnsd: more than %d networks here; say who may ask with --allow\n", ACCESS_PREFIXES);
  }
  g->o->left_out++;
  return g->running;
}

static bool add_listen(struct gathering *g, const union addr *listen) {
  if (!addr_is_any(listen) && access_is_public(listen)) return leave_out(g, listen, listen);
  for (const struct ifaddrs *i = g->list; i; i = i->ifa_next) {
    union addr address;
    if (!i->ifa_addr || (i->ifa_addr->sa_family != AF_INET && i->ifa_addr->sa_family != AF_INET6)) continue;
    memset(&address, 0, sizeof address);
    memcpy(&address, i->ifa_addr, i->ifa_addr->sa_family == AF_INET6 ? sizeof address.v6 : sizeof address.v4);
    if (!takes_in(listen, &address) || addr_is_loopback(&address)) continue;
    bool good = access_is_public(&address) ? leave_out(g, listen, &address)
                                           : add_network(g, &address, mask_bits(i->ifa_netmask));
    if (!good) return false;
  }
  return true;
}

static bool gather(struct gathering *g, const union addr *listen, unsigned n) {
  bool good = true;
  g->said_of = g->o->left_out;
  g->o->allow_count = g->o->left_out = 0;
  for (unsigned i = 0; i < n && good; i++) good = add_listen(g, &listen[i]);
  return good;
}

static bool is_for_others(const union addr *listen, unsigned n) {
  for (unsigned i = 0; i < n; i++) {
    if (!addr_is_loopback(&listen[i])) return true;
  }
  return false;
}

bool access_find_networks(struct access_policy *o, const union addr *listen, unsigned n, FILE *err) {
  struct ifaddrs *list = NULL;
  if (getifaddrs(&list) != 0 && is_for_others(listen, n)) {
    fprintf(err,
            "jidnsd: warning: can't list this machine's networks: %s; only this machine may ask; say who may "
            "with --allow\n",
            strerror(errno));
  }
  bool good = gather(&(struct gathering){.o = o, .list = list, .err = err}, listen, n);
  if (list) freeifaddrs(list);
  return good;
}

static bool has_prefix(const struct access_policy *o, const struct prefix *p) {
  for (unsigned i = 0; i < o->allow_count; i++) {
    if (prefix_equal(&o->allow[i], p)) return true;
  }
  return false;
}

bool access_follow_networks(struct access_policy *o, const union addr *listen, unsigned n, FILE *err) {
  struct access_policy before = *o;
  struct ifaddrs *list = NULL;
  if (getifaddrs(&list) != 0) return false;
  gather(&(struct gathering){.o = o, .list = list, .running = true, .err = err}, listen, n);
  if (list) freeifaddrs(list);

  bool same = o->allow_count == before.allow_count;
  for (unsigned i = 0; i < o->allow_count && same; i++) same = has_prefix(&before, &o->allow[i]);
  return !same;
}
