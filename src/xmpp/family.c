/* family.c: the names of an XMPP domain. Exports family_*. */
#include "xmpp/family.h"

#include <stdio.h>

#include "base/must.h"

struct service {
  const char *wire; /* two labels */
  size_t len;
};
#define SERVICE(text)                                                                                        \
  { text, sizeof(text) - 1 }
static const struct service services[2][2] = {
    [FAMILY_C2S] = {SERVICE("\014_xmpp-client\004_tcp"), SERVICE("\015_xmpps-client\004_tcp")},
    [FAMILY_S2S] = {SERVICE("\014_xmpp-server\004_tcp"), SERVICE("\015_xmpps-server\004_tcp")},
};
static const struct service jabber = SERVICE("\007_jabber\004_tcp");

bool family_of(const struct question *q, struct family *out) {
  if (question_type(q) != TYPE_SRV || question_class(q) != CLASS_IN) return false;
  for (unsigned i = 0; i < 4; i++) {
    const struct service *s = &services[i / 2][i % 2];
    if (q->name_len <= s->len + 1 || memcmp(q->key, s->wire, s->len) != 0) continue;
    *out = (struct family){.role = (enum family_role)(i / 2),
                           .direct_tls = i % 2,
                           .domain = q->key + s->len,
                           .domain_len = q->name_len - s->len,
                           .key_flags = question_flags(q)};
    return true;
  }
  return false;
}

static bool service_question(const struct family *f, const struct service *s, uint64_t seed,
                             struct question *out) {
  uint8_t name[NAME_MAX_LEN];
  size_t len = s->len + f->domain_len;
  if (len > NAME_MAX_LEN) return false;
  memcpy(name, s->wire, s->len);
  memcpy(name + s->len, f->domain, f->domain_len);
  question_make(out, name, len, TYPE_SRV, CLASS_IN, f->key_flags, seed);
  return true;
}

bool family_sibling(const struct family *f, uint64_t seed, struct question *out) {
  return service_question(f, &services[f->role][!f->direct_tls], seed, out);
}

void family_jabber(const struct family *f, uint64_t seed, struct question *out) {
  must(service_question(f, &jabber, seed, out)); /* shorter than the service that f was read from */
}

bool family_is_jabber(const struct question *q) {
  return question_type(q) == TYPE_SRV && q->name_len > jabber.len &&
         memcmp(q->key, jabber.wire, jabber.len) == 0;
}

bool family_tlsa(const struct srv *target, uint8_t key_flags, uint64_t seed, struct question *out) {
  char labels[16];
  int n = snprintf(labels, sizeof labels, "%c_%u\004_tcp", 0, target->port);
  if ((size_t)n + target->target_len > NAME_MAX_LEN) return false;
  labels[0] = (char)(n - 6);
  uint8_t name[NAME_MAX_LEN];
  memcpy(name, labels, (size_t)n);
  memcpy(name + n, target->target, target->target_len);
  question_make(out, name, (size_t)n + target->target_len, TYPE_TLSA, CLASS_IN, key_flags, seed);
  return true;
}

/* Puts s among the `max` best of n, each target once. Returns the new n. */
static unsigned take_target(struct srv *list, unsigned n, unsigned max, const struct srv *s) {
  unsigned worst = 0;
  for (unsigned i = 0; i < n; i++) {
    if (name_equal(list[i].target, list[i].target_len, s->target, s->target_len)) {
      if (srv_compare(s, &list[i]) < 0) list[i] = *s;
      return n;
    }
    if (srv_compare(&list[i], &list[worst]) > 0) worst = i;
  }
  if (n < max) list[n++] = *s;
  else if (srv_compare(s, &list[worst]) < 0) list[worst] = *s;
  return n;
}

unsigned family_targets_in(const struct question *q, const struct answer_view *v, uint8_t *message,
                           struct srv *out, unsigned max) {
  size_t len = answer_view_message(q, v, message);
  if (!len || v->head.rcode != RCODE_NOERROR) return 0;
  struct wire w = wire_read(message, len);
  struct record r;
  unsigned n = 0;
  w.at = DNS_HEADER + q->name_len + 4u;
  for (unsigned i = 0; i < v->head.an && record_read(&w, &r); i++) {
    struct srv s;
    if (r.type == TYPE_SRV && srv_read(&r, &s) && !srv_is_none(&s)) n = take_target(out, n, max, &s);
  }
  srv_sort(out, n);
  return n;
}
