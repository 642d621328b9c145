/* discover.c: encrypted ways to a server, out of SVCB records. Exports discover_read. */
#include "upstream/discover.h"

#include <stdio.h>
#include <string.h>

#include "dns/record.h"

enum { KEY_MANDATORY, KEY_ALPN, KEY_NO_DEFAULT_ALPN, KEY_PORT, KEY_V4, KEY_ECH, KEY_V6, KEY_DOHPATH };

enum { TLS_PORT = 853, HTTPS_PORT = 443 };

enum { ADDRESSES = 2 }; /* of one offer that are tried */

/* One record's RDATA in its parts. */
struct offer {
  uint16_t priority, port;
  uint8_t target[NAME_MAX_LEN];
  size_t target_len;
  bool has_dot, has_h2, has_port;
  unsigned addr_count;
  uint8_t addrs[ADDRESSES][16];
  char path[DISCOVER_PATH];
};

static size_t addr_octets(const union addr *a) { return a->any.sa_family == AF_INET6 ? 16 : 4; }

static bool read_alpn(const uint8_t *value, size_t len, struct offer *o) {
  size_t at = 0;
  while (at < len) {
    size_t n = value[at++];
    if (n == 0 || n > len - at) return false;
    if (n == 3 && memcmp(value + at, "dot", 3) == 0) o->has_dot = true;
    if (n == 2 && memcmp(value + at, "h2", 2) == 0) o->has_h2 = true;
    at += n;
  }
  return len > 0;
}

/* A template of RFC 9461 section 5, "/dns-query{?dns}": what POST uses of it is what stands before. Others
 * are not understood. */
static bool read_path(const uint8_t *value, size_t len, struct offer *o) {
  static const char variable[] = "{?dns}";
  size_t tail = sizeof variable - 1;
  if (len <= tail || value[0] != '/' || memcmp(value + len - tail, variable, tail) != 0) return true;
  len -= tail;
  if (len >= sizeof o->path) return true;
  for (size_t i = 0; i < len; i++) {
    if (value[i] <= ' ' || value[i] >= 0x7f || strchr("{}#?\"<>\\^`|", value[i])) return true;
  }
  memcpy(o->path, value, len);
  o->path[len] = 0;
  return true;
}

/* Those that must be understood are. */
static bool read_mandatory(const uint8_t *value, size_t len) {
  if (len == 0 || len % 2) return false;
  for (size_t i = 0; i < len; i += 2) {
    uint16_t key = load_u16(value + i);
    if (key == KEY_MANDATORY || key == KEY_ECH || key > KEY_DOHPATH) return false;
  }
  return true;
}

static bool read_hint(const uint8_t *value, size_t len, size_t octets, const union addr *server,
                      struct offer *o) {
  if (len == 0 || len % octets) return false;
  if (octets != addr_octets(server)) return true;
  for (size_t at = 0; at < len && o->addr_count < ADDRESSES; at += octets)
    memcpy(o->addrs[o->addr_count++], value + at, octets);
  return true;
}

static bool read_param(uint16_t key, const uint8_t *value, size_t len, const union addr *server,
                       struct offer *o) {
  switch (key) {
  case KEY_MANDATORY: return read_mandatory(value, len);
  case KEY_ALPN: return read_alpn(value, len, o);
  case KEY_NO_DEFAULT_ALPN: return len == 0;
  case KEY_PORT:
    if (len != 2 || load_u16(value) == 0) return false;
    o->port = load_u16(value);
    return o->has_port = true;
  case KEY_V4: return read_hint(value, len, 4, server, o);
  case KEY_V6: return read_hint(value, len, 16, server, o);
  case KEY_DOHPATH: return read_path(value, len, o);
  default: return true;
  }
}

static bool is_special(const struct offer *o) {
  static const uint8_t resolver_arpa[] = "\10resolver\4arpa";
  return name_is_within(o->target, o->target_len, resolver_arpa, sizeof resolver_arpa);
}

