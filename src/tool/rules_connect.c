/* rules_connect.c: what connections to the targets have shown. Exports rules_of_connections. */
#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"
#include "tool/connect.h"
#include "tool/rules_priv.h"

enum { DAY_S = 86400, EXPIRING_DAYS = 14, PORTS_TEXT = 64, DETAIL_TEXT = 400 };

/* ---- what may be wrong with one connection ---- */

static bool is_end(const struct connection *n, enum connect_end end) { return n->end == end; }

static bool is_refused(const struct connections *all, const struct connection *n) {
  (void)all;
  return is_end(n, END_REFUSED);
}

static bool is_silent(const struct connections *all, const struct connection *n) {
  (void)all;
  return is_end(n, END_SILENT) && n->phase == PHASE_CONNECT;
}

/* TLS 1.3 may fail after its handshake: a server that wants a certificate tells it only then. */
static bool stops_halfway(const struct connections *all, const struct connection *n) {
  (void)all;
  return n->phase != PHASE_CONNECT &&
         (is_end(n, END_SILENT) || is_end(n, END_CUT) || is_end(n, END_STREAM_ERROR) ||
          (is_end(n, END_TLS_FAILED) && n->phase != PHASE_TLS));
}

static bool speaks_otherwise(const struct connections *all, const struct connection *n) {
  (void)all;
  return is_end(n, END_NOT_XMPP);
}

static bool speaks_xml_first(const struct connections *all, const struct connection *n) {
  (void)all;
  return is_end(n, END_XML_FIRST);
}

static bool speaks_tls_first(const struct connections *all, const struct connection *n) {
  (void)all;
  return is_end(n, END_TLS_FIRST);
}

static bool lacks_starttls(const struct connections *all, const struct connection *n) {
  (void)all;
  return is_end(n, END_NO_STARTTLS);
}

static bool leaves_starttls_open(const struct connections *all, const struct connection *n) {
  (void)all;
  return !n->direct_tls && n->has_tls && !n->starttls_required;
}

static bool fails_tls(const struct connections *all, const struct connection *n) {
  (void)all;
  return is_end(n, END_TLS_FAILED) && n->phase == PHASE_TLS;
}

static bool has_old_tls(const struct connections *all, const struct connection *n) {
  (void)all;
  return *n->version && strcmp(n->version, "TLSv1.2") != 0 && strcmp(n->version, "TLSv1.3") != 0;
}

static bool names_another(const struct connections *all, const struct connection *n) {
  (void)all;
  return n->has_tls && n->form == CERT_NOT;
}

static bool has_expired(const struct connections *all, const struct connection *n) {
  return n->has_tls && (n->trust == TLS_EXPIRED || n->until_s <= all->now_s);
}

/* Those for a few days only are renewed later than others. */
static bool expires_soon(const struct connections *all, const struct connection *n) {
  int64_t third_s = (n->until_s - n->from_s) / 3, most_s = EXPIRING_DAYS * DAY_S;
  return n->has_tls && !has_expired(all, n) &&
         n->until_s - all->now_s < (third_s < most_s ? third_s : most_s);
}

static bool is_not_yet_valid(const struct connections *all, const struct connection *n) {
  (void)all;
  return n->has_tls && n->trust == TLS_NOT_YET;
}

static bool is_incomplete(const struct connections *all, const struct connection *n) {
  (void)all;
  return n->has_tls && n->trust == TLS_INCOMPLETE;
}

static bool is_untrusted(const struct connections *all, const struct connection *n) {
  (void)all;
  return n->has_tls && (n->trust == TLS_SELF_SIGNED || n->trust == TLS_DISTRUSTED);
}

static bool does_not_serve(const struct connections *all, const struct connection *n) {
  (void)all;
  return is_end(n, END_HOST_UNKNOWN);
}

static bool has_only_plain(const struct connections *all, const struct connection *n) {
  (void)all;
  return n->side == LOOKUP_C2S && connect_is_good(n) && n->stream.plain && !n->stream.scram &&
         !n->stream.sasl2;
}

static bool needs_alpn(const struct connections *all, const struct connection *n) {
  (void)all;
  return n->needs_alpn;
}

