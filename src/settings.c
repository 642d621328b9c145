/* settings.c: a table of options, its help text, and what each means. Exports settings_*. */
#include "settings.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "config.h"
#include "server/serve_udp.h"
#include "upstream/resolvconf.h"

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

/* ---- the table ---- */

struct setting {
  const char *name, *value;
  const char *initial; /* read before the command line; NULL where `otherwise` tells in words what holds */
  const char *otherwise;
  const char *help;
  bool (*read)(struct settings *s, const char *text); /* NULL: answered at once */
  const char *right; /* what a value should be */
};

static const struct setting table[] = {
    {"listen", "ADDR:PORT", NULL, "127.0.0.1:53 and [::1]:53", "answer here; may be repeated", read_listen,
     "an address and port, such as 127.0.0.1:53 or [::1]:53, at most 16 times"},
    {"upstream", "ADDR[:PORT]", NULL, "those in /etc/resolv.conf", "ask this server; may be repeated", read_upstream,
     "a server's address, such as 9.9.9.9 or [2620:fe::fe]:53, at most 8 times"},
    {"allow", "PREFIX", NULL, "the networks it listens on", "who else may ask; may be repeated", read_allow,
     "a prefix such as 192.168.0.0/16 or fd00::/8, an address, any or none, at most 64 times"},
    {"refuse-with", "HOW", "refused", NULL, "what the rest gets: refused or silence", read_refuse, "refused or silence"},
    {"rate-limit", "N", "0", NULL, "queries a second of one other host; 0: any number", read_rate,
     "a number from 0 to 1000000"},
    {"cookies", "on|off", "on", NULL, "DNS cookies for clients (RFC 7873)", read_cookies, "on or off"},
    {"threads", "N", "1", NULL, "worker threads", read_threads, "a number from 1 to 64"},
    {"expand-srv", "HOW", "cached", NULL, "add addresses to SRV answers: off, cached or wait", read_expand,
     "off, cached or wait"},
    {"expand-services", "WHICH", "xmpp", NULL, "which SRV answers get them: xmpp or all", read_services, "xmpp or all"},
    {"prefetch", "on|off", "on", NULL, "ask ahead for what XMPP programs ask next", read_prefetch, "on or off"},
    {"cache-size", "SIZE", "128M", NULL, "memory for answers, in octets or with K, M, G", read_cache_size,
     "a size from 1M to 1024G, such as 64M"},
    {"max-stale", "SECONDS", "86400", NULL, "how long an expired answer may stand in; 0: never", read_max_stale,
     "seconds from 0 to 604800 (a week)"},
    {"nxdomain-cut", "on|off", "off", NULL, "NXDOMAIN covers all names below (RFC 8020)", read_cut, "on or off"},
    {"log-level", "LEVEL", "info", NULL, "error, warn, info or debug", read_log_level, "error, warn, info or debug"},
    {"version", NULL, NULL, NULL, "print the version and exit", NULL, NULL},
    {"help", NULL, NULL, NULL, "print this and exit", NULL, NULL},
};
enum {
  SETTINGS_N = sizeof table / sizeof *table,
  OPTION_FIRST = 256 /* getopt_long returns this + the option's place in the table: no letter is so large */
};

_Static_assert(SETTINGS_LISTEN == 16 && UPSTREAM_SERVERS == 8 && SETTINGS_THREADS == 64 &&
               (int)ACCESS_PREFIXES == 64 && ACCESS_RATE_MOST == 1000000, "the table's texts say so");
_Static_assert((int)SETTINGS_LISTEN <= (int)SERVE_TCP_LISTENERS && (int)SETTINGS_LISTEN <= (int)SERVE_UDP_SOCKETS, "each is a listener of every worker");

static void print_help(FILE *out) {
  fputs("Usage: jidnsd [OPTION]...\nA caching DNS forwarder for XMPP servers and clients.\n\n", out);
  for (unsigned i = 0; i < SETTINGS_N; i++) {
    const struct setting *t = &table[i];
    char left[40];
    snprintf(left, sizeof left, "--%s%s%s", t->name, t->value ? " " : "", t->value ? t->value : "");
    const char *initial = t->initial ? t->initial : t->otherwise;
    fprintf(out, "  %-24s %s%s%s%s\n", left, t->help, initial ? " (default: " : "", initial ? initial : "",
            initial ? ")" : "");
  }
}

