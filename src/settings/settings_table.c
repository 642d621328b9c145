/* settings_table.c: all that can be set: how a value is read, where it is given, what it means. Exports settings_table. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "server/serve_udp.h"
#include "settings/settings_priv.h"

/* ---- values ---- */

/* A whole number from `least` to `most`, digits only. */
static bool read_number(const char *text, uint64_t least, uint64_t most, uint64_t *out) {
  char *end;
  if (*text < '0' || *text > '9') return false;
  errno = 0;
  unsigned long long v = strtoull(text, &end, 10);
  if (*end || errno || v < least || v > most) return false;
  *out = v;
  return true;
}

static bool has_addr(const union addr *list, unsigned n, const union addr *a) {
  for (unsigned i = 0; i < n; i++) {
    if (addr_equal(&list[i], a)) return true;
  }
  return false;
}

static bool add_addr(const char *text, union addr *list, unsigned *n, unsigned most) {
  union addr a;
  if (!addr_parse(text, SETTINGS_PORT, &a)) return false;
  if (has_addr(list, *n, &a)) return true;
  if (*n == most) return false;
  list[(*n)++] = a;
  return true;
}

static bool read_listen(struct settings *s, const char *text) {
  return add_addr(text, s->listen, &s->listen_count, SETTINGS_LISTEN);
}

static bool read_upstream(struct settings *s, const char *text) {
  return add_addr(text, s->upstreams, &s->upstream_count, UPSTREAM_SERVERS) &&
         !addr_is_any(&s->upstreams[s->upstream_count - 1]);
}

static bool read_threads(struct settings *s, const char *text) {
  uint64_t v;
  if (!read_number(text, 1, SETTINGS_THREADS, &v)) return false;
  s->threads = (unsigned)v;
  return true;
}

static bool read_expand(struct settings *s, const char *text) {
  static const char *const words[] = {
      [XMPP_EXPAND_OFF] = "off", [XMPP_EXPAND_CACHED] = "cached", [XMPP_EXPAND_WAIT] = "wait"};
  for (unsigned i = 0; i < sizeof words / sizeof *words; i++) {
    if (strcmp(text, words[i]) != 0) continue;
    s->xmpp.expand = (enum xmpp_expand)i;
    return true;
  }
  return false;
}

static bool read_services(struct settings *s, const char *text) {
  s->xmpp.expand_all = strcmp(text, "all") == 0;
  return s->xmpp.expand_all || strcmp(text, "xmpp") == 0;
}

static bool read_switch(const char *text, bool *out) {
  *out = strcmp(text, "on") == 0;
  return *out || strcmp(text, "off") == 0;
}

static bool read_prefetch(struct settings *s, const char *text) { return read_switch(text, &s->xmpp.prefetch); }

static bool read_cut(struct settings *s, const char *text) { return read_switch(text, &s->nxdomain_cut); }

static bool read_cookies(struct settings *s, const char *text) { return read_switch(text, &s->cookies); }

static bool read_trust(struct settings *s, const char *text) { return read_switch(text, &s->trust_ad); }

static bool read_upstream_cookies(struct settings *s, const char *text) { return read_switch(text, &s->upstream_cookies); }

static bool read_case(struct settings *s, const char *text) { return read_switch(text, &s->case_random); }

/* A character string of TXT; printable, so that it can be shown. */
static bool read_text(const char *text, char out[CHAOS_TEXT]) {
  size_t len = strlen(text);
  if (len >= CHAOS_TEXT) return false;
  for (size_t i = 0; i < len; i++) {
    if (text[i] < ' ' || text[i] > '~') return false;
  }
  memcpy(out, text, len + 1);
  return true;
}

static bool read_identity(struct settings *s, const char *text) { return read_text(text, s->chaos.identity); }

static bool read_version(struct settings *s, const char *text) { return read_text(text, s->chaos.version); }

static bool add_prefix(struct access_options *o, const char *text) {
  struct prefix p;
  if (!prefix_parse(text, &p)) return false;
  for (unsigned i = 0; i < o->allow_count; i++) {
    if (prefix_equal(&o->allow[i], &p)) return true;
  }
  if (o->allow_count == ACCESS_PREFIXES) return false;
  o->allow[o->allow_count++] = p;
  return true;
}