static bool needs_sni(const struct connections *all, const struct connection *n) {
  (void)all;
  return n->needs_sni;
}

static bool sends_on(const struct connections *all, const struct connection *n) {
  (void)all;
  return is_end(n, END_SEE_OTHER);
}

/* EXTERNAL is offered only to who shows a certificate, which this program does not: that one is asked for
 * tells. */
static bool lets_no_server_prove_itself(const struct connections *all, const struct connection *n) {
  const struct stream_facts *s = &n->stream;
  (void)all;
  return n->side == LOOKUP_S2S && connect_is_good(n) && !s->dialback && !s->declares_dialback &&
         !s->external && !n->asks_certificate;
}

static bool fits_no_tlsa(const struct connections *all, const struct connection *n) {
  (void)all;
  return n->has_tls && n->tlsa_records > 0 && (n->tlsa_fitting == 0 || n->dane_fails);
}

static bool is_skipped(const struct connections *all, const struct connection *n) {
  (void)all;
  return !connect_is_tried(n);
}

/* ---- what is said of it ---- */

/* The subject is the address where it is a matter of the way there, else the target. */
static const struct check {
  enum rule_id rule;
  bool of_address;
  bool (*applies)(const struct connections *all, const struct connection *n);
  const char *says; /* between the subject and its ports */
} checks[] = {
    {RULE_CONNECT_REFUSED, true, is_refused, "refuses connections"},
    {RULE_CONNECT_TIMEOUT, true, is_silent, "does not answer"},
    {RULE_CONNECTION_CUT, true, stops_halfway, "stops halfway"},
    {RULE_NOT_XMPP, false, speaks_otherwise, "does not speak XMPP"},
    {RULE_STARTTLS_ON_TLS_PORT, false, speaks_xml_first, "speaks STARTTLS, not direct TLS"},
    {RULE_TLS_ON_STARTTLS_PORT, false, speaks_tls_first, "speaks direct TLS, not STARTTLS"},
    {RULE_STARTTLS_MISSING, false, lacks_starttls, "does not offer STARTTLS"},
    {RULE_STARTTLS_OPTIONAL, false, leaves_starttls_open, "does not require STARTTLS"},
    {RULE_TLS_FAILED, false, fails_tls, "fails the TLS handshake"},
    {RULE_TLS_OLD, false, has_old_tls, "uses an old version of TLS"},
    {RULE_CERT_WRONG_NAME, false, names_another, "has a certificate for somebody else"},
    {RULE_CERT_EXPIRED, false, has_expired, "has an expired certificate"},
    {RULE_CERT_EXPIRING, false, expires_soon, "has a certificate that expires soon"},
    {RULE_CERT_NOT_YET_VALID, false, is_not_yet_valid, "has a certificate that is not valid yet"},
    {RULE_CERT_INCOMPLETE, false, is_incomplete, "has a certificate whose issuer is not known"},
    {RULE_CERT_UNTRUSTED, false, is_untrusted, "has a certificate that nobody trusts"},
    {RULE_HOST_UNKNOWN, false, does_not_serve, "does not serve the domain"},
    {RULE_SASL_PLAIN_ONLY, false, has_only_plain, "offers PLAIN and no SCRAM"},
    {RULE_ALPN_NEEDED, false, needs_alpn, "speaks XMPP only with ALPN"},
    {RULE_SNI_NEEDED, false, needs_sni, "needs SNI to show the right certificate"},
    {RULE_SEE_OTHER_HOST, false, sends_on, "sends on to another host"},
    {RULE_S2S_NO_AUTH, false, lets_no_server_prove_itself, "lets no server prove who it is"},
    {RULE_TLSA_MISMATCH, false, fits_no_tlsa, "has a certificate that no TLSA record fits"},
    {RULE_CONNECT_SKIPPED, true, is_skipped, "was not tried"},
};

static const char *subject_of(const struct check *k, const struct connection *n, char text[NAME_TEXT]) {
  if (!k->of_address) return lookup_host_text(n->host, text);
  return lookup_address_text(&n->address, text);
}

