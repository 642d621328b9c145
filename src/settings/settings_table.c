/* settings_table.c: all that can be set: where it is given, what it means. Exports settings_table,
 * settings_sections. */
#include <stdio.h>
#include <string.h>

#include "dns/ttl.h"
#include "server/query_log.h"
#include "server/serve_udp.h"
#include "settings/settings_priv.h"

/* ---- values of their own kinds ---- */

static bool read_listen(const struct setting *t, void *into, const char *text) {
  struct settings *s = into;
  (void)t;
  return settings_add_addr(text, s->listen, s->listen_scopes, &s->listen_count, SETTINGS_LISTEN);
}

static bool read_upstream(const struct setting *t, void *into, const char *text) {
  struct settings *s = into;
  (void)t;
  return settings_add_server(text, &s->upstream);
}

static bool add_prefix(struct access_policy *o, const char *text) {
  struct prefix p;
  if (!prefix_parse(text, &p)) return false;
  for (unsigned i = 0; i < o->allow_count; i++) {
    if (prefix_equal(&o->allow[i], &p)) return true;
  }
  if (o->allow_count == ACCESS_PREFIXES) return false;
  o->allow[o->allow_count++] = p;
  return true;
}

static bool read_allow(const struct setting *t, void *into, const char *text) {
  struct settings *s = into;
  (void)t;
  s->access.chosen = true;
  if (strcmp(text, "none") == 0) return true;
  if (strcmp(text, "any") != 0) return add_prefix(&s->access, text);
  return add_prefix(&s->access, "0.0.0.0/0") && add_prefix(&s->access, "::/0");
}

static bool read_log_level(const struct setting *t, void *into, const char *text) {
  struct settings *s = into;
  (void)t;
  return log_levels_parse(text, s->log.levels);
}

static bool read_query_log(const struct setting *t, void *into, const char *text) {
  struct settings *s = into;
  if (strcmp(text, "off") != 0) return settings_read_number(t, into, text);
  s->serve.log_every = 0;
  return true;
}

/* A datagram has as many octets on both sides. */
static bool read_udp_size(const struct setting *t, void *into, const char *text) {
  struct settings *s = into;
  if (!settings_read_number(t, into, text)) return false;
  s->serve.udp_size = s->forward.udp_size;
  return true;
}

static bool read_group(const struct setting *t, void *into, const char *text) {
  return !strpbrk(text, " :") && settings_read_text(t, into, text);
}

/* USER or USER:GROUP. */
static bool read_user(const struct setting *t, void *into, const char *text) {
  const char *colon = strchr(text, ':');
  bool whole = !colon || (colon != text && colon[1] && !strchr(colon + 1, ':'));
  return whole && !strchr(text, ' ') && settings_read_text(t, into, text);
}

static bool read_metrics(const struct setting *t, void *into, const char *text) {
  union addr *a = &((struct settings *)into)->metrics.addr;
  (void)t;
  memset(a, 0, sizeof *a);
  return strcmp(text, "none") == 0 || addr_parse(text, METRICS_PORT, a);
}

static bool read_control(const struct setting *t, void *into, const char *text) {
  ((struct settings *)into)->control.usual = strcmp(text, CONTROL_SOCKET) == 0;
  return (!*text || *text == '/') && settings_read_text(t, into, text);
}

/* "unix:/PATH", the one kind of place that there is. */
static bool read_tap(const struct setting *t, void *into, const char *text) {
  struct tap_policy *tap = &((struct settings *)into)->tap;
  static const char scheme[] = "unix:/";
  (void)t;
  memset(tap->socket, 0, sizeof tap->socket);
  if (strcmp(text, "none") == 0) return true;
  if (strncmp(text, scheme, sizeof scheme - 1) != 0) return false;
  const char *path = strchr(text, '/');
  if (!path[1] || strlen(path) >= sizeof tap->socket) return false;
  strcpy(tap->socket, path);
  return true;
}

static bool read_rebind_allow(const struct setting *t, void *into, const char *text) {
  struct rebind *r = &((struct settings *)into)->forward.rebind;
  struct settings_domain d;
  (void)t;
  if (r->exempt_count == SETTINGS_REBIND || !settings_parse_domain(text, &d)) return false;
  struct rebind_name *x = &r->exempt[r->exempt_count++];
  x->len = d.len;
  memcpy(x->octets, d.octets, d.len);
  return true;
}

static void clear_rebind_allow(void *into) { ((struct settings *)into)->forward.rebind.exempt_count = 0; }