static enum settings_outcome tell(const struct setting *t, FILE *out) {
  if (strcmp(t->name, "version") == 0) fprintf(out, "jidnsd (%s) %s\n", PACKAGE_NAME, PACKAGE_VERSION);
  else print_help(out);
  return SETTINGS_TOLD;
}

/* ---- reading ---- */

static enum settings_outcome wrong_value(const struct setting *t, const char *value, FILE *err) {
  fprintf(err, "jidnsd: --%s '%s': should be %s\n", t->name, value, t->right);
  return SETTINGS_WRONG;
}

/* getopt_long returned ':' or '?' and set optopt: to the option's number, to a letter, or to 0 for a word it does not know. */
static enum settings_outcome wrong_option(int how, char **argv, FILE *err) {
  const struct setting *t = optopt >= OPTION_FIRST ? &table[optopt - OPTION_FIRST] : NULL;
  if (t && how == ':') fprintf(err, "jidnsd: --%s: needs a value: %s\n", t->name, t->right);
  else if (t) fprintf(err, "jidnsd: '%s': --%s takes no value\n", argv[optind - 1], t->name);
  else if (optopt) fprintf(err, "jidnsd: '-%c': there is no such option; see jidnsd --help\n", optopt);
  else fprintf(err, "jidnsd: '%s': there is no such option, or more than one; see jidnsd --help\n", argv[optind - 1]);
  return SETTINGS_WRONG;
}

static void set_initial(struct settings *s) {
  *s = (struct settings){.tcp = SERVE_TCP_DEFAULTS};
  for (unsigned i = 0; i < SETTINGS_N; i++) {
    if (table[i].initial) must(table[i].read(s, table[i].initial));
  }
}

/* Does whoever listens at `here` get what is sent to `to`? */
static bool reaches(const union addr *here, const union addr *to) {
  if (addr_equal(here, to)) return true;
  return addr_is_any(here) && here->any.sa_family == to->any.sa_family && addr_port(here) == addr_port(to) &&
         addr_is_loopback(to);
}

static enum settings_outcome check_loops(const struct settings *s, FILE *err) {
  char text[ADDR_TEXT];
  for (unsigned i = 0; i < s->upstream_count; i++) {
    for (unsigned k = 0; k < s->listen_count; k++) {
      if (!reaches(&s->listen[k], &s->upstreams[i])) continue;
      fprintf(err, "jidnsd: --upstream '%s': jidnsd listens there itself; should be another server\n",
              addr_format(&s->upstreams[i], text));
      return SETTINGS_WRONG;
    }
  }
  return SETTINGS_RUN;
}

static void listen_at_default(struct settings *s) {
  s->listen_default = true;
  must(read_listen(s, "127.0.0.1:53") && read_listen(s, "[::1]:53"));
}

enum settings_outcome settings_read(struct settings *s, int argc, char **argv, FILE *out, FILE *err) {
  struct option options[SETTINGS_N + 1] = {0};
  for (int i = 0; i < SETTINGS_N; i++) {
    options[i] = (struct option){table[i].name, table[i].value ? required_argument : no_argument, NULL, OPTION_FIRST + i};
  }
  set_initial(s);
  optind = 0; /* makes glibc start anew */
  opterr = 0;
  for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
    if (c < OPTION_FIRST) return wrong_option(c, argv, err);
    const struct setting *t = &table[c - OPTION_FIRST];
    if (!t->read) return tell(t, out);
    if (!t->read(s, optarg)) return wrong_value(t, optarg, err);
  }
  if (optind < argc) {
    fprintf(err, "jidnsd: '%s': only options are understood; see jidnsd --help\n", argv[optind]);
    return SETTINGS_WRONG;
  }
  if (!s->listen_count) listen_at_default(s);
  return check_loops(s, err);
}

bool settings_find_networks(struct settings *s, FILE *err) {
  return s->access.chosen || access_find_networks(&s->access, s->listen, s->listen_count, err);
}

bool settings_find_upstreams(struct settings *s, const char *path, FILE *err) {
  if (s->upstream_count) return true;
  int n = resolvconf_read(path, s->listen, s->listen_count, s->upstreams, UPSTREAM_SERVERS);
  if (n > 0) {
    s->upstream_count = (unsigned)n;
    return true;
  }
  const char *why = n < 0 ? strerror(-n) : "names no server but jidnsd itself";
  fprintf(err, "jidnsd: no server to ask: %s: %s; give one with --upstream\n", path, why);
  return false;
}
