/* settings_zones.c: local zones and XMPP domains in short, from the settings. Exports settings_in_zone,
 * settings_in_domain, settings_in_host and what reads them. */
#include <string.h>

#include "settings/settings_priv.h"

/* As other domains, or "." for the root. */
static bool read_zone_name(const char *title, uint8_t *len, uint8_t name[NAME_MAX_LEN], bool root) {
  struct settings_domain d = {.len = 1};
  if (!(root && strcmp(title, ".") == 0) && !settings_parse_domain(title, &d)) return false;
  *len = d.len;
  memcpy(name, d.octets, d.len);
  return true;
}

static bool title_zone(void *element, const char *title) {
  struct zones_file *z = element;
  return read_zone_name(title, &z->name_len, z->name, true);
}

static bool title_domain(void *element, const char *title) {
  struct zones_domain *d = element;
  return read_zone_name(title, &d->name_len, d->name, false);
}

static bool title_host(void *element, const char *title) {
  struct zones_host *h = element;
  struct settings_domain d;
  size_t len = strlen(title);
  if (len >= sizeof h->name || !settings_parse_domain(title, &d)) return false;
  memcpy(h->name, title, len + 1);
  return true;
}

bool settings_read_host_address(const struct setting *t, void *into, const char *text) {
  struct zones_host *h = into;
  struct prefix p;
  (void)t;
  if (strchr(text, '/') || !prefix_parse(text, &p) || h->address_count == ZONES_ADDRESSES) return false;
  h->addresses[h->address_count++] = p;
  return true;
}

void settings_clear_host_address(void *into) { ((struct zones_host *)into)->address_count = 0; }

bool settings_read_clients(const struct setting *t, void *into, const char *text) {
  struct zones_clients *c = (void *)((char *)into + t->at);
  return c->count < ZONES_CLIENTS && prefix_parse(text, &c->list[c->count++]);
}

void settings_clear_zone_clients(void *into) { ((struct zones_file *)into)->clients.count = 0; }
void settings_clear_domain_clients(void *into) { ((struct zones_domain *)into)->clients.count = 0; }

bool settings_check_zones(const struct settings *s, FILE *err) {
  struct zonefile *reader = s->zones.zone_count ? zonefile_open(err) : NULL;
  struct zones *zones = NULL;
  if (zones_sign_any(&s->zones) && !*s->zones.keys) {
    fputs("jidnsd: zone-sign needs zone-keys = FOLDER, where the keys of signed zones are kept\n", err);
    zonefile_close(reader);
    return false;
  }
  bool good = (reader || !s->zones.zone_count) &&
              zones_load(&s->zones, ZONES_EXPAND_OFF, reader, NULL, &zones, err);
  zones_free(zones);
  zonefile_close(reader);
  return good;
}

const struct settings_section settings_in_zone = {
    .name = "zone",
    .title = "NAME",
    .expected = "a domain name such as montague.lab, or . for the root",
    .help = "a zone answered from a file",
    .apart = "client",
    .read_title = title_zone,
    ELEMENTS(struct settings, zones.zones, zones.zone_count)};
const struct settings_section settings_in_domain = {
    .name = "xmpp",
    .title = "DOMAIN",
    .expected = settings_domain_expected,
    .help = "an XMPP domain of one's own: its SRV records and its hosts' addresses",
    .apart = "client",
    .read_title = title_domain,
    ELEMENTS(struct settings, zones.domains, zones.domain_count)};
const struct settings_section settings_in_host = {
    .name = "host",
    .within = &settings_in_domain,
    .title = "NAME",
    .expected = "a host's name below the domain, such as xmpp1, or a whole one with a final dot",
    .help = "one of its hosts",
    .read_title = title_host,
    ELEMENTS(struct zones_domain, hosts, host_count)};

_Static_assert(ZONES_ADDRESSES == 8 && ZONES_CLIENTS == 8, "the table's text says so");