/* Numbers and words that make it concrete; "" for none. */
static void detail_of(const struct check *k, const struct connections *all, const struct connection *n,
                      char text[DETAIL_TEXT]) {
  long days = (long)((n->until_s - all->now_s) / DAY_S);
  *text = 0;
  switch (k->rule) {
  case RULE_CERT_WRONG_NAME:
    snprintf(text, DETAIL_TEXT, "%s", *n->names ? n->names : "it names nobody");
    break;
  case RULE_CERT_EXPIRED:
    if (n->until_s <= all->now_s) snprintf(text, DETAIL_TEXT, "%ld days ago", -days);
    break;
  case RULE_CERT_EXPIRING: snprintf(text, DETAIL_TEXT, "in %ld days", days); break;
  case RULE_TLS_OLD: snprintf(text, DETAIL_TEXT, "%s", n->version); break;
  case RULE_CONNECTION_CUT:
    snprintf(text, DETAIL_TEXT, "%s in the phase \"%s\"%s%s", connect_end_text(n->end),
             connect_phase_word(n->phase), *n->why ? ", " : "", n->why);
    break;
  case RULE_CONNECT_SKIPPED: snprintf(text, DETAIL_TEXT, "%s", connect_end_text(n->end)); break;
  default: snprintf(text, DETAIL_TEXT, "%s", n->why);
  }
}

/* ---- findings ---- */

/* Connections whose failure is told already. */
struct told {
  bool is[CONNECT_MAX];
};

static bool works_elsewhere(const struct connections *all, const struct connection *n) {
  for (size_t i = 0; i < all->count; i++) {
    if (all->list[i].side == n->side && connect_is_good(&all->list[i])) return true;
  }
  return false;
}

/* A way that fails hurts less where another one works; an untrusted certificate, where DANE vouches for it.
 */
static enum severity severity_of(const struct check *k, const struct connections *all,
                                 const struct connection *n) {
  enum severity given = report_rules[k->rule].severity;
  bool about_trust = k->rule == RULE_CERT_UNTRUSTED || k->rule == RULE_CERT_INCOMPLETE;
  if (about_trust && n->dane) return SEVERITY_NOTICE;
  return given == SEVERITY_ERROR && !n->has_tls && works_elsewhere(all, n) ? SEVERITY_WARNING : given;
}

/* What one finding says of several connections. */
struct merged {
  enum lookup_side side;          /* all that they are for */
  const struct connection *worst; /* the first of the most severe ones */
  enum severity severity;         /* its own */
  char ports[PORTS_TEXT];         /* "port 5222" or "ports 5222, 5269" */
};

static void add_merged(struct merged *m, const struct check *k, const struct connections *all,
                       const struct connection *n) {
  enum severity severity = severity_of(k, all, n);
  m->side |= n->side;
  if (m->worst && severity <= m->severity) return;
  m->worst = n;
  m->severity = severity;
}

/* All that the check says the same of. */
static void merge(const struct check *k, const struct connections *all, const char *subject,
                  struct told *told, struct merged *to) {
  char own[NAME_TEXT];
  uint16_t ports[CONNECT_MAX];
  size_t count = 0, used = 0;

  for (size_t i = 0; i < all->count; i++) {
    const struct connection *n = &all->list[i];
    bool is_new = true;
    if (told->is[i] || !k->applies(all, n) || strcmp(subject_of(k, n, own), subject) != 0) continue;
    told->is[i] = true;
    add_merged(to, k, all, n);
    for (size_t m = 0; m < count; m++) is_new &= ports[m] != n->port;
    if (is_new) ports[count++] = n->port;
  }

  used = (size_t)snprintf(to->ports, PORTS_TEXT, count == 1 ? "port " : "ports ");
  for (size_t i = 0; i < count && used < PORTS_TEXT; i++)
    used += (size_t)snprintf(to->ports + used, PORTS_TEXT - used, "%s%u", i ? ", " : "", ports[i]);
}

