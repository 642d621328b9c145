/* cert.c: whom a certificate names. Exports cert_*. */
#include "crypto/cert.h"

#include <string.h>
#include <strings.h>

/* "*" stands for one whole label, and not for one of the last two (RFC 6125 section 6.4.3). */
static bool wildcard_covers(const char *pattern, const char *domain) {
  const char *rest = strchr(domain, '.');
  return strncmp(pattern, "*.", 2) == 0 && strchr(pattern + 2, '.') && rest && rest > domain &&
         strcasecmp(pattern + 1, rest) == 0;
}

static bool srv_name_covers(const char *name, const char *domain, const char *service) {
  size_t len = service ? strlen(service) : 0;
  return service && strncasecmp(name, service, len) == 0 && name[len] == '.' &&
         strcasecmp(name + len + 1, domain) == 0;
}

static bool covers(const struct cert_name *n, const char *domain, const char *service) {
  switch (n->form) {
  case CERT_DNS: return strcasecmp(n->text, domain) == 0 || wildcard_covers(n->text, domain);
  case CERT_SRV: return srv_name_covers(n->text, domain, service);
  case CERT_XMPP: return strcasecmp(n->text, domain) == 0;
  case CERT_NOT: break;
  }
  return false;
}

enum cert_form cert_is_for(const struct cert *c, const char *domain, const char *service) {
  enum cert_form best = CERT_NOT;
  for (size_t i = 0; i < c->count; i++) {
    if (!covers(&c->names[i], domain, service)) continue;
    if (best == CERT_NOT || c->names[i].form < best) best = c->names[i].form;
  }
  return best;
}

bool cert_has_dns_name(const struct cert *c, const char *domain) {
  for (size_t i = 0; i < c->count; i++) {
    if (c->names[i].form == CERT_DNS && strcasecmp(c->names[i].text, domain) == 0) return true;
  }
  return false;
}

const char *cert_form_text(enum cert_form f) {
  static const char *const words[] = {
      [CERT_NOT] = "not named", [CERT_DNS] = "dNSName", [CERT_SRV] = "SRV-ID", [CERT_XMPP] = "XmppAddr"};
  return words[f];
}
