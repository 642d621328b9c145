/* settings_find.c: what settings leave to the machine: its networks, its resolv.conf, its interfaces. Exports
 * settings_find_*, settings_check_here. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/shown.h"
#include "settings/settings_priv.h"

#define RESOLVED_CONF "/run/systemd/resolve/resolv.conf" /* the servers that systemd-resolved asks itself */

bool settings_find_networks(struct settings *s, FILE *err) {
  return s->access.chosen || access_find_networks(&s->access, s->listen, s->listen_count, err);
}

bool settings_follow_networks(struct settings *s, FILE *err) {
  return !s->access.chosen && access_follow_networks(&s->access, s->listen, s->listen_count, err);
}

/* ---- resolv.conf ---- */

/* systemd-resolved answers at 127.0.0.53 and .54. */
static bool is_resolved(const union addr *a) {
  return a->any.sa_family == AF_INET && addr_port(a) == 53 &&
         (ntohl(a->v4.sin_addr.s_addr) == 0x7f000035 || ntohl(a->v4.sin_addr.s_addr) == 0x7f000036);
}

/* Does systemd-resolved ask jidnsd? *others gets the servers that it asks besides. */
static bool resolved_asks_us(const struct settings *s, struct resolvconf *others) {
  resolvconf_read(RESOLVED_CONF, s->listen, s->listen_count, others);
  return others->own > 0;
}

static void add_server(struct resolvconf *r, const union addr *server) {
  for (unsigned i = 0; i < r->count; i++) {
    if (addr_equal(&r->servers[i], server)) return;
  }
  if (r->count < RESOLVCONF_SERVERS) r->servers[r->count++] = *server;
}

/* When systemd-resolved asks jidnsd, what is asked there comes back here, for ever: the other servers that it
 * asks take its place. */
static void open_ring(const struct settings *s, struct resolvconf *r) {
  struct resolvconf resolved, named = *r;
  unsigned stubs = 0;
  for (unsigned i = 0; i < r->count; i++) stubs += is_resolved(&r->servers[i]);
  if (!stubs || !resolved_asks_us(s, &resolved)) return;

  r->ring = true;
  r->count = 0;
  for (unsigned i = 0; i < named.count; i++) {
    if (!is_resolved(&named.servers[i])) {
      add_server(r, &named.servers[i]);
      continue;
    }
    for (unsigned k = 0; k < resolved.count; k++) {
      if (!is_resolved(&resolved.servers[k])) add_server(r, &resolved.servers[k]);
    }
  }
  if (!r->count) r->state = RESOLVCONF_RING;
}

static unsigned warn_of_ring(const struct settings *s, const char *option,
                             const struct settings_servers *servers, FILE *err) {
  struct resolvconf others;
  char text[ADDR_TEXT];
  unsigned warned = 0;
  for (unsigned i = 0; i < servers->count; i++) {
    const union addr *addr = &servers->list[i].addr;
    if (!is_resolved(addr) || !resolved_asks_us(s, &others)) continue;
    fprintf(err,
            "jidnsd: warning: --%s %s: a ring: systemd-resolved answers there and asks jidnsd itself "
            "(%s); name the provider's servers instead, or take jidnsd out of DNS= in resolved.conf\n",
            option, addr_format(addr, text), RESOLVED_CONF);
    warned++;
  }
  return warned;
}

unsigned settings_warn_of_rings(const struct settings *s, FILE *err) {
  unsigned warned = s->upstream_default ? 0 : warn_of_ring(s, "upstream", &s->upstream, err);
  for (unsigned i = 0; i < s->forward_count; i++)
    warned += warn_of_ring(s, "forward", &s->forwards[i].servers, err);
  return warned;
}

static bool is_same_trouble(const struct resolvconf *a, const struct resolvconf *b) {
  return a->state == b->state && a->error == b->error && a->wrong == b->wrong && a->ring == b->ring &&
         strcmp(a->wrong_word, b->wrong_word) == 0;
}

static void complain_of_servers(const struct settings *s, const char *path, FILE *err) {
  char why[RESOLVCONF_TEXT];
  const struct resolvconf *r = &s->resolv;

  if (r->state == RESOLVCONF_GOOD && r->ring)
    fprintf(
        err,
        "jidnsd: warning: %s: a ring: systemd-resolved, which it names, asks jidnsd itself; jidnsd asks the "
        "other servers\n",
        path);
  if (r->state == RESOLVCONF_GOOD) {
    if (!r->wrong) return;
    fprintf(err, "jidnsd: warning: %s line %u: '", path, r->wrong_line);
    shown_put(err, r->wrong_word, SHOWN_MAX);
    fputs("' is not an address; jidnsd ignores that line\n", err);
    return;
  }

  fputs("jidnsd: warning: ", err);
  if (!s->upstream.count) fputs("no upstream server: ", err);
  shown_put(err, resolvconf_why(path, r, why), sizeof why);
  if (s->upstream.count) fputs(": jidnsd keeps asking the servers of before\n", err);
  else if (s->zones.zone_count + s->zones.domain_count)
    fputs("; only local zones are answered, until it names one\n", err);
  else fputs("; cache misses get SERVFAIL until it names one, or set one with --upstream\n", err);
}