/* c: whose connections they are; NULL: the domain's. */
static void apply(struct report *r, const struct check *k, const struct connections *all,
                  const struct component *c, const struct told *covered) {
  struct told told = *covered;
  char subject[NAME_TEXT], host[NAME_TEXT], whose[NAME_TEXT] = "", detail[DETAIL_TEXT];

  if (c) lookup_host_text(c->lookup->domain, whose);
  for (size_t i = 0; i < all->count; i++) {
    const struct connection *n = &all->list[i];
    struct merged m = {.worst = NULL};
    if (told.is[i] || !k->applies(all, n)) continue;

    subject_of(k, n, subject);
    lookup_host_text(n->host, host);
    merge(k, all, subject, &told, &m);
    detail_of(k, all, m.worst, detail);
    struct finding *f = report_add(r, k->rule, m.side, c ? whose : subject, "%s%s%s%s%s%s %s, %s%s%s", whose,
                                   c ? ": " : "", subject, k->of_address ? " (" : "",
                                   k->of_address ? host : "", k->of_address ? ")" : "", k->says, m.ports,
                                   *detail ? ": " : "", detail);
    f->severity = c && m.severity == SEVERITY_ERROR ? SEVERITY_WARNING : m.severity;
    f->of_component = c;
    finding_data(f, "port", m.worst->port);
  }
}

/* ---- one family of addresses that leads nowhere ---- */

static bool is_same_end(const struct connection *a, const struct connection *b) {
  return a->host == b->host && a->side == b->side;
}

/* No address of this family lets anybody in at the host, and some were tried. */
static bool is_family_dead(const struct connections *all, const struct connection *like, int family) {
  unsigned tried = 0, dead = 0;
  for (size_t i = 0; i < all->count; i++) {
    const struct connection *n = &all->list[i];
    if (!is_same_end(n, like) || n->address.family != family || !connect_is_tried(n)) continue;
    tried++;
    dead += n->phase == PHASE_CONNECT;
  }
  return tried > 0 && tried == dead;
}

static bool is_family_alive(const struct connections *all, const struct connection *like, int family) {
  for (size_t i = 0; i < all->count; i++) {
    const struct connection *n = &all->list[i];
    if (is_same_end(n, like) && n->address.family == family && n->phase != PHASE_CONNECT) return true;
  }
  return false;
}

static void rules_of_family(struct report *r, const struct connections *all, int dead, int alive,
                            enum rule_id rule, struct told *told) {
  char host[NAME_TEXT], address[ADDRESS_TEXT];
  for (size_t i = 0; i < all->count; i++) {
    const struct connection *n = &all->list[i];
    if (told->is[i] || n->address.family != dead || !connect_is_tried(n)) continue;
    if (!is_family_dead(all, n, dead) || !is_family_alive(all, n, alive)) continue;

    lookup_host_text(n->host, host);
    lookup_address_text(&n->address, address);
    report_add(r, rule, n->side, address, "%s of %s lets nobody in (%s), its %s addresses do", address, host,
               connect_end_text(n->end), alive == AF_INET ? "IPv4" : "IPv6");
    for (size_t m = i; m < all->count; m++) {
      const struct connection *x = &all->list[m];
      told->is[m] |= is_same_end(x, n) && x->address.family == dead &&
                     memcmp(x->address.bytes, n->address.bytes, sizeof n->address.bytes) == 0;
    }
  }
}

/* ---- what a port alone let suspect ---- */

/* Direct TLS where the number says STARTTLS, or the reverse: a connection tells. */
static void settle_suspicion(struct report *r, const struct connections *all, enum rule_id rule,
                             bool direct_tls, enum connect_end proof) {
  unsigned proven = 0, good = 0, tried = 0;
  for (size_t i = 0; i < all->count; i++) {
    if (all->list[i].direct_tls != direct_tls) continue;
    tried++;
    good += connect_is_good(&all->list[i]);
    proven += all->list[i].end == proof;
  }
  if (tried > 0 && good == tried) report_silence(r, rule);
  for (size_t i = 0; i < r->made_count; i++) {
    if (r->made[i]->rule == rule && proven > 0) r->made[i]->sure = true;
  }
}

/* ---- components ---- */

