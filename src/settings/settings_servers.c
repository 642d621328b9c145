/* settings_servers.c: servers to ask, in plain and encrypted, and who these have to be. Exports
 * settings_add_server, settings_add_pin, settings_server_*, settings_list_servers, and what asks about them.
 */
#include <ctype.h>
#include <string.h>

#include "dns/name.h"
#include "settings/settings_priv.h"

const char settings_server_expected[] =
    "a server's address, such as 9.9.9.9, [2620:fe::fe]:53 or tls://9.9.9.9#dns.quad9.net or "
    "https://9.9.9.9/dns-query#dns.quad9.net, at most 8 times";
_Static_assert(UPSTREAM_SERVERS == 8, "the text says so");

const char settings_pin_expected[] =
    "sha256/ and the 44 characters of the key's digest in base64, at most 4 times";
_Static_assert(TLS_PINS == 4, "the text says so");

#define HTTPS_PATH "/dns-query"

enum { TLS_PORT = 853, HTTPS_PORT = 443, SERVER_TEXT = 512 };

/* How an encrypted server is written: SCHEME ADDRESS [PATH] [#NAME]; the path is HTTPS's. */
static const struct scheme {
  const char *prefix;
  enum transport transport;
  uint16_t port;
} schemes[] = {{"tls://", TRANSPORT_TLS, TLS_PORT}, {"https://", TRANSPORT_HTTPS, HTTPS_PORT}};

enum { SCHEMES = sizeof schemes / sizeof *schemes };

/* NULL: it has none, so it is a plain server. */
static const struct scheme *scheme_of(const char *text) {
  for (const struct scheme *s = schemes; s < schemes + SCHEMES; s++) {
    if (strncasecmp(text, s->prefix, strlen(s->prefix)) == 0) return s;
  }
  return NULL;
}

/* A server as it was written, in its parts. */
struct written {
  const struct scheme *scheme; /* NULL: plain */
  char address[SERVER_TEXT], name[SERVER_TEXT], path[SERVER_TEXT];
  bool has_name;
};

/* Moves what stands from the first `mark` on, out of text. False: there is none. */
static bool cut_off(char *text, char mark, char *rest) {
  char *at = strchr(text, mark);
  if (!at) return false;
  strcpy(rest, at);
  *at = 0;
  return true;
}

static bool take_apart(const char *text, struct written *out) {
  *out = (struct written){.scheme = scheme_of(text)};
  if (strlen(text) >= SERVER_TEXT) return false;
  if (out->scheme) text += strlen(out->scheme->prefix);
  strcpy(out->address, text);
  if (!out->scheme) return true;

  char name[SERVER_TEXT];
  out->has_name = cut_off(out->address, '#', name);
  if (out->has_name) strcpy(out->name, name + 1);
  if (out->scheme->transport != TRANSPORT_HTTPS) return true;
  if (!cut_off(out->address, '/', out->path) || !out->path[1]) strcpy(out->path, HTTPS_PATH);
  return true;
}

/* What may stand in a request (RFC 3986 section 3.3), and no template. */
static bool is_path(const char *path) {
  if (strlen(path) >= NS_PATH) return false;
  for (const char *c = path; *c; c++) {
    if (*c <= ' ' || *c >= 0x7f || strchr("{}\"<>\\^`|", *c)) return false;
  }
  return true;
}

/* As certificates have it: letters, digits and hyphens between dots, in lower case, without a final dot. */
static bool tidy_name(char *name) {
  uint8_t wire[NAME_MAX_LEN];
  size_t len = strlen(name);
  if (len && name[len - 1] == '.') name[--len] = 0;
  bool has_letter = false;
  for (size_t i = 0; i < len; i++) {
    name[i] = (char)tolower((unsigned char)name[i]);
    bool is_letter = name[i] >= 'a' && name[i] <= 'z', is_digit = name[i] >= '0' && name[i] <= '9';
    if (!is_letter && !is_digit && !strchr("-_.", name[i])) return false;
    has_letter |= is_letter;
  }
  return has_letter && name_parse(name, wire) > 1;
}

