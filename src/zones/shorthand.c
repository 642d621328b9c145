/* shorthand.c: the records of an XMPP domain written in short. Exports zones_expand_domain to the module. */
#include <stdlib.h>

#include "zones/zones_priv.h"

enum { RDATA_MAX = 600, SOA_SERIAL = 1, SOA_REFRESH = 3600, SOA_RETRY = 600, SOA_EXPIRE = 86400 };

/* A record being made. */
struct making {
  struct loader *ld;
  const struct zones_domain *d;
  struct record r;
  uint8_t rdata[RDATA_MAX];
};

/* "label.label" or "" below the domain, or a whole name with a final dot. 0: it would be too long. */
static size_t name_below(const struct zones_domain *d, const char *labels, uint8_t out[NAME_MAX_LEN]) {
  size_t text_len = strlen(labels), len = *labels ? name_parse(labels, out) : 1;
  if (len == 0 || (text_len && labels[text_len - 1] == '.')) return len;
  if (len - 1 + d->name_len > NAME_MAX_LEN) return 0;
  memcpy(out + len - 1, d->name, d->name_len);
  return len - 1 + d->name_len;
}

static bool add_record(struct making *m, const char *labels, uint16_t type, const struct wire_out *w) {
  char text[NAME_TEXT], place[NAME_TEXT + 8];
  struct zonefile_place at = {.file = place};

  snprintf(place, sizeof place, "xmpp \"%s\"", name_format(m->d->name, m->d->name_len, text));
  m->r = (struct record){.msg = m->rdata,
                         .msg_len = w->at,
                         .ttl = m->d->ttl_s,
                         .type = type,
                         .klass = CLASS_IN,
                         .rdlen = (uint16_t)w->at};
  m->r.owner_len = (uint16_t)name_below(m->d, labels, m->r.owner);
  if (!m->r.owner_len || w->err) {
    fprintf(m->ld->err, "jidnsd: %s: '%s': is too long a name there\n", place, labels);
    return false;
  }

  return zones_take(m->ld, &m->r, &at);
}

static struct wire_out rdata_of(struct making *m) {
  return (struct wire_out){.buf = m->rdata, .cap = sizeof m->rdata};
}

static void put_name(struct making *m, struct wire_out *w, const char *labels) {
  uint8_t name[NAME_MAX_LEN];
  size_t len = name_below(m->d, labels, name);
  wire_put(w, name, len);
  w->err |= len == 0;
}

static bool add_soa(struct making *m) {
  struct wire_out w = rdata_of(m);
  put_name(m, &w, "");
  put_name(m, &w, "hostmaster");
  wire_put_u32(&w, SOA_SERIAL);
  wire_put_u32(&w, SOA_REFRESH);
  wire_put_u32(&w, SOA_RETRY);
  wire_put_u32(&w, SOA_EXPIRE);
  wire_put_u32(&w, m->d->ttl_s);
  return add_record(m, "", TYPE_SOA, &w);
}

static bool add_srv(struct making *m, const char *service, const char *below, const struct zones_host *h,
                    uint32_t port) {
  char labels[80];
  struct wire_out w = rdata_of(m);
  if (port == 0) return true;
  snprintf(labels, sizeof labels, "%s._tcp%s", service, below);
  wire_put_u16(&w, (uint16_t)h->priority);
  wire_put_u16(&w, (uint16_t)h->weight);
  wire_put_u16(&w, (uint16_t)port);
  put_name(m, &w, h->name);
  return add_record(m, labels, TYPE_SRV, &w);
}

static bool add_addresses(struct making *m, const struct zones_host *h) {
  size_t len = strlen(h->name);
  uint8_t name[NAME_MAX_LEN];
  bool outside = len && h->name[len - 1] == '.' &&
                 !name_is_within(name, name_parse(h->name, name), m->d->name, m->d->name_len);
  for (unsigned i = 0; i < h->address_count && !outside; i++) {
    const struct prefix *p = &h->addresses[i];
    struct wire_out w = rdata_of(m);
    wire_put(&w, p->octets, p->v6 ? 16 : 4);
    if (!add_record(m, h->name, p->v6 ? TYPE_AAAA : TYPE_A, &w)) return false;
  }
  return true;
}

static bool add_server_services(struct making *m, const struct zones_host *h, const char *below) {
  return add_srv(m, "_xmpp-server", below, h, h->server) &&
         add_srv(m, "_xmpps-server", below, h, h->direct_tls_server);
}

static bool add_host(struct making *m, const struct zones_host *h) {
  if (!add_addresses(m, h) || !add_srv(m, "_xmpp-client", "", h, h->client) ||
      !add_srv(m, "_xmpps-client", "", h, h->direct_tls_client)) {
    return false;
  }

  if (!add_server_services(m, h, "")) return false;
  return !m->d->conference || add_server_services(m, h, ".conference");
}

static bool add_connect(struct making *m) {
  struct wire_out w = rdata_of(m);
  size_t len = strlen(m->d->connect);
  uint8_t octet = (uint8_t)len;
  if (len == 0) return true;
  wire_put(&w, &octet, 1);
  wire_put(&w, m->d->connect, len);
  return add_record(m, "_xmppconnect", TYPE_TXT, &w);
}

bool zones_expand_domain(struct loader *ld, const struct zones_domain *d) {
  struct making m = {.ld = ld, .d = d};
  if (!d->overlay && !add_soa(&m)) return false;
  for (unsigned i = 0; i < d->host_count; i++) {
    if (!add_host(&m, &d->hosts[i])) return false;
  }
  return add_connect(&m);
}
