/* domain.c: names and JIDs from the command line. Exports domain_*. */
#include "tool/domain.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tool/idna.h"

enum { JID_DOMAIN_MAX = 1023 /* octets, RFC 7622 section 3.2 */ };
static_assert(DOMAIN_PREFIX_MAX == 1 + 13 + 1 + 4, "_xmpps-client and _tcp with their length octets");

static bool is_ascii(const char *text) {
  while (*text && (unsigned char)*text < 0x80) text++;
  return *text == 0;
}

static bool is_visible(const char *text) {
  for (; *text; text++) {
    if ((unsigned char)*text <= ' ' || *text == 0x7f) return false;
  }
  return true;
}

const char *domain_read_name(const char *text, uint8_t out[NAME_MAX_LEN], size_t *len) {
  char *ascii = NULL;
  const char *why = NULL;
  if (!is_visible(text)) return "a name has no blanks and no control characters";
  if (!is_ascii(text)) why = idna_to_ascii(text, &ascii);
  if (why) return why;
  *len = name_parse(ascii ? ascii : text, out);
  free(ascii);
  if (*len > 0) return NULL;
  return "labels are 1 to 63 octets long, names at most 255, and backslashes need three digits or a "
         "character";
}

/* What stands in the text from `start` up to any of the characters of `ends`, copied to out. False: nothing,
 * or too much. */
static bool copy_until(const char *start, const char *ends, char out[JID_DOMAIN_MAX + 1]) {
  size_t len = strcspn(start, ends);
  if (len == 0 || len > JID_DOMAIN_MAX) return false;
  memcpy(out, start, len);
  out[len] = 0;
  return true;
}

static bool begins_with(const char *text, const char *start) {
  return strncasecmp(text, start, strlen(start)) == 0;
}

/* The JID of an xmpp: URI is all that comes behind xmpp: or behind an account's authority
 * (xmpp://ACCOUNT/JID), and ends at the query. Other URLs have a host. Returns what to go on with. */
static const char *strip_uri(const char *text, char out[JID_DOMAIN_MAX + 1], struct typed_domain *typed) {
  const char *behind = strstr(text, "://");

  if (begins_with(text, "xmpp:")) {
    typed->taken_from = "an XMPP URI";
    const char *jid = text + strlen("xmpp:");
    if (begins_with(jid, "//")) {
      const char *path = strchr(jid + 2, '/');
      jid = path && path[1] && path[1] != '?' ? path + 1 : jid + 2;
    }
    return copy_until(jid, "?#", out) ? out : "";
  }

  if (!behind || strcspn(text, "@/:") != (size_t)(behind - text)) return text;

  typed->taken_from = "a URL";
  return copy_until(behind + strlen("://"), "/?#", out) ? out : "";
}

/* Cuts ":5222" off; names have no colon. */
static void strip_port(char *domain, struct typed_domain *typed) {
  uint8_t address[sizeof(struct in6_addr)];
  char *colon = strrchr(domain, ':');
  if (!colon || colon == domain || inet_pton(AF_INET6, domain, address) == 1) return;
  if (colon[1] == 0 || strspn(colon + 1, "0123456789") != strlen(colon + 1)) return;
  *colon = 0;
  if (!typed->taken_from) typed->taken_from = "a host with a port";
}

/* IDNA 2003 and 2008 differ in a few letters, and an xn-- label may be nonsense: both are told later, as
 * mistakes. */
static void note_idna(const char *text, struct typed_domain *out) {
  char *other = NULL, ours[NAME_TEXT];
  uint8_t name[NAME_MAX_LEN];

  out->other[0] = 0;
  out->bad_alabel = is_ascii(text) && !idna_is_valid(text);
  if (is_ascii(text) || idna_to_ascii_2003(text, &other) != NULL) return;
  size_t len = name_parse(other, name);
  free(other);
  if (len > 0 && !name_equal(name, len, out->name, out->len))
    memcpy(out->other, domain_text(name, len, ours), sizeof ours);
}

const char *domain_read_jid(const char *jid, struct typed_domain *out) {
  char stripped[JID_DOMAIN_MAX + 1], domain[JID_DOMAIN_MAX + 1];

  *out = (struct typed_domain){.len = 0};
  jid = strip_uri(jid, stripped, out);
  size_t whole = strcspn(jid, "/"); /* the resource goes first: it may hold an @ */
  const char *at = memchr(jid, '@', whole);
  const char *start = at ? at + 1 : jid;
  size_t domain_len = whole - (size_t)(start - jid);
  if (at == jid) return "nothing stands before the @";
  if (domain_len == 0) return "it has no domain";
  if (domain_len > JID_DOMAIN_MAX) return "its domain is longer than 1023 octets";
  memcpy(domain, start, domain_len);
  domain[domain_len] = 0;

  if (strchr(domain, '@')) return "its domain holds an @";
  if (domain[0] == '[') return "its domain is an IP address: programs connect to it without DNS";
  strip_port(domain, out);
  const char *why = domain_read_name(domain, out->name, &out->len);
  if (why) return why;
  if (domain_is_address(out->name, out->len))
    return "its domain is an IP address: programs connect to it without DNS";
  if (strchr(domain, ':')) return "a colon stands in it, but no port number behind that";
  if (out->len == 1) return "the root has no XMPP service";
  note_idna(domain, out);
  return out->len + DOMAIN_PREFIX_MAX > NAME_MAX_LEN ? "it is too long for the names of its services" : NULL;
}

const char *domain_text(const uint8_t *name, size_t len, char text[NAME_TEXT]) {
  name_format(name, len, text);
  size_t n = strlen(text);
  if (n > 1) text[n - 1] = 0;
  return text;
}

bool domain_is_address(const uint8_t *name, size_t len) {
  char text[NAME_TEXT];
  uint8_t address[sizeof(struct in6_addr)];
  domain_text(name, len, text);
  return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

bool domain_is_localhost(const uint8_t *name, size_t len) {
  static const uint8_t localhost[] = "\011localhost";
  return name_is_within(name, len, localhost, sizeof localhost);
}

size_t domain_below(const char *labels, const uint8_t *name, size_t len, uint8_t out[NAME_MAX_LEN]) {
  uint8_t front[NAME_MAX_LEN];
  size_t front_len = name_parse(labels, front);
  if (front_len == 0 || front_len - 1 + len > NAME_MAX_LEN) return 0;
  memcpy(out, front, front_len - 1);
  memcpy(out + front_len - 1, name, len);
  return front_len - 1 + len;
}

const char *domain_short_text(const uint8_t *zone, size_t zone_len, const uint8_t *name, size_t len,
                              char text[NAME_TEXT]) {
  if (!name_is_within(name, len, zone, zone_len)) return name_format(name, len, text);
  if (len == zone_len) return strcpy(text, "@");

  uint8_t front[NAME_MAX_LEN];
  memcpy(front, name, len - zone_len);
  front[len - zone_len] = 0;
  return domain_text(front, len - zone_len + 1, text);
}