static void clear_listen(void *into) { ((struct settings *)into)->listen_count = 0; }

static void clear_upstream(void *into) { settings_clear_servers(&((struct settings *)into)->upstream); }

static void clear_allow(void *into) {
  struct settings *s = into;
  s->access.allow_count = 0;
  s->access.chosen = false;
}

/* ---- DNSSEC ---- */

static bool read_anchor(const struct setting *t, void *into, const char *text) {
  struct settings_anchors *a = &((struct settings *)into)->anchors;
  if (a->file_count == SETTINGS_ANCHORS) return false;
  struct setting file = *t;
  file.at = 0;
  file.most = SETTINGS_PATH - 1;
  return settings_read_path(&file, a->files[a->file_count], text) && ++a->file_count;
}

static void clear_anchors(void *into) { ((struct settings *)into)->anchors.file_count = 0; }

static bool read_negative(const struct setting *t, void *into, const char *text) {
  struct settings_anchors *a = &((struct settings *)into)->anchors;
  (void)t;
  if (a->negative_count == SETTINGS_NEGATIVE) return false;
  return settings_parse_domain(text, &a->negative[a->negative_count]) && ++a->negative_count;
}

static void clear_negative(void *into) { ((struct settings *)into)->anchors.negative_count = 0; }

/* ---- forward "DOMAIN" ---- */

static bool title_forward(void *element, const char *title) {
  struct settings_forward *f = element;
  return settings_parse_domain(title, &f->domain);
}

static bool read_forward(const struct setting *t, void *into, const char *text) {
  struct settings_forward *f = into;
  (void)t;
  return settings_add_server(text, &f->servers);
}

static void clear_forward(void *into) { settings_clear_servers(&((struct settings_forward *)into)->servers); }

static bool read_forward_pin(const struct setting *t, void *into, const char *text) {
  (void)t;
  return settings_add_pin(text, &((struct settings_forward *)into)->pins);
}

static void clear_forward_pins(void *into) {
  ((struct settings_forward *)into)->pins = (struct settings_pins){0};
}

static bool read_pin(const struct setting *t, void *into, const char *text) {
  (void)t;
  return settings_add_pin(text, &((struct settings *)into)->pins);
}

static void clear_pins(void *into) { ((struct settings *)into)->pins = (struct settings_pins){0}; }

/* ---- the fleet ---- */

static bool read_shared(const struct setting *t, void *into, const char *text) {
  struct line_target target;
  const char *why;
  bool is_none = strcmp(text, "none") == 0;
  return (is_none || line_target_parse(text, &target, &why)) &&
         settings_read_text(t, into, is_none ? "" : text);
}

static const char *explain_shared(const char *text, char why[WHY_TEXT]) {
  struct line_target target;
  const char *reason;
  line_target_parse(text, &target, &reason);
  snprintf(why, WHY_TEXT, "%s", reason);
  return why;
}

static bool read_secret(const struct setting *t, void *into, const char *text) {
  return share_is_secret(text) && settings_read_text(t, into, text);
}

static bool read_namespace(const struct setting *t, void *into, const char *text) {
  return entry_is_namespace(text) && settings_read_text(t, into, text);
}

static bool read_shared_user(const struct setting *t, void *into, const char *text) {
  return *text && !strchr(text, ' ') && settings_read_text(t, into, text);
}

/* ---- faults ---- */

static bool title_fault(void *element, const char *title) {
  struct settings_fault *f = element;
  size_t len = strlen(title);
  if (len == 0 || len >= sizeof f->title) return false;
  memcpy(f->title, title, len + 1);
  return true;
}

static bool read_rule(const struct setting *t, void *into, const char *text) {
  struct settings_fault *f = into;
  char why[RULE_WHY];
  (void)t;
  return rule_parse(text, &f->rule, why);
}

static const char *explain_rule(const char *text, char why[WHY_TEXT]) {
  struct rule rule;
  rule_parse(text, &rule, why);
  return why;
}

/* ---- the table ---- */

static const struct settings_section in_listen = {.name = "listen"};
static const struct settings_section in_upstream = {.name = "upstream"};
static const struct settings_section in_forward = {
    .name = "forward",
    .title = "DOMAIN",
    .expected = settings_domain_expected,
    .help = "a domain, with all below it, that has servers of its own",
    .read_title = title_forward,
    ELEMENTS(struct settings, forwards, forward_count)};
