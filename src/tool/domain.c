/* domain.c: names and JIDs from the command line. Exports domain_*. */
#include "tool/domain.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>

#include "tool/idna.h"

enum { JID_DOMAIN_MOST = 1023 /* octets, RFC 7622 section 3.2 */ };
static_assert(DOMAIN_PREFIX_MOST == 1 + 13 + 1 + 4, "_xmpps-client and _tcp with their length octets");

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

const char *domain_read_jid(const char *jid, uint8_t out[NAME_MAX_LEN], size_t *len) {
  char domain[JID_DOMAIN_MOST + 1];
  size_t whole = strcspn(jid, "/"); /* the resource goes first: it may hold an @ */
  const char *at = memchr(jid, '@', whole);
  const char *start = at ? at + 1 : jid;
  size_t domain_len = whole - (size_t)(start - jid);
  if (at == jid) return "nothing stands before the @";
  if (domain_len == 0) return "it has no domain";
  if (domain_len > JID_DOMAIN_MOST) return "its domain is longer than 1023 octets";
  memcpy(domain, start, domain_len);
  domain[domain_len] = 0;
  if (strchr(domain, '@')) return "its domain holds an @";
  if (domain[0] == '[') return "its domain is an IP address: programs connect to it without DNS";
  const char *why = domain_read_name(domain, out, len);
  if (why) return why;
  if (domain_is_address(out, *len)) return "its domain is an IP address: programs connect to it without DNS";
  if (*len == 1) return "the root has no XMPP service";
  return *len + DOMAIN_PREFIX_MOST > NAME_MAX_LEN ? "it is too long for the names of its services" : NULL;
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

size_t domain_below(const char *labels, const uint8_t *name, size_t len, uint8_t out[NAME_MAX_LEN]) {
  uint8_t front[NAME_MAX_LEN];
  size_t front_len = name_parse(labels, front);
  if (front_len == 0 || front_len - 1 + len > NAME_MAX_LEN) return 0;
  memcpy(out, front, front_len - 1);
  memcpy(out + front_len - 1, name, len);
  return front_len - 1 + len;
}
