/* caa.c: which authorities may issue certificates for a domain. Exports caa_*. */
#include "tool/caa.h"

#include <string.h>
#include <strings.h>

enum { FIXED = 2 /* flags, and the length of the tag */, NAMES = 8 };

/* Public authorities: how the names of their organisations begin, and what stands for them in CAA, as their
 * statements of practice have it. */
static const struct issuer {
  const char *organisation;
  const char *names[NAMES];
} issuers[] = {
    {"Let's Encrypt", {"letsencrypt.org"}},
    {"ISRG", {"letsencrypt.org"}},
    {"Internet Security Research Group", {"letsencrypt.org"}},
    {"ZeroSSL", {"sectigo.com", "comodoca.com", "usertrust.com", "trust-provider.com"}},
    {"Sectigo", {"sectigo.com", "comodoca.com", "usertrust.com", "comodo.com", "trust-provider.com"}},
    {"COMODO", {"sectigo.com", "comodoca.com", "usertrust.com", "comodo.com", "trust-provider.com"}},
    {"Google Trust Services", {"pki.goog"}},
    {"DigiCert",
     {"digicert.com", "symantec.com", "geotrust.com", "thawte.com", "rapidssl.com", "digicert.ne.jp",
      "cybertrust.ne.jp", "quovadisglobal.com"}},
    {"GlobalSign", {"globalsign.com"}},
    {"Buypass", {"buypass.com", "buypass.no"}},
    {"Amazon", {"amazon.com", "amazontrust.com", "awstrust.com", "amazonaws.com"}},
    {"SSL Corp", {"ssl.com"}},
    {"Actalis", {"actalis.it"}},
    {"GoDaddy", {"godaddy.com", "starfieldtech.com"}},
    {"Starfield", {"starfieldtech.com", "godaddy.com"}},
    {"Hellenic Academic and Research Institutions CA", {"harica.gr"}},
    {"Asseco Data Systems", {"certum.pl", "certum.eu"}},
    {"Unizeto", {"certum.pl", "certum.eu"}},
    {"D-Trust", {"d-trust.net"}},
    {"SwissSign", {"swisssign.com"}},
    {"Entrust", {"entrust.net", "affirmtrust.com", "sectigo.com"}},
    {"IdenTrust", {"identrust.com"}},
};

static const struct issuer *issuer_of(const char *organisation) {
  for (size_t i = 0; i < sizeof issuers / sizeof *issuers; i++) {
    const char *begins = issuers[i].organisation;
    if (strncasecmp(organisation, begins, strlen(begins)) == 0) return &issuers[i];
  }
  return NULL;
}

const char *caa_name_of(const char *organisation) {
  const struct issuer *a = issuer_of(organisation);
  return a ? a->names[0] : NULL;
}

bool caa_forbids(const struct caa *c, const char *organisation) {
  const struct issuer *a = issuer_of(organisation);
  if (!a || !c->is_known || !c->restricts || c->is_cut) return false;
  for (size_t i = 0; i < c->count; i++) {
    for (size_t k = 0; k < NAMES && a->names[k]; k++) {
      if (strcasecmp(c->issuers[i], a->names[k]) == 0) return false;
    }
  }
  return true;
}

/* ---- records ---- */

/* "letsencrypt.org; validationmethods=dns-01": the name before parameters; none of ";" alone. */
static void take_issuer(struct caa *c, const uint8_t *value, size_t len) {
  size_t used = 0;
  c->restricts = true;
  while (len > 0 && (*value == ' ' || *value == '\t')) value++, len--;
  if (c->count == CAA_ISSUERS_MAX) {
    c->is_cut = true;
    return;
  }

  char *to = c->issuers[c->count];
  while (used < len && used < CAA_ISSUER - 1 && value[used] > ' ' && value[used] <= '~' &&
         value[used] != ';') {
    to[used] = (char)value[used];
    used++;
  }
  to[used] = 0;
  c->count += used > 0;
}

/* Reads an answer; returns how many records it has. */
static unsigned take_records(struct caa *c, const struct asked *a) {
  struct reply p = reply_open(a->msg, a->len);
  struct record r;
  unsigned count = 0;
  while (reply_next_answer(&p, TYPE_OF_CAA, &r)) {
    const uint8_t *rdata = record_rdata(&r);
    count++;
    if (r.rdlen < FIXED || rdata[1] > r.rdlen - FIXED) continue;
    bool is_issue = rdata[1] == 5 && strncasecmp((const char *)rdata + FIXED, "issue", 5) == 0;
    if (is_issue) take_issuer(c, rdata + FIXED + 5, (size_t)r.rdlen - FIXED - 5);
  }
  return count;
}

void caa_find(const struct facts *f, void (*ask)(void *context, struct asked *const *list, size_t n),
              void *context, struct caa *out) {
  const uint8_t *name = f->domain->domain->name;
  size_t len = f->domain->domain->name_len;

  *out = (struct caa){.is_known = true};
  for (; out->is_known && len > 1; len -= 1u + *name, name += 1u + *name) {
    struct asked above = {.name_len = 0}, *list[] = {&above};
    const struct asked *own = &f->single[FACT_CAA];
    bool is_own = name == f->domain->domain->name && own->name_len > 0;
    ask_make(&above, name, len, TYPE_OF_CAA);
    if (!is_own) ask(context, list, 1);
    const struct asked *a = is_own ? own : &above;
    out->is_known = lookup_is_answered(a);
    bool has_any = out->is_known && take_records(out, a) > 0;
    if (has_any) domain_text(name, len, out->at);
    asked_free(&above);
    if (has_any) return;
  }
}