/* False: it is malformed, an alias, or nothing that can be used. */
static bool read_offer(const struct record *r, const union addr *server, struct offer *o) {
  struct wire w = wire_read(r->msg, r->rdata_at + r->rdlen);
  int before = -1;
  *o = (struct offer){0};
  w.at = r->rdata_at;
  o->priority = wire_u16(&w);
  o->target_len = name_read(&w, o->target);
  if (w.err || o->priority == 0 || o->target_len <= 1) return false;

  while (w.at < w.len) {
    uint16_t key = wire_u16(&w), len = wire_u16(&w);
    const uint8_t *value = wire_bytes(&w, len);
    if (!value || key <= before || !read_param(key, value, len, server, o)) return false;
    before = key;
  }
  return (o->has_dot || (o->has_h2 && *o->path)) && !is_special(o);
}

/* The target's addresses in the additional section, of the server's family, if there was no hint. */
static void find_addresses(const uint8_t *msg, size_t len, const union addr *server, struct offer *o) {
  struct wire w = record_start(msg, len);
  struct record r;
  size_t octets = addr_octets(server);
  if (o->addr_count) return;
  for (unsigned i = 0; i < DISCOVER_RECORDS && o->addr_count < ADDRESSES && record_read(&w, &r); i++) {
    bool is_address = r.type == (octets == 4 ? TYPE_A : TYPE_AAAA) && r.klass == CLASS_IN &&
                      r.rdlen == octets;
    if (!is_address || !name_equal(r.owner, r.owner_len, o->target, o->target_len)) continue;
    memcpy(o->addrs[o->addr_count++], record_rdata(&r), octets);
  }
}

static void write_name(const struct offer *o, char out[TLS_NAME]) {
  char text[NAME_TEXT];
  name_format(o->target, o->target_len, text);
  size_t len = strlen(text);
  if (len && text[len - 1] == '.') text[len - 1] = 0;
  snprintf(out, TLS_NAME, "%.*s", TLS_NAME - 1, text);
}

/* nth: of its addresses; it has none: the server's own. */
static struct discover_way way_of(const struct offer *o, unsigned nth, const union addr *server,
                                  enum transport transport) {
  uint16_t port = o->has_port ? o->port : transport == TRANSPORT_TLS ? TLS_PORT : HTTPS_PORT;
  struct discover_way way = {.priority = o->priority, .transport = transport, .addr = *server};
  write_name(o, way.name);
  if (transport == TRANSPORT_HTTPS) memcpy(way.path, o->path, sizeof way.path);
  addr_set_port(&way.addr, port);
  if (nth >= o->addr_count) return way;
  if (server->any.sa_family == AF_INET6) memcpy(&way.addr.v6.sin6_addr, o->addrs[nth], 16);
  else memcpy(&way.addr.v4.sin_addr, o->addrs[nth], 4);
  return way;
}

/* Puts it in its place, behind those that are as good; what comes behind the last place is lost. */
static unsigned insert(struct discover_way out[DISCOVER_WAYS], unsigned n, const struct discover_way *way) {
  unsigned at = n;
  while (at && out[at - 1].priority > way->priority) at--;
  if (at == DISCOVER_WAYS) return n;
  unsigned moved = (n < DISCOVER_WAYS ? n : DISCOVER_WAYS - 1) - at;
  memmove(out + at + 1, out + at, moved * sizeof *out);
  out[at] = *way;
  return n < DISCOVER_WAYS ? n + 1 : n;
}

static unsigned insert_offer(struct discover_way out[DISCOVER_WAYS], unsigned n, const struct offer *o,
                             const union addr *server) {
  unsigned nth = 0;
  do {
    struct discover_way tls = way_of(o, nth, server, TRANSPORT_TLS),
                        https = way_of(o, nth, server, TRANSPORT_HTTPS);
    if (o->has_dot) n = insert(out, n, &tls);
    if (o->has_h2 && *o->path) n = insert(out, n, &https);
  } while (++nth < o->addr_count);
  return n;
}

unsigned discover_read(const uint8_t *msg, size_t len, const union addr *server,
                       struct discover_way out[DISCOVER_WAYS]) {
  struct wire w = record_start(msg, len);
  struct record r;
  struct offer o;
  unsigned n = 0;
  if (w.err || load_u16(msg + 4) != 1) return 0;

  unsigned answers = load_u16(msg + 6);
  for (unsigned i = 0; i < answers && i < DISCOVER_RECORDS && record_read(&w, &r); i++) {
    if (r.type != TYPE_SVCB || r.klass != CLASS_IN || !read_offer(&r, server, &o)) continue;
    find_addresses(msg, len, server, &o);
    n = insert_offer(out, n, &o, server);
  }
  return n;
}