static const struct settings_section in_tls = {.name = "tls"};
static const struct settings_section in_dnssec = {.name = "dnssec"};
static const struct settings_section in_access = {.name = "access"};
static const struct settings_section in_server = {.name = "server"};
static const struct settings_section in_fault = {.name = "fault",
                                                 .title = "NAME",
                                                 .expected = "a name of at most 31 characters",
                                                 .help = "answers changed on purpose, for tests",
                                                 .read_title = title_fault,
                                                 ELEMENTS(struct settings, faults, fault_count)};
static const struct settings_section in_xmpp = {.name = "xmpp"};
static const struct settings_section in_shared = {.name = "shared"};
static const struct settings_section in_cache = {.name = "cache"};
static const struct settings_section in_log = {.name = "log"};
static const struct settings_section in_metrics = {.name = "metrics"};
static const struct settings_section in_control = {.name = "control"};
static const struct settings_section in_dnstap = {.name = "dnstap"};

const struct settings_section *const settings_sections[] = {
    &in_listen,        &in_upstream,        &in_forward,       &in_tls,    &in_dnssec,
    &settings_in_zone, &settings_in_domain, &settings_in_host, &in_access, &in_server,
    &in_xmpp,          &in_cache,           &in_shared,        &in_fault,  &in_log,
    &in_control,       &in_metrics,         &in_dnstap,        NULL};

static const char tap_expected[] =
    "none or unix: and the absolute path of a socket, at most 107 octets: unix:/run/dnstap/dnstap.sock";
static const char clients_expected[] = "an address or a prefix, such as 192.0.2.0/24, at most 8 times";
static const char secret_expected[] = "an absolute path, or credential:NAME for a credential of systemd's";
static const char rule_expected[] =
    "words such as name=*.lab type=SRV share=30% seed=7 delay=200-900 servfail";

static const char *const expand_words[] = {
    [XMPP_EXPAND_OFF] = "off", [XMPP_EXPAND_CACHED] = "cached", [XMPP_EXPAND_WAIT] = "wait", NULL};
static const char *const policy_words[] = {
    [UPSTREAM_FASTEST] = "fastest", [UPSTREAM_ORDER] = "order", [UPSTREAM_SPREAD] = "spread", NULL};
static const char *const discover_words[] = {[DISCOVER_OFF] = "off", [DISCOVER_VERIFIED] = "verified", NULL};
static const char *const upstream_tls_words[] = {
    [UPSTREAM_TLS_OFF] = "off", [UPSTREAM_TLS_OPPORTUNISTIC] = "opportunistic", NULL};
static const char *const prove_words[] = {
    [PROVE_OFF] = "off", [PROVE_LOG] = "log", [PROVE_VALIDATE] = "validate", NULL};
static const char *const denial_words[] = {
    [UNSIGNED_DENIAL_REFUSE] = "refuse", [UNSIGNED_DENIAL_PASS] = "pass", NULL};
static const char *const seccomp_words[] = {
    [SANDBOX_OFF] = "off", [SANDBOX_ERRNO] = "errno", [SANDBOX_KILL] = "kill", NULL};
static const char *const role_words[] = {[SHARE_MEMBER] = "member", [SHARE_READER] = "reader", NULL};
static const char *const sign_words[] = {
    [ZONES_SIGN_OFF] = "off", [ZONES_SIGN_NSEC] = "nsec", [ZONES_SIGN_NSEC3] = "nsec3", NULL};
static const char *const sign_zone_words[] = {[ZONES_SIGN_OFF] = "off",
                                              [ZONES_SIGN_NSEC] = "nsec",
                                              [ZONES_SIGN_NSEC3] = "nsec3",
                                              [ZONES_SIGN_AUTO] = "auto",
                                              NULL};
static const char *const refuse_words[] = {"refused", "silence", NULL};
static const char *const format_words[] = {[LOG_TEXT] = "text", [LOG_JSON] = "json", NULL};
static const char *const guess_words[] = {"off", "auto", NULL};
static const char *const guess_forward_words[] = {"auto", "off", NULL};
static const char *const what_words[] = {
    [TAP_BOTH] = "both", [TAP_CLIENT] = "client", [TAP_UPSTREAM] = "upstream", NULL};
static const char *const service_words[] = {"xmpp", "all", NULL};

enum { SNAPSHOT_EVERY_MOST_S = 86400 };

/* More than any machine of today maps, or a 32-bit program beside all else; keeps sums of sizes far from
 * overflow. */