void settings_find_upstreams(struct settings *s, const char *path, FILE *err) {
  struct resolvconf before = s->resolv;
  if (s->upstream.count && !s->upstream_default) return;
  s->upstream_default = true;

  if (resolvconf_read(path, s->listen, s->listen_count, &s->resolv)) open_ring(s, &s->resolv);
  if (s->resolv.count) {
    settings_clear_servers(&s->upstream);
    /* without scopes: the file is read anew when interfaces change */
    for (unsigned i = 0; i < s->resolv.count; i++) s->upstream.list[i].addr = s->resolv.servers[i];
    s->upstream.count = s->resolv.count;
  }
  if (!is_same_trouble(&before, &s->resolv)) complain_of_servers(s, path, err);
}

/* ---- interfaces ---- */

static bool find_scope(union addr *addr, const char *scope) {
  if (!*scope) return false;
  uint32_t index = addr_scope_id(scope), before = addr->v6.sin6_scope_id;
  addr->v6.sin6_scope_id = index;
  return index != before;
}

static bool find_server_scopes(struct settings_servers *set) {
  bool changed = false;
  for (unsigned i = 0; i < set->count; i++) changed |= find_scope(&set->list[i].addr, set->list[i].scope);
  return changed;
}

bool settings_find_scopes(struct settings *s) {
  bool changed = find_server_scopes(&s->upstream);
  for (unsigned i = 0; i < s->listen_count; i++) changed |= find_scope(&s->listen[i], s->listen_scopes[i]);
  for (unsigned i = 0; i < s->forward_count; i++) changed |= find_server_scopes(&s->forwards[i].servers);
  return changed;
}

/* ---- --check-config ---- */

/* Would the kernel let us listen there, whoever has the port? */
static int why_not_here(const union addr *a) {
  union addr any_port = *a;
  if (a->any.sa_family == AF_INET6) any_port.v6.sin6_port = 0;
  else any_port.v4.sin_port = 0;
  int fd = socket(a->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  int e = fd < 0 || bind(fd, &any_port.any, addr_len(a)) != 0 ? errno : 0;
  if (fd >= 0) close(fd);
  return e;
}

static unsigned warn_of_scope(const char *option, const union addr *addr, const char *scope, FILE *err) {
  if (addr_is_here(addr, scope)) return 0;
  fprintf(err, "jidnsd: warning: --%s: there is no interface '", option);
  shown_put(err, scope, SHOWN_MAX);
  fputs("' yet; jidnsd uses it as soon as there is\n", err);
  return 1;
}

static unsigned warn_of_servers(const char *option, const struct settings_servers *set, FILE *err) {
  unsigned warned = 0;
  for (unsigned i = 0; i < set->count; i++)
    warned += warn_of_scope(option, &set->list[i].addr, set->list[i].scope, err);
  return warned;
}

unsigned settings_warn_of_scopes(struct settings *s, FILE *err) {
  unsigned warned = 0;
  for (unsigned i = 0; i < s->listen_count; i++)
    warned += warn_of_scope("listen", &s->listen[i], s->listen_scopes[i], err);
  warned += warn_of_servers("upstream", &s->upstream, err);
  for (unsigned i = 0; i < s->forward_count; i++)
    warned += warn_of_servers("forward", &s->forwards[i].servers, err);
  return warned;
}

static unsigned warn_of_listen(const struct settings *s, FILE *err) {
  char text[ADDR_TEXT];
  unsigned warned = 0;

  for (unsigned i = 0; i < s->listen_count && !s->listen_default; i++) {
    int e = addr_is_here(&s->listen[i], s->listen_scopes[i]) ? why_not_here(&s->listen[i]) : 0;
    if (!e) continue;
    addr_format(&s->listen[i], text);
    if (e == EADDRNOTAVAIL)
      fprintf(err,
              "jidnsd: warning: --listen %s: this machine does not have that address yet; jidnsd uses it as "
              "soon as it does\n",
              text);
    else fprintf(err, "jidnsd: warning: --listen %s: %s\n", text, strerror(e));
    warned++;
  }

  return warned;
}

bool settings_check_here(struct settings *s, bool *warned, FILE *err) {
  if (!settings_find_networks(s, err)) return false;
  settings_find_upstreams(s, s->resolv_conf, err);
  *warned = s->upstream_default && (s->resolv.state != RESOLVCONF_GOOD || s->resolv.wrong || s->resolv.ring);
  if (settings_warn_of_rings(s, err) + settings_warn_of_scopes(s, err) + warn_of_listen(s, err))
    *warned = true;
  return true;
}
