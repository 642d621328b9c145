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

/* A target's own faults; no word on addresses that could not be asked for. */
static void check_host(struct mistakes *m, const struct host *h) {
  char name[NAME_TEXT], word[PRINT_WORD];
  lookup_host_text(h, name);
  if (domain_is_address(h->name, h->name_len)) {
    add(m, "target-is-address",
        "The SRV target %s is an IP address: it must be a name that has one (RFC 2782).", name);
    return;
  }
  if (h->is_alias) {
    add(m, "target-alias", "The SRV target %s is a CNAME: it must have addresses itself (RFC 2782).", name);
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

static void check_failure(struct mistakes *m, const struct service *s, const char *domain) {
  char word[PRINT_WORD];
  if (s->state == SERVICE_FAILED && !s->kind->obsolete) {
    add(m, "srv-failed",
        "The question for %s failed (%s): most programs take this for \"no SRV\" and go to %s itself.",
        s->kind->labels, lookup_outcome_text(&s->asked, word), domain);
  }
  if (is_cut(&s->asked)) {
    add(m, "no-tcp", "The answer for %s is too large for UDP, and over TCP there is none.", s->kind->labels);
  }
}

static void check_service(struct mistakes *m, const struct service *s, const char *domain) {
  if (s->state == SERVICE_UNASKED) return;
  check_failure(m, s, domain);
  if (s->malformed) {
    add(m, "srv-malformed", "%u of the records for %s can't be read.", s->malformed, s->kind->labels);
  }
  if (s->none_among_others) {
    add(m, "none-among-others",
        "%s has the target \".\" (not offered) beside real ones: it must stand alone (RFC 2782).",
        s->kind->labels);
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

static void check_fallback(struct mistakes *m, const struct lookup *l, const char *domain) {
  bool has_srv = false, failed = is_bad(&l->domain.asked[0]) || is_bad(&l->domain.asked[1]);
  for (size_t i = 0; i < LOOKUP_SERVICES; i++) {
    const struct service *s = &l->services[i];
    has_srv |= s->count > 0 && !s->kind->obsolete;
    failed |= s->state == SERVICE_FAILED;
  }
  if (!has_srv && !failed && l->domain.address_count == 0) {
    add(m, "nothing", "%s has no SRV record and no address: there is no XMPP service.", domain);
  }
}

void mistakes_find(const struct lookup *l, struct mistakes *out) {
  char domain[NAME_TEXT];
  struct record r;
  out->count = 0;
  lookup_host_text(&l->domain, domain);
  for (size_t i = 0; i < LOOKUP_SERVICES; i++) check_service(out, &l->services[i], domain);
  if (l->too_many_hosts) {
    add(out, "too-many-targets",
        "There are more than %d targets; the addresses of the others are not asked for.", LOOKUP_HOSTS_MOST);
  }
  check_fallback(out, l, domain);
  if (l->connect_txt.outcome != ASKED_ANSWERED) return;
  struct reply p = reply_open(l->connect_txt.msg, l->connect_txt.len);
  if (reply_next_answer(&p, TYPE_TXT, &r)) {
    add(out, "obsolete-xmppconnect",
        "_xmppconnect.%s (TXT) is obsolete and insecure: publish host-meta over HTTPS instead (XEP-0156).",
        domain);
  }
}
