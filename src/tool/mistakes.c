/* mistakes.c: finds what is wrong with a domain's XMPP records. Exports mistakes_find, mistakes_free. */
#include "tool/mistakes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "rr/print.h"
#include "tool/domain.h"
#include "tool/reply.h"

static void add(struct mistakes *m, const char *word, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void add(struct mistakes *m, const char *word, const char *fmt, ...) {
  char *text = NULL;
  va_list args;
  va_start(args, fmt);
  int len = vasprintf(&text, fmt, args);
  va_end(args);
  if (len < 0) return;
  for (size_t i = 0; i < m->count; i++) { /* a target of two services is told once */
    if (m->list[i].word == word && strcmp(m->list[i].text, text) == 0) len = -1;
  }
  if (len < 0 || m->count == MISTAKES_MOST) {
    free(text);
  } else {
    m->list[m->count++] = (struct mistake){.word = word, .text = text};
  }
}

void mistakes_free(struct mistakes *m) {
  for (size_t i = 0; i < m->count; i++) free(m->list[i].text);
  m->count = 0;
}

static bool is_bad(const struct asked *a) { return a->name_len > 0 && !lookup_is_answered(a); }

static bool is_cut(const struct asked *a) { return a->outcome == ASKED_ANSWERED && a->msg[2] & DNS_TC; }

static bool is_nxdomain(const struct asked *a) {
  return lookup_is_answered(a) && reply_rcode(a->msg, a->len) == RCODE_NXDOMAIN;
}

/* A target's own faults; no word on addresses that could not be asked for. */
static void check_host(struct mistakes *m, const struct host *h) {
  char name[NAME_TEXT], word[PRINT_WORD];
  lookup_host_text(h, name);
  if (domain_is_address(h->name, h->name_len)) {
    add(m, "target-is-address",
        "The SRV target %s is an IP address: it must be a name that has one (RFC 2782).", name);
    return;
  }
  if (domain_is_localhost(h->name, h->name_len)) {
    add(m, "target-localhost", "The SRV target %s is every program's own host: it must be a public name.", name);
    return;
  }
  if (h->alias.links > 0) {
    add(m, "target-alias", "The SRV target %s is a CNAME: it must have addresses itself (RFC 2782).", name);
  }
  if (h->alias.endless) {
    add(m, "target-without-address", "The CNAMEs from the SRV target %s have no end: programs find no address and skip it.", name);
    return;
  }
  for (size_t i = 0; i < 2; i++) {
    if (!is_bad(&h->asked[i])) continue;
    add(m, "address-failed", "The question for %s addresses of %s failed: %s.", i ? "IPv6" : "IPv4", name,
        lookup_outcome_text(&h->asked[i], word));
  }
  if (h->address_count == 0 && !is_bad(&h->asked[0]) && !is_bad(&h->asked[1])) {
    add(m, "target-without-address", "The SRV target %s has no address: programs skip it.", name);
  }
}

/* The other service of the same side is what programs go by then, if it has records. */
static const struct service *sibling(const struct lookup *l, const struct service *s) {
  for (size_t i = 0; i < LOOKUP_SERVICES; i++) {
    const struct service *other = &l->services[i];
    bool same_side = other->kind->side == s->kind->side && !other->kind->obsolete;
    if (same_side && other != s && other->count > 0) return other;
  }
  return NULL;
}

static void check_failure(struct mistakes *m, const struct lookup *l, const struct service *s, const char *domain) {
  char word[PRINT_WORD];
  const struct service *other = sibling(l, s);

  if (s->state == SERVICE_FAILED && !s->kind->obsolete) {
    const char *labels = s->kind->labels;
    const char *why = lookup_is_answered(&s->asked) ? "unreadable answer" : lookup_outcome_text(&s->asked, word);
    if (other) {
      add(m, "srv-failed", "The question for %s failed (%s): programs use %s alone.", labels, why, other->kind->labels);
    } else if (l->domain->address_count > 0) {
      add(m, "srv-failed", "The question for %s failed (%s): most programs take this for \"no SRV\" and go to %s itself.",
          labels, why, domain);
    } else {
      add(m, "srv-failed",
          "The question for %s failed (%s): most programs take this for \"no SRV\", and %s itself has no address.", labels, why,
          domain);
    }
  }
  if (is_cut(&s->asked)) {
    add(m, "no-tcp", "The answer for %s is too large for UDP, and over TCP there is none.", s->kind->labels);
  }
}

static void check_alias(struct mistakes *m, const struct service *s) {
  char name[NAME_TEXT];
  if (s->alias.links == 0 || s->state != SERVICE_ABSENT) return;
  if (s->alias.endless) {
    add(m, "srv-alias-without-srv", "The CNAMEs from %s lead in a ring, or further than resolvers follow.", s->kind->labels);
  } else {
    add(m, "srv-alias-without-srv", "%s is a CNAME, and %s has no SRV record: programs take this for \"no SRV\".", s->kind->labels,
        domain_text(s->alias.name, s->alias.name_len, name));
  }
}

static void check_service(struct mistakes *m, const struct lookup *l, const struct service *s, const char *domain) {
  if (s->state == SERVICE_UNASKED) return;
  check_failure(m, l, s, domain);
  check_alias(m, s);
  if (s->malformed) {
    add(m, "srv-malformed", "%u of the records for %s can't be read.", s->malformed, s->kind->labels);
  }
  if (s->none_among_others) {
    add(m, "none-among-others",
        "%s has the target \".\" (not offered) beside real ones: it must stand alone (RFC 2782).",
        s->kind->labels);
  }
  if (s->state == SERVICE_NOT_OFFERED && (s->srv[0].priority || s->srv[0].weight || s->srv[0].port)) {
    add(m, "none-with-values",
        "%s says \"not offered\" with priority %u, weight %u, port %u: these should be 0 0 0; were the columns mixed up?",
        s->kind->labels, s->srv[0].priority, s->srv[0].weight, s->srv[0].port);
  }
  if (s->too_many) {
    add(m, "too-many-records", "%s has more than %d records; the others are not shown.", s->kind->labels,
        LOOKUP_SRV_MOST);
  }
  if (s->kind->obsolete && s->count > 0) {
    add(m, "obsolete-jabber",
        "%s is obsolete: hardly any program asks for it (RFC 3920 replaced it in 2004).", s->kind->labels);
  }
  for (size_t i = 0; i < s->count && s->state == SERVICE_OFFERED; i++) {
    char name[NAME_TEXT];
    if (s->srv[i].port == 0) {
      add(m, "port-zero", "%s has port 0 for the target %s: nothing can be reached there.", s->kind->labels,
          domain_text(s->srv[i].target, s->srv[i].target_len, name));
    }
    if (s->hosts[i]) check_host(m, s->hosts[i]);
  }
}

struct stale_count {
  unsigned count, of;
};

static void count_stale(void *context, const struct asked *a) {
  struct stale_count *c = context;
  c->of++;
  c->count += lookup_is_stale(a);
}

static void check_fallback(struct mistakes *m, const struct lookup *l, const char *domain) {
  bool has_srv = false, failed = is_bad(&l->domain->asked[0]) || is_bad(&l->domain->asked[1]);
  for (size_t i = 0; i < LOOKUP_SERVICES; i++) {
    const struct service *s = &l->services[i];
    has_srv |= s->count > 0 && !s->kind->obsolete;
    failed |= s->state == SERVICE_FAILED;
  }
  if (has_srv || failed || l->domain->address_count > 0) return;
  if (is_nxdomain(&l->domain->asked[0]) && is_nxdomain(&l->domain->asked[1])) {
    add(m, "domain-missing", "%s does not exist: is it misspelt, not registered, or expired?", domain);
  } else {
    add(m, "nothing", "%s has no SRV record and no address: there is no XMPP service.", domain);
  }
}

/* One line for all: a server that hands out one expired answer mostly hands out more. */
static void check_stale(struct mistakes *m, const struct lookup *l) {
  struct stale_count stale = {0};
  lookup_each(l, count_stale, &stale);
  if (stale.count == 0) return;
  add(m, "answer-stale", "%u of %u answers had expired; the server gives them out because it can't reach its own servers.",
      stale.count, stale.of);
}

static void check_typed(struct mistakes *m, const struct typed_domain *typed) {
  if (!typed) return;
  if (typed->bad_alabel) {
    add(m, "idna-invalid", "A label that begins with \"xn--\" stands for no name: some programs refuse the domain.");
  }
  if (*typed->other) {
    add(m, "idna-versions", "Older programs (IDNA 2003) ask for %s instead: register both, and point both to one host.", typed->other);
  }
}

void mistakes_find(const struct lookup *l, struct mistakes *out) {
  char domain[NAME_TEXT];
  struct record r;
  out->count = 0;
  lookup_host_text(l->domain, domain);
  for (size_t i = 0; i < LOOKUP_SERVICES; i++) check_service(out, l, &l->services[i], domain);
  if (l->hosts->too_many) {
    add(out, "too-many-targets",
        "There are more than %d targets; the addresses of the others are not asked for.", LOOKUP_HOSTS_MOST);
  }
  check_fallback(out, l, domain);
  check_stale(out, l);
  check_typed(out, l->typed);
  if (l->connect_txt.outcome != ASKED_ANSWERED) return;
  struct reply p = reply_open(l->connect_txt.msg, l->connect_txt.len);
  if (reply_next_answer(&p, TYPE_TXT, &r)) {
    add(out, "obsolete-xmppconnect",
        "_xmppconnect.%s (TXT) is obsolete and insecure: publish host-meta over HTTPS instead (XEP-0156).",
        domain);
  }
}