static bool read_allow(struct settings *s, const char *text) {
  s->access.chosen = true;
  if (strcmp(text, "none") == 0) return true;
  if (strcmp(text, "any") != 0) return add_prefix(&s->access, text);
  return add_prefix(&s->access, "0.0.0.0/0") && add_prefix(&s->access, "::/0");
}

static bool read_refuse(struct settings *s, const char *text) {
  s->access.silent = strcmp(text, "silence") == 0;
  return s->access.silent || strcmp(text, "refused") == 0;
}

static bool read_rate(struct settings *s, const char *text) {
  uint64_t v;
  if (!read_number(text, 0, ACCESS_RATE_MOST, &v)) return false;
  s->access.rate = (uint32_t)v;
  return true;
}

enum { CACHE_MOST_G = 1024 };

static bool read_cache_size(struct settings *s, const char *text) {
  char digits[16];
  size_t len = strlen(text);
  unsigned shift = 0;
  if (len == 0 || len >= sizeof digits) return false;
  memcpy(digits, text, len + 1);
  switch (digits[len - 1]) {
    case 'K': case 'k': shift = 10; break;
    case 'M': case 'm': shift = 20; break;
    case 'G': case 'g': shift = 30; break;
    default: break;
  }
  if (shift) digits[len - 1] = 0;
  uint64_t most = (uint64_t)CACHE_MOST_G << 30, v;
  if (!read_number(digits, 0, most >> shift, &v) || v << shift < CACHE_SIZE_LEAST) return false;
  s->cache_size = v << shift;
  return true;
}

enum { STALE_MOST_S = 7 * 86400 }; /* RFC 8767 section 5.11 recommends one to three days */

static bool read_max_stale(struct settings *s, const char *text) {
  uint64_t v;
  if (!read_number(text, 0, STALE_MOST_S, &v)) return false;
  s->max_stale_s = (uint32_t)v;
  return true;
}

static bool read_log_level(struct settings *s, const char *text) { return log_level_parse(text, &s->log_level); }

static bool read_user(struct settings *s, const char *text) {
  size_t len = strlen(text);
  if (len >= SANDBOX_USER) return false;
  for (size_t i = 0; i < len; i++) {
    if (text[i] <= ' ' || text[i] > '~' || text[i] == ':') return false;
  }
  memcpy(s->sandbox.user, text, len + 1);
  return true;
}

static bool read_seccomp(struct settings *s, const char *text) {
  static const char *const words[] = {[SANDBOX_OFF] = "off", [SANDBOX_ERRNO] = "errno", [SANDBOX_KILL] = "kill"};
  for (unsigned i = 0; i < sizeof words / sizeof *words; i++) {
    if (strcmp(text, words[i]) != 0) continue;
    s->sandbox.seccomp = (enum sandbox_seccomp)i;
    return true;
  }
  return false;
}

static void clear_listen(struct settings *s) { s->listen_count = 0; }

static void clear_upstream(struct settings *s) { s->upstream_count = 0; }

static void clear_allow(struct settings *s) {
  s->access.allow_count = 0;
  s->access.chosen = false;
}

/* ---- the table ---- */