static bool parse_address(const struct written *w, union addr *addr, char scope[ADDR_SCOPE]) {
  uint16_t port = w->scheme ? w->scheme->port : SETTINGS_PORT;
  return addr_parse_scoped(w->address, port, addr, scope) && !addr_is_any(addr);
}

static const char *name_of(const struct settings_servers *set, const struct settings_server *s) {
  return set->names + s->name;
}

static const char *path_of(const struct settings_servers *set, const struct settings_server *s) {
  return set->names + s->path;
}

static bool has(const struct settings_servers *set, const struct settings_server *one,
                const struct written *w) {
  for (unsigned i = 0; i < set->count; i++) {
    const struct settings_server *s = &set->list[i];
    if (s->transport == one->transport && addr_equal(&s->addr, &one->addr) &&
        strcmp(s->scope, one->scope) == 0 && strcmp(name_of(set, s), w->name) == 0 &&
        strcmp(path_of(set, s), w->path) == 0)
      return true;
  }
  return false;
}

/* Keeps it among the names; 0: it is "", or there is no room, which *full then says. */
static uint16_t keep_text(struct settings_servers *set, const char *text, bool *full) {
  size_t len = strlen(text) + 1, at = 1 + set->names_len;
  if (len == 1) return 0;
  if (at + len > SETTINGS_NAMES) {
    *full = true;
    return 0;
  }
  memcpy(set->names + at, text, len);
  set->names_len += (unsigned)len;
  return (uint16_t)at;
}

bool settings_add_server(const char *text, struct settings_servers *set) {
  struct written w;
  struct settings_server s = {.transport = TRANSPORT_UDP};
  if (!take_apart(text, &w) || !parse_address(&w, &s.addr, s.scope) || !is_path(w.path)) return false;
  if (w.scheme) s.transport = w.scheme->transport;
  if (w.has_name && !tidy_name(w.name)) return false;
  if (has(set, &s, &w)) return true;
  if (set->count == UPSTREAM_SERVERS) return false;

  unsigned names_len = set->names_len;
  bool full = false;
  s.name = keep_text(set, w.name, &full);
  s.path = keep_text(set, w.path, &full);
  if (full) set->names_len = names_len;
  else set->list[set->count++] = s;
  return !full;
}

void settings_clear_servers(struct settings_servers *set) { *set = (struct settings_servers){0}; }

const char *settings_explain_server(const char *text, char why[WHY_TEXT]) {
  struct written w;
  union addr addr;
  char scope[ADDR_SCOPE];
  snprintf(why, WHY_TEXT, "should be %s", settings_server_expected);

  if (strcasecmp(text, "tls:") == 0 || strcasecmp(text, "https:") == 0) {
    snprintf(why, WHY_TEXT,
             "two slashes begin a comment; put the whole into quotes, such as "
             "\"tls://9.9.9.9#dns.quad9.net\"");
    return why;
  }

  if (!take_apart(text, &w) || !w.scheme) return why;
  bool is_address = parse_address(&w, &addr, scope);
  w.address[strcspn(w.address, ":/")] = 0;
  if (is_address && !is_path(w.path)) {
    snprintf(why, WHY_TEXT,
             "behind the address should be a path of at most %d octets without blanks and braces, such "
             "as " HTTPS_PATH,
             NS_PATH - 1);
    return why;
  }
  if (w.has_name && !tidy_name(w.name)) {
    snprintf(why, WHY_TEXT,
             "behind # should be the server's name as its certificate has it, such as "
             "dns.quad9.net; without # the certificate must be for the address");
  } else if (!is_address && tidy_name(w.address)) {
    snprintf(why, WHY_TEXT,
             "jidnsd asks nobody for the address of a server; write %sADDRESS%.40s#%.100s, such as "
             "%s9.9.9.9%.40s#dns.quad9.net",
             w.scheme->prefix, w.path, w.address, w.scheme->prefix, w.path);
  }
  return why;
}