#if SIZE_MAX > UINT32_MAX
#define CACHE_MOST_G 1024
#else
#define CACHE_MOST_G 2
#endif
#define CACHE_MAX ((uint64_t)CACHE_MOST_G << 30)
#define TEXT_OF(number) TEXT_OF_ITS_VALUE(number)
#define TEXT_OF_ITS_VALUE(number) #number

const struct setting settings_table[] = {
    {"listen", &in_listen, "address", "ADDR:PORT", NULL, "127.0.0.1:53 and [::1]:53",
     "address to answer on; may be repeated",
     LIST(read_listen, clear_listen,
          "an address and port, such as 127.0.0.1:53 or [::1]:53, at most 16 times")},
    {"upstream", &in_upstream, "server", "ADDR[:PORT]", NULL, "those in resolv.conf",
     "server to ask; tls:// or https://ADDR#NAME: encrypted; may be repeated",
     LIST(read_upstream, clear_upstream, settings_server_expected), .explain = settings_explain_server},
    {"resolv-conf", &in_upstream, "resolv-conf", "FILE", "/etc/resolv.conf", NULL,
     "read upstream servers from here if none is named",
     TEXT_AS(settings_read_path, struct settings, resolv_conf), .expected = "a file's name"},
    {"upstream-policy", &in_upstream, "policy", "HOW", "fastest", NULL,
     "ask first: the fastest, the first (order) or each in turn (spread)",
     WORD(struct settings, upstream_policy, policy_words)},
    {"upstream-discover", &in_upstream, "discover", "off|verified", "off", NULL,
     "find and use TLS or HTTPS of resolv.conf's servers (RFC 9462)",
     WORD(struct settings, discover, discover_words)},
    {"upstream-tls", &in_upstream, "tls", "off|opportunistic", "off", NULL,
     "try TLS with plain servers, proving nothing; else ask in plain",
     WORD(struct settings, upstream_tls, upstream_tls_words)},
    {"trust-ad", &in_upstream, "trust-ad", "on|off", "off", NULL, "pass on the AD flag of upstream answers",
     SWITCH(struct settings, forward.trust_ad)},
    {"upstream-cookies", &in_upstream, "cookies", "on|off", "on", NULL,
     "use DNS cookies with upstream servers (RFC 7873)", SWITCH(struct settings, forward.cookies)},
    {"case-random", &in_upstream, "case-random", "on|off", "off", NULL,
     "randomise the case of queries; replies must match (0x20)",
     SWITCH(struct settings, forward.case_random)},
    {"rebind-filter", &in_upstream, "rebind-filter", "on|off", "off", NULL,
     "block upstream answers with private addresses (DNS rebinding)",
     SWITCH(struct settings, forward.rebind.on)},
    {"rebind-allow", &in_upstream, "rebind-allow", "NAME", NULL, "the domains of forward",
     "may have private addresses; may be repeated",
     LIST(read_rebind_allow, clear_rebind_allow, "a domain such as corp.example, at most 32 times")},
    {"forward", &in_forward, "upstream", "ADDR", NULL, NULL, "servers for a domain and all below it",
     LIST(read_forward, clear_forward, settings_server_expected), .explain = settings_explain_server,
     .needed = true},
    {NULL, &in_forward, "pin", "PIN", NULL, NULL, "key of its encrypted servers; may be repeated",
     LIST(read_forward_pin, clear_forward_pins, settings_pin_expected)},
    {NULL, &in_forward, "max-ttl", "SECONDS", "0", NULL, "longest TTL of its answers; 0: as in section cache",
     NUMBER(struct settings_forward, max_ttl_s, 0, TTL_MAX)},
    {NULL, &in_forward, "prefetch-guess", "auto|off", "auto", NULL,
     "guess hosts of XMPP domains in it, as in section xmpp",
     EITHER(struct settings_forward, never_guessed, guess_forward_words)},
    {NULL, &in_forward, "dnssec", "on|off", "off", NULL, "validate its answers, as section dnssec says",
     SWITCH(struct settings_forward, is_proven)},
    {NULL, &in_forward, "shared", "on|off", "off", NULL, "share its answers with the fleet's other members",
     SWITCH(struct settings_forward, is_shared)},
    {"tls-ca", &in_tls, "ca", "PATH", NULL, "the system's folder",
     "file or folder (by hash) of certificates to trust",
     TEXT_AS(settings_read_text, struct settings, tls_ca), .expected = "the name of a file or folder"},
    {"tls-pin", &in_tls, "pin", "PIN", NULL, "none",
     "a key that encrypted upstreams may have; may be repeated",
     LIST(read_pin, clear_pins, settings_pin_expected)},
    {"dnssec", &in_dnssec, "mode", "HOW", "off", NULL,
     "DNSSEC: off; validate answers; or log what validate would refuse",
     WORD(struct settings, forward.prove, prove_words), .expected = "off, log or validate"},
    {"trust-anchor", &in_dnssec, "trust-anchor", "FILE", NULL, "the root's keys",
     "file of DS or DNSKEY records to trust; may be repeated",
     LIST(read_anchor, clear_anchors, "a file's name, at most 255 octets, at most 8 times"),
     .names_file = true},
    {"negative-trust-anchor", &in_dnssec, "negative-trust-anchor", "NAME", NULL, "none",
     "don't validate this domain and what is below; may be repeated",
     LIST(read_negative, clear_negative, "a domain such as corp.example, at most 24 times")},
    {"dnssec-unsigned-denial", &in_dnssec, "unsigned-denial", "HOW", "refuse", NULL,
     "unsigned NXDOMAIN or NODATA of signed zones, as filters send: refuse or pass",
     WORD(struct settings, forward.unsigned_denial, denial_words)},
    {"zone", &settings_in_zone, "file", "FILE", NULL, NULL, "answer this zone from its zone file",
     TEXT_AS(settings_read_path, struct zones_file, file), .expected = "a file's name, at most 511 octets",
     .needed = true},
    {NULL, &settings_in_zone, "overlay", "on|off", "off", NULL, "forward names that it does not have",
     SWITCH(struct zones_file, overlay)},
    {NULL, &settings_in_zone, "sign", "HOW", "auto", NULL,
     "sign it: off, nsec, nsec3, or auto: as zone-sign says", WORD(struct zones_file, sign, sign_zone_words)},
    {NULL, &settings_in_zone, "client", "PREFIX", NULL, "everybody",
     "answer these clients only; may be repeated",
     LIST(settings_read_clients, settings_clear_zone_clients, clients_expected),
     .at = offsetof(struct zones_file, clients)},
    {NULL, &settings_in_domain, "conference", "on|off", "off", NULL,
     "add server SRV records for conference.DOMAIN", SWITCH(struct zones_domain, conference)},
    {NULL, &settings_in_domain, "connect", "TEXT", "", NULL,
     "the TXT record of _xmppconnect.DOMAIN; '': none", TEXT(struct zones_domain, connect)},
    {NULL, &settings_in_domain, "ttl", "SECONDS", "300", NULL, "TTL of all its records",
     NUMBER(struct zones_domain, ttl_s, 0, ZONES_TTL_MAX)},
    {NULL, &settings_in_domain, "overlay", "on|off", "off", NULL, "forward names that it does not have",
     SWITCH(struct zones_domain, overlay)},
    {NULL, &settings_in_domain, "sign", "HOW", "auto", NULL,
     "sign it: off, nsec, nsec3, or auto: as zone-sign says",
     WORD(struct zones_domain, sign, sign_zone_words)},
    {NULL, &settings_in_domain, "client", "PREFIX", NULL, "everybody",
     "answer these clients only; may be repeated",
     LIST(settings_read_clients, settings_clear_domain_clients, clients_expected),
     .at = offsetof(struct zones_domain, clients)},
    {NULL, &settings_in_host, "address", "ADDR", NULL, "none: the host is in another domain",
     "address of the host; may be repeated",
     LIST(settings_read_host_address, settings_clear_host_address,
          "an IPv4 or IPv6 address, at most 8 times")},
    {NULL, &settings_in_host, "client", "PORT", "5222", NULL, "port of _xmpp-client._tcp; 0: not offered",
     NUMBER(struct zones_host, client, 0, UINT16_MAX)},
    {NULL, &settings_in_host, "server", "PORT", "5269", NULL, "port of _xmpp-server._tcp; 0: not offered",
     NUMBER(struct zones_host, server, 0, UINT16_MAX)},
    {NULL, &settings_in_host, "direct-tls-client", "PORT", "0", NULL,
     "port of _xmpps-client._tcp; 0: not offered",
     NUMBER(struct zones_host, direct_tls_client, 0, UINT16_MAX)},
    {NULL, &settings_in_host, "direct-tls-server", "PORT", "0", NULL,
     "port of _xmpps-server._tcp; 0: not offered",
     NUMBER(struct zones_host, direct_tls_server, 0, UINT16_MAX)},
    {NULL, &settings_in_host, "priority", "N", "0", NULL, "priority of its SRV records; lower comes first",
     NUMBER(struct zones_host, priority, 0, UINT16_MAX)},
    {NULL, &settings_in_host, "weight", "N", "0", NULL, "its share among hosts of the same priority",
     NUMBER(struct zones_host, weight, 0, UINT16_MAX)},
    {"allow", &in_access, "allow", "PREFIX", NULL, "the networks listened on",
     "network that may ask; may be repeated",
     LIST(read_allow, clear_allow,
          "a prefix such as 192.168.0.0/16 or fd00::/8, an address, any or none, at most 64 times")},
    {"refuse-with", &in_access, "refuse-with", "HOW", "refused", NULL,
     "how to turn other clients away: with REFUSED or with silence",
     EITHER(struct settings, access.silent, refuse_words)},
    {"rate-limit", &in_access, "rate-limit", "N", "0", NULL,
     "queries a second from one other host; 0: no limit",
     NUMBER(struct settings, access.rate, 0, ACCESS_RATE_MAX)},
    {"cookies", &in_access, "cookies", "on|off", "on", NULL, "use DNS cookies with clients (RFC 7873)",
     SWITCH(struct settings, serve.cookies)},
    {"threads", &in_server, "threads", "N", "1", NULL, "worker threads",
     NUMBER(struct settings, threads, 1, SETTINGS_THREADS), .fixed = true},
    {"rotate", &in_server, "rotate", "on|off", "on", NULL, "rotate the order of A and AAAA records",
     SWITCH(struct settings, serve.rotate)},
    {"udp-size", &in_server, "udp-size", "OCTETS", NULL, "1232",
     "largest answer over UDP, from servers and to clients",
     NUMBER_AS(read_udp_size, struct settings, forward.udp_size, DNS_UDP_PLAIN, DNS_UDP_MAX)},
    {"special-names", &in_server, "special-names", "on|off", "on", NULL,
     "answer localhost, invalid, onion and alt without asking servers",
     SWITCH(struct settings, serve.special_names)},
    {"zone-files", &in_server, "zone-files", "on|off", "off", "off; on in a lab",
     "be ready for zone files that come with a reload", SWITCH(struct settings, zone_files), .fixed = true},
    {"zone-sign", &in_server, "zone-sign", "HOW", "off", NULL,
     "sign zones when they are loaded: off, nsec or nsec3", WORD(struct settings, zones.sign, sign_words)},
    {"zone-keys", &in_server, "zone-keys", "FOLDER", NULL, "none",
     "keys of signed zones; made where there are none",
     TEXT_AS(settings_read_path, struct settings, zones.keys),
     .expected = "a folder's name, at most 511 octets"},
    {"identity", &in_server, "identity", "TEXT", "", NULL, "answer to id.server CH TXT; '': REFUSED",
     TEXT(struct settings, serve.chaos.identity)},
    {"version-bind", &in_server, "version-bind", "TEXT", "", NULL,
     "answer to version.bind CH TXT; '': REFUSED", TEXT(struct settings, serve.chaos.version)},
    {"user", &in_server, "user", "USER", "", "jidns if there is one, else nobody",
     "user to switch to when started as root", TEXT_AS(read_user, struct settings, sandbox.user),
     .expected = "a user's name or number, or USER:GROUP", .fixed = true},
    {"seccomp", &in_server, "seccomp", "HOW", "errno", NULL,
     "on a system call outside the allow-list: errno, kill or off",
     WORD(struct settings, sandbox.seccomp, seccomp_words), .fixed = true},
    {"expand-srv", &in_xmpp, "expand-srv", "HOW", "cached", NULL,
     "add addresses to SRV answers: off, cached or wait", WORD(struct settings, xmpp.expand, expand_words)},
    {"expand-services", &in_xmpp, "expand-services", "WHICH", "xmpp", NULL,
     "which SRV answers get them: xmpp or all", EITHER(struct settings, xmpp.expand_all, service_words)},
    {"prefetch", &in_xmpp, "prefetch", "on|off", "on", NULL, "prefetch what XMPP programs ask next",
     SWITCH(struct settings, xmpp.prefetch)},
    {"prefetch-guess", &in_xmpp, "prefetch-guess", "auto|off", "auto", NULL,
     "prefetch hosts that many other domains have, such as xmpp.DOMAIN",
     EITHER(struct settings, xmpp.guess, guess_words)},
    {"fault", &in_fault, "rule", "RULE", NULL, NULL,
     "change answers on purpose, see doc/lab.md; may be repeated", OWN(read_rule, rule_expected),
     .explain = explain_rule, .needed = true, .untitled = true},
    {"cache-size", &in_cache, "size", "SIZE", NULL, "128M; less in small memory",
     "memory for answers, in octets or with K, M, G",
     SIZE(struct settings, cache_size, CACHE_SIZE_MIN, CACHE_MAX),
     .expected = "a size from 1M to " TEXT_OF(CACHE_MOST_G) "G, such as 64M", .fixed = true},
    {"max-ttl", &in_cache, "max-ttl", "SECONDS", "604800", NULL, "longest TTL, whatever servers say",
     NUMBER(struct settings, forward.max_ttl_s, 1, TTL_MAX), .expected = "seconds from 1 to 604800 (a week)"},
    {"max-stale", &in_cache, "max-stale", "SECONDS", "86400", NULL,
     "how long an expired answer may be used when servers fail; 0: never",
     NUMBER(struct settings, forward.max_stale_s, 0, TTL_STALE_MAX),
     .expected = "seconds from 0 to 604800 (a week)"},
    {"nxdomain-cut", &in_cache, "nxdomain-cut", "on|off", "off", NULL,
     "NXDOMAIN covers all names below (RFC 8020)", SWITCH(struct settings, forward.nxdomain_cut)},
    {"snapshot", &in_cache, "snapshot", "FILE", "", "in the state folder, if any",
     "keep answers here over a restart; none: don't",
     TEXT_AS(settings_read_path_or_none, struct settings, snapshot.path),
     .expected = "a file's name or none"},
    {"snapshot-every", &in_cache, "snapshot-every", "SECONDS", "900", NULL,
     "how often to write the snapshot; 0: only at the end",
     NUMBER(struct settings, snapshot.every_s, 0, SNAPSHOT_EVERY_MOST_S)},
    {"shared", &in_shared, "server", "URL", NULL, "none",
     "Redis or Valkey that a fleet shares answers in: redis://HOST:PORT", .read = read_shared,
     FIELD(struct settings, share.target), .most = SHARE_TARGET - 1,
     .expected = "unix:/PATH, redis://HOST:PORT or rediss://HOST:PORT", .explain = explain_shared,
     .fixed = true},
    {"shared-key", &in_shared, "key", "FILE", NULL, "none",
     "file with the fleet's key, by which members know answers as theirs",
     TEXT_AS(read_secret, struct settings, share.key), .expected = secret_expected, .fixed = true},
    {"shared-namespace", &in_shared, "namespace", "NAME", "default", NULL,
     "keys begin with this: members with the same one share",
     TEXT_AS(read_namespace, struct settings, share.space),
     .expected = "1 to 63 letters, digits, hyphens, underscores and dots", .fixed = true},
    {"shared-role", &in_shared, "role", "member|reader", "member", NULL,
     "put answers in as well, or only take them", WORD(struct settings, share.role, role_words),
     .fixed = true},
    {"shared-user", &in_shared, "user", "NAME", NULL, "none", "user of Redis (ACL) to log in as",
     TEXT_AS(read_shared_user, struct settings, share.user),
     .expected = "a user's name, at most 127 characters", .fixed = true},
    {"shared-password", &in_shared, "password", "FILE", NULL, "none", "file with the password for Redis",
     TEXT_AS(read_secret, struct settings, share.password), .expected = secret_expected, .fixed = true},
    {"log-level", &in_log, "level", "LEVELS", "info", NULL,
     "error, warn, info or debug; by component: info,xmpp=debug",
     OWN(read_log_level, "error, warn, info or debug, then COMPONENT=LEVEL for single components, such as "
                         "info,xmpp=debug; components are" LOG_COMPONENTS(LOG_COMPONENT_WORD))},
    {"log-format", &in_log, "format", "HOW", "text", NULL, "log lines as text or JSON",
     WORD(struct settings, log.format, format_words)},
    {"log-times", &in_log, "times", "on|off", "off", NULL,
     "begin lines of text with the time; journald adds its own", SWITCH(struct settings, log.times)},
    {"query-log", &in_log, "queries", "N", "off", NULL,
     "log every N-th query: client, question, answer, outcome, ms",
     NUMBER_AS(read_query_log, struct settings, serve.log_every, 1, QUERY_LOG_MAX),
     .expected = "off or a number from 1 to 1000000"},
    {"log-walks", &in_log, "walks", "on|off", "off", NULL,
     "log a line for each host's walk to an XMPP domain", SWITCH(struct settings, xmpp.log_walks)},
    {"control", &in_control, "socket", "PATH", CONTROL_SOCKET, NULL,
     "socket for the commands of jidns; '': none", TEXT_AS(read_control, struct settings, control.path),
     .expected = "an absolute path of at most 107 octets", .fixed = true},
    {"control-group", &in_control, "group", "NAME", "", NULL,
     "group that may command, besides root and jidnsd's user",
     TEXT_AS(read_group, struct settings, control.group), .expected = "a group's name or number",
     .fixed = true},
    {"metrics", &in_metrics, "listen", "ADDR[:PORT]", "none", NULL,
     "address of the live page and of metrics for Prometheus, port 9153, or none",
     OWN(read_metrics, "none or an address, such as 127.0.0.1:9153"), FIELD(struct settings, metrics.addr),
     .fixed = true},
    {"metrics-public", &in_metrics, "public", "on|off", "off", NULL,
     "allow a metrics address that other hosts can reach", SWITCH(struct settings, metrics.is_public)},
    {"dnstap", &in_dnstap, "socket", "unix:PATH", "none", NULL,
     "send queries and responses to the dnstap collector there, or none", OWN(read_tap, tap_expected),
     FIELD(struct settings, tap.socket)},
    {"dnstap-sample", &in_dnstap, "sample", "N", "1", NULL, "send every N-th query with its response",
     NUMBER(struct settings, tap.sample, 1, TAP_SAMPLE_MAX)},
    {"dnstap-what", &in_dnstap, "what", "WHICH", "both", NULL,
     "send those of clients, those to servers (upstream) or both",
     WORD(struct settings, tap.what, what_words)},
    {"dnstap-identity", &in_dnstap, "identity", "TEXT", "", "the host's name",
     "name of this host in all messages", TEXT(struct settings, tap.identity)},
    {"dnstap-version", &in_dnstap, "version", "TEXT", "", "jidns and its version",
     "name of this program in all messages", TEXT(struct settings, tap.version)},
    {"config", NULL, NULL, "FILE", NULL, SETTINGS_FILE, "read settings from here; '' for none",
     .expected = "a file's name"},
    {"settings", NULL, NULL, "TEXT", NULL, NULL, "more settings, written as in that file; they override it",
     .expected = "sections of keys, as in jidnsd.conf(5)"},
    {"check-config", .help = "check the settings and exit"},
    {"health", .help = "ask the running jidnsd if it can answer, and exit: 0 yes, 1 no"},
    {"print-config", .help = "print the settings in force and exit"},
    {"version", .help = "print the version and exit"},
    {"help", .help = "print this and exit"},
};
const unsigned settings_count = sizeof settings_table / sizeof *settings_table;