/* The certificate was judged with the domain's connections. */
static bool is_certificate_told(const struct connections *all, const struct connection *n) {
  for (size_t i = 0; i < all->count; i++) {
    if (all->list[i].has_tls && memcmp(all->list[i].digest, n->digest, sizeof n->digest) == 0) return true;
  }
  return false;
}

/* The checks whose matter is the component's own; what is said of a server as such was said of the domain's.
 */
static bool is_of_component(const struct check *k, bool is_told) {
  static const enum rule_id always[] = {
      RULE_CONNECT_REFUSED,      RULE_CONNECT_TIMEOUT,      RULE_CONNECTION_CUT,   RULE_NOT_XMPP,
      RULE_STARTTLS_ON_TLS_PORT, RULE_TLS_ON_STARTTLS_PORT, RULE_STARTTLS_MISSING, RULE_TLS_FAILED,
      RULE_CERT_WRONG_NAME,      RULE_CONNECT_SKIPPED,      RULE_SEE_OTHER_HOST,   RULE_TLSA_MISMATCH};
  static const enum rule_id of_certificate[] = {RULE_CERT_EXPIRED, RULE_CERT_EXPIRING,
                                                RULE_CERT_NOT_YET_VALID, RULE_CERT_INCOMPLETE,
                                                RULE_CERT_UNTRUSTED};
  for (size_t i = 0; i < sizeof always / sizeof *always; i++) {
    if (always[i] == k->rule) return true;
  }
  for (size_t i = 0; i < sizeof of_certificate / sizeof *of_certificate; i++) {
    if (of_certificate[i] == k->rule) return !is_told;
  }
  return false;
}

/* That other servers look for it where the domain is not was said. */
static bool is_elsewhere(const struct report *r, const char *name) {
  for (size_t i = 0; i < r->made_count; i++) {
    if (r->made[i]->rule == RULE_COMPONENT_ELSEWHERE && strcmp(r->made[i]->subject, name) == 0) return true;
  }
  return false;
}

static void rules_of_component(struct report *r, const struct connections *all, const struct connections *own,
                               const struct component *c) {
  static const struct check not_served = {RULE_COMPONENT_NOT_SERVED, false, does_not_serve,
                                          "does not serve the component"};
  const struct told none = {.is = {false}};
  char name[NAME_TEXT];
  bool is_told = true;

  lookup_host_text(c->lookup->domain, name);
  for (size_t i = 0; i < own->count; i++) is_told &= is_certificate_told(all, &own->list[i]);
  apply(r, &not_served, own, c, &none);

  /* With an address alone, what answers there may have nothing to do with XMPP. */
  bool is_published = c->wanted || facts_has_targets(c->lookup, LOOKUP_S2S);
  for (size_t i = 0; i < sizeof checks / sizeof *checks && is_published && !is_elsewhere(r, name); i++) {
    if (is_of_component(&checks[i], is_told)) apply(r, &checks[i], own, c, &none);
  }
}

static void rules_of_component_connections(struct report *r, const struct connections *all) {
  struct connections *own = must_zalloc(sizeof *own);
  own->now_s = all->now_s;
  for (size_t i = 0; i < r->facts->component_count; i++) {
    const struct component *c = &r->facts->components[i];
    own->count = 0;
    for (size_t k = 0; k < all->component_count; k++) {
      if (all->of_components[k].component == c) own->list[own->count++] = all->of_components[k];
    }
    if (own->count > 0) rules_of_component(r, all, own, c);
  }
  free(own);
}

void rules_of_connections(struct report *r) {
  const struct connections *all = r->facts->connections;
  struct told told = {.is = {false}};
  if (!all) return;
  settle_suspicion(r, all, RULE_PORT_SUGGESTS_STARTTLS, true, END_XML_FIRST);
  settle_suspicion(r, all, RULE_PORT_SUGGESTS_TLS, false, END_TLS_FIRST);
  rules_of_family(r, all, AF_INET6, AF_INET, RULE_IPV6_DEAD, &told);
  rules_of_family(r, all, AF_INET, AF_INET6, RULE_IPV4_DEAD, &told);
  for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) apply(r, &checks[i], all, NULL, &told);
  rules_of_component_connections(r, all);
}