const struct setting settings_table[] = {
    {"listen", "listen", "address", "ADDR:PORT", NULL, "127.0.0.1:53 and [::1]:53", "answer here; may be repeated",
     read_listen, clear_listen, "an address and port, such as 127.0.0.1:53 or [::1]:53, at most 16 times"},
    {"upstream", "upstream", "server", "ADDR[:PORT]", NULL, "those in /etc/resolv.conf", "ask this server; may be repeated",
     read_upstream, clear_upstream, "a server's address, such as 9.9.9.9 or [2620:fe::fe]:53, at most 8 times"},
    {"trust-ad", "upstream", "trust-ad", "on|off", "off", NULL, "pass on what servers call authentic (AD)", read_trust, NULL,
     "on or off"},
    {"upstream-cookies", "upstream", "cookies", "on|off", "on", NULL, "DNS cookies for servers (RFC 7873)",
     read_upstream_cookies, NULL, "on or off"},
    {"case-random", "upstream", "case-random", "on|off", "off", NULL, "spell questions at random, to be repeated so (0x20)",
     read_case, NULL, "on or off"},
    {"allow", "access", "allow", "PREFIX", NULL, "the networks listened on", "who else may ask; may be repeated", read_allow,
     clear_allow, "a prefix such as 192.168.0.0/16 or fd00::/8, an address, any or none, at most 64 times"},
    {"refuse-with", "access", "refuse-with", "HOW", "refused", NULL, "what the rest gets: refused or silence", read_refuse,
     NULL, "refused or silence"},
    {"rate-limit", "access", "rate-limit", "N", "0", NULL, "queries a second of one other host; 0: any number", read_rate,
     NULL, "a number from 0 to 1000000"},
    {"cookies", "access", "cookies", "on|off", "on", NULL, "DNS cookies for clients (RFC 7873)", read_cookies, NULL,
     "on or off"},
    {"threads", "server", "threads", "N", "1", NULL, "worker threads", read_threads, NULL, "a number from 1 to 64"},
    {"identity", "server", "identity", "TEXT", "", NULL, "what id.server CH TXT is answered; '': REFUSED", read_identity,
     NULL, "printable ASCII, at most 255"},
    {"version-bind", "server", "version-bind", "TEXT", "", NULL, "what version.bind CH TXT is answered; '': REFUSED",
     read_version, NULL, "printable ASCII, at most 255"},
    {"user", "server", "user", "NAME", "", "jidns if there is one, else nobody", "whom it becomes when started as root", read_user,
     NULL, "a user's name"},
    {"seccomp", "server", "seccomp", "HOW", "errno", NULL, "system calls it never makes: errno, kill or off", read_seccomp, NULL,
     "errno, kill or off"},
    {"expand-srv", "xmpp", "expand-srv", "HOW", "cached", NULL, "add addresses to SRV answers: off, cached or wait",
     read_expand, NULL, "off, cached or wait"},
    {"expand-services", "xmpp", "expand-services", "WHICH", "xmpp", NULL, "which SRV answers get them: xmpp or all",
     read_services, NULL, "xmpp or all"},
    {"prefetch", "xmpp", "prefetch", "on|off", "on", NULL, "ask ahead for what XMPP programs ask next", read_prefetch, NULL,
     "on or off"},
    {"cache-size", "cache", "size", "SIZE", "128M", NULL, "memory for answers, in octets or with K, M, G", read_cache_size,
     NULL, "a size from 1M to 1024G, such as 64M"},
    {"max-stale", "cache", "max-stale", "SECONDS", "86400", NULL, "how long an expired answer may stand in; 0: never",
     read_max_stale, NULL, "seconds from 0 to 604800 (a week)"},
    {"nxdomain-cut", "cache", "nxdomain-cut", "on|off", "off", NULL, "NXDOMAIN covers all names below (RFC 8020)", read_cut,
     NULL, "on or off"},
    {"log-level", "log", "level", "LEVEL", "info", NULL, "error, warn, info or debug", read_log_level, NULL,
     "error, warn, info or debug"},
    {"config", NULL, NULL, "FILE", NULL, SETTINGS_FILE, "read settings from here; '' for none", NULL, NULL, "a file's name"},
    {"check-config", NULL, NULL, NULL, NULL, NULL, "say whether the settings are good and exit", NULL, NULL, NULL},
    {"print-config", NULL, NULL, NULL, NULL, NULL, "print the settings in force and exit", NULL, NULL, NULL},
    {"version", NULL, NULL, NULL, NULL, NULL, "print the version and exit", NULL, NULL, NULL},
    {"help", NULL, NULL, NULL, NULL, NULL, "print this and exit", NULL, NULL, NULL},
};
const unsigned settings_count = sizeof settings_table / sizeof *settings_table;

_Static_assert(SETTINGS_LISTEN == 16 && UPSTREAM_SERVERS == 8 && SETTINGS_THREADS == 64 && (int)ACCESS_PREFIXES == 64 &&
                   ACCESS_RATE_MOST == 1000000,
               "the table's texts say so");
_Static_assert((int)SETTINGS_LISTEN <= (int)SERVE_TCP_LISTENERS && (int)SETTINGS_LISTEN <= (int)SERVE_UDP_SOCKETS,
               "each is a listener of every worker");

const struct setting *setting_named(const char *name) {
  for (unsigned i = 0; i < settings_count; i++) {
    if (strcmp(settings_table[i].name, name) == 0) return &settings_table[i];
  }
  return NULL;
}