_Static_assert(SETTINGS_TITLE == 32 && (int)WHY_TEXT >= (int)RULE_WHY, "the table's texts say so");
_Static_assert(SETTINGS_LISTEN == 16 && (int)ACCESS_PREFIXES == 64 && CACHE_SIZE_MIN == 1 << 20 &&
                   SETTINGS_CACHE_USUAL == 128 << 20 && TTL_STALE_MAX == 604800 && QUERY_LOG_MAX == 1000000,
               "the table's texts say so");
_Static_assert(SETTINGS_REBIND == 32 && (int)SETTINGS_REBIND + (int)SETTINGS_FORWARDS <= (int)REBIND_NAMES,
               "all of them fit");
_Static_assert((int)SETTINGS_LISTEN <= (int)SERVE_TCP_LISTENERS &&
                   (int)SETTINGS_LISTEN <= (int)SERVE_UDP_SOCKETS,
               "each is a listener of every worker");

const struct setting *setting_named(const char *name) {
  for (unsigned i = 0; i < settings_count; i++) {
    if (settings_table[i].name && strcmp(settings_table[i].name, name) == 0) return &settings_table[i];
  }
  return NULL;
}

const struct setting *setting_at(const struct settings_section *section, const char *key) {
  for (unsigned i = 0; i < settings_count; i++) {
    const struct setting *t = &settings_table[i];
    if (t->section && t->section == section && strcmp(t->key, key) == 0) return t;
  }
  return NULL;
}