/* ---- pins ---- */

bool settings_add_pin(const char *text, struct settings_pins *pins) {
  uint8_t pin[TLS_PIN];
  if (!expect_parse_pin(text, pin)) return false;
  for (unsigned i = 0; i < pins->count; i++) {
    if (memcmp(pins->list[i], pin, TLS_PIN) == 0) return true;
  }
  if (pins->count == TLS_PINS) return false;
  memcpy(pins->list[pins->count++], pin, TLS_PIN);
  return true;
}

/* ---- what they come to ---- */

void settings_server_address(const struct settings_servers *set, unsigned i, const struct settings_pins *pins,
                             struct ns_address *out) {
  const struct settings_server *s = &set->list[i];
  *out = (struct ns_address){.addr = s->addr, .transport = s->transport};
  if (!transport_is_encrypted(s->transport)) return;
  snprintf(out->expect.name, sizeof out->expect.name, "%s", name_of(set, s));
  out->expect.pin_count = pins->count;
  memcpy(out->expect.pins, pins->list, sizeof out->expect.pins);
  snprintf(out->path, sizeof out->path, "%s", path_of(set, s));
}

const struct settings_pins *settings_forward_pins(const struct settings *s,
                                                  const struct settings_forward *f) {
  return f->pins.count ? &f->pins : &s->pins;
}

static bool has_one(const struct settings_servers *set, bool (*is)(enum transport t)) {
  for (unsigned i = 0; i < set->count; i++) {
    if (is(set->list[i].transport)) return true;
  }
  return false;
}

/* Is there a server over such a transport, for all names or some? */
static bool asks_over(const struct settings *s, bool (*is)(enum transport t)) {
  bool asks = has_one(&s->upstream, is);
  for (unsigned i = 0; i < s->forward_count && !asks; i++) asks = has_one(&s->forwards[i].servers, is);
  return asks;
}

static bool is_https(enum transport t) { return t == TRANSPORT_HTTPS; }

bool settings_asks_https(const struct settings *s) { return asks_over(s, is_https); }

bool settings_discovers(const struct settings *s) {
  return s->discover == DISCOVER_VERIFIED && (s->upstream_default || !s->upstream.count);
}

static bool is_plain(enum transport t) { return !transport_is_encrypted(t); }

bool settings_tries_tls(const struct settings *s) {
  bool may_have_plain = s->upstream_default || !s->upstream.count || asks_over(s, is_plain);
  return s->upstream_tls == UPSTREAM_TLS_OPPORTUNISTIC && may_have_plain;
}

bool settings_needs_proof(const struct settings *s) {
  return asks_over(s, transport_is_encrypted) || settings_discovers(s) || share_encrypts(&s->share);
}

bool settings_encrypts(const struct settings *s) { return settings_needs_proof(s) || settings_tries_tls(s); }

const char *settings_list_servers(const struct settings_servers *set, char text[SETTINGS_LIST_TEXT]) {
  size_t at = 0;
  *text = 0;
  for (unsigned i = 0; i < set->count && at < SETTINGS_LIST_TEXT; i++) {
    char address[ADDR_TEXT];
    const struct settings_server *s = &set->list[i];
    const char *name = name_of(set, s), *prefix = "";
    for (const struct scheme *k = schemes; k < schemes + SCHEMES; k++) {
      if (k->transport == s->transport) prefix = k->prefix;
    }
    at += (size_t)snprintf(text + at, SETTINGS_LIST_TEXT - at, "%s%s%s%s%s%s", i ? ", " : "", prefix,
                           addr_format(&s->addr, address), path_of(set, s), *name ? "#" : "", name);
  }
  return text;
}
