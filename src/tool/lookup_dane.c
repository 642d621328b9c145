/* lookup_dane.c: asks for the TLSA records of all endpoints and judges them. Exports lookup_dane_*. */
#include "tool/lookup_dane.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"
#include "tool/plan.h"

/* ---- endpoints ---- */

/* The question for that name, shared by all ends there; NULL when the name would be too long. */
static const struct asked *question_at(struct lookup_dane *d, const struct host *h, uint16_t port,
                                       struct ask_list *to) {
  char labels[16];
  uint8_t name[NAME_MAX_LEN];
  snprintf(labels, sizeof labels, "_%u._tcp", port);
  size_t len = domain_below(labels, h->name, h->name_len, name);
  if (len == 0) return NULL;

  for (size_t i = 0; i < d->tlsa_count; i++) {
    if (name_equal(d->tlsa[i].name, d->tlsa[i].name_len, name, len)) return &d->tlsa[i];
  }
  struct asked *a = &d->tlsa[d->tlsa_count++];
  ask_list_add(to, a, name, len, TYPE_TLSA);
  return a;
}

static struct lookup_end *add_end(struct lookup_dane *d, const struct host *h, uint16_t port,
                                  struct ask_list *to) {
  if (!h || host_is_left_out(h) || d->end_count == LOOKUP_ENDS_MAX) {
    d->too_many = true;
    return NULL;
  }
  struct lookup_end *e = &d->ends[d->end_count];
  *e = (struct lookup_end){.host = h, .port = port, .tlsa = question_at(d, h, port, to)};
  if (!e->tlsa) return NULL;
  d->end_count++;
  return e;
}

static void ends_of_service(struct lookup_dane *d, const struct service *s, struct ask_list *to) {
  for (size_t i = 0; i < s->count; i++) {
    if (s->srv[i].port == 0) continue;
    struct lookup_end *e = add_end(d, s->hosts[i], s->srv[i].port, to);
    if (!e) continue;
    e->service = s;
    e->side = s->kind->side;
    e->direct_tls = s->kind->direct_tls;
  }
}

/* Is one of the side's services in one of these states, bits of 1u << SERVICE_? */
static bool has_service(const struct lookup *l, enum lookup_side side, unsigned states) {
  for (size_t i = 0; i < LOOKUP_SERVICES; i++) {
    const struct service *s = &l->services[i];
    if (s->kind->side == side && !s->kind->obsolete && states & 1u << s->state) return true;
  }
  return false;
}

/* Programs go to the domain itself when neither service has a record, or when they can't know. */
static bool leads_to_domain(const struct lookup *l, enum lookup_side side) {
  return !has_service(l, side, 1u << SERVICE_OFFERED | 1u << SERVICE_NOT_OFFERED);
}

/* It has neither SRV records nor addresses, and that is known. */
static bool is_nothing(const struct lookup *l, enum lookup_side side) {
  const struct host *h = l->domain;
  return !has_service(l, side, 1u << SERVICE_FAILED) && h->address_count == 0 &&
         lookup_is_answered(&h->asked[0]) && lookup_is_answered(&h->asked[1]);
}

static void end_at_domain(struct lookup_dane *d, enum lookup_side side, struct ask_list *to) {
  if (!(d->lookup->sides & side) || !leads_to_domain(d->lookup, side)) return;
  if (is_nothing(d->lookup, side)) return;
  uint16_t port = side == LOOKUP_C2S ? PLAN_PORT_C2S : PLAN_PORT_S2S;
  struct lookup_end *e = add_end(d, d->lookup->domain, port, to);
  if (e) e->side = side;
}

static void make_ends(struct lookup_dane *d, struct ask_list *to) {
  static const enum lookup_side sides[] = {LOOKUP_C2S, LOOKUP_S2S};
  for (size_t k = 0; k < 2; k++) {
    for (size_t i = 0; i < LOOKUP_SERVICES; i++) {
      const struct service *s = &d->lookup->services[i];
      if (s->kind->side == sides[k] && !s->kind->obsolete && s->state == SERVICE_OFFERED)
        ends_of_service(d, s, to);
    }
    end_at_domain(d, sides[k], to);
  }
}

/* ---- what does not validate ---- */

static void ask_unchecked(struct lookup_dane *d, const struct asked *a, struct ask_list *to) {
  if (!lookup_is_servfail(a)) return;
  if (d->unchecked_count == d->unchecked_room) {
    d->unchecked_room = d->unchecked_room ? 2 * d->unchecked_room : 8;
    d->unchecked = realloc(d->unchecked, d->unchecked_room * sizeof *d->unchecked);
    must(d->unchecked);
  }
  struct lookup_unchecked *u = d->unchecked[d->unchecked_count++] = must_zalloc(sizeof *u);
  u->of = a;
  u->asked.checking_disabled = true;
  ask_list_add(to, &u->asked, a->name, a->name_len, a->type);
}

struct unchecked_list {
  struct lookup_dane *dane;
  struct ask_list *to;
};

static void ask_unchecked_of_lookup(void *context, const struct asked *a) {
  struct unchecked_list *list = context;
  ask_unchecked(list->dane, a, list->to);
}

/* The server says so itself (RFC 8914: EDE 6 to 12), or gives with CD what it refuses without. */
static bool is_bogus(const struct lookup_dane *d, const struct asked *a) {
  enum { EDE_BOGUS = 6 };
  if (lookup_dnssec_ede(a, EDE_BOGUS)) return true;
  for (size_t i = 0; i < d->unchecked_count; i++) {
    if (d->unchecked[i]->of == a) return lookup_is_answered(&d->unchecked[i]->asked);
  }
  return false;
}

/* ---- judgement ---- */

static struct dane_answer answer_of(const struct lookup_dane *d, const struct asked *a, size_t records) {
  enum dane_proof proof = lookup_is_secure(a) ? DANE_SECURE : DANE_INSECURE;
  if (!lookup_is_answered(a)) proof = is_bogus(d, a) ? DANE_BOGUS : DANE_FAILED;
  return (struct dane_answer){.proof = proof, .records = (unsigned)records};
}

/* Without records it is the STARTTLS service whose absence leads to the domain. */
static const struct service *service_of(const struct lookup_dane *d, const struct lookup_end *e) {
  const struct service *failed = NULL, *absent = NULL;
  if (e->service) return e->service;
  for (size_t i = 0; i < LOOKUP_SERVICES; i++) {
    const struct service *s = &d->lookup->services[i];
    if (s->kind->side != e->side || s->kind->obsolete) continue;
    if (s->state == SERVICE_FAILED) failed = s;
    else absent = s;
  }
  return failed ? failed : absent;
}

static void read_records(struct lookup_end *e) {
  struct record r;
  if (!lookup_is_answered(e->tlsa)) return;
  struct reply p = reply_open(e->tlsa->msg, e->tlsa->len);
  while (e->seen.tlsa.records < LOOKUP_TLSA_MAX && reply_next_answer(&p, TYPE_TLSA, &r))
    e->records[e->seen.tlsa.records++] = (struct dane_rdata){.octets = record_rdata(&r), .len = r.rdlen};
}

static void judge_end(const struct lookup_dane *d, struct lookup_end *e) {
  const struct host *h = e->host, *domain = d->lookup->domain;
  const struct service *s = service_of(d, e);
  size_t v4 = 0;
  while (v4 < h->address_count && h->addresses[v4].family == AF_INET) v4++;

  e->seen = (struct dane_endpoint){
      .has_srv = e->service != NULL,
      .srv = answer_of(d, &s->asked, e->service ? s->count : 0),
      .addresses = {answer_of(d, &h->asked[0], v4), answer_of(d, &h->asked[1], h->address_count - v4)},
      .tlsa = answer_of(d, e->tlsa, 0),
      .tlsa_records = e->records,
      .domain = domain->name,
      .domain_len = domain->name_len,
      .target = h->name,
      .target_len = h->name_len};
  read_records(e);
  e->verdict = dane_judge(&e->seen);
}

struct lookup_dane *lookup_dane_new(const struct lookup *l,
                                    void (*ask)(void *context, struct asked *const *list, size_t n),
                                    void *context) {
  static const uint8_t root[] = {0};
  struct lookup_dane *d = must_zalloc(sizeof *d);
  struct ask_list list = {.count = 0};
  struct unchecked_list unchecked = {.dane = d, .to = &list};

  d->lookup = l;
  make_ends(d, &list);
  ask_list_add(&list, &d->root, root, sizeof root, TYPE_SOA);
  lookup_each(l, ask_unchecked_of_lookup, &unchecked);
  ask(context, list.list, list.count);

  list.count = 0;
  for (size_t i = 0; i < d->tlsa_count; i++) ask_unchecked(d, &d->tlsa[i], &list);
  if (list.count > 0) ask(context, list.list, list.count);
  ask_list_free(&list);

  for (size_t i = 0; i < d->end_count; i++) judge_end(d, &d->ends[i]);
  return d;
}

void lookup_dane_free(struct lookup_dane *d) {
  if (!d) return;
  for (size_t i = 0; i < d->tlsa_count; i++) asked_free(&d->tlsa[i]);
  for (size_t i = 0; i < d->unchecked_count; i++) {
    asked_free(&d->unchecked[i]->asked);
    free(d->unchecked[i]);
  }
  asked_free(&d->root);
  free(d->unchecked);
  free(d);
}

bool lookup_dane_is_usable(const struct lookup_dane *d) {
  for (size_t i = 0; i < d->end_count; i++) {
    if (d->ends[i].verdict.use == DANE_VERIFY) return true;
  }
  return false;
}

bool lookup_dane_is_incomplete(const struct lookup_dane *d) {
  for (size_t i = 0; i < d->tlsa_count; i++) {
    if (!lookup_is_answered(&d->tlsa[i])) return true;
  }
  return lookup_is_incomplete(d->lookup);
}

bool lookup_dane_is_unvalidated(const struct lookup_dane *d) {
  if (lookup_is_secure(&d->root)) return false;
  for (size_t i = 0; i < d->end_count; i++) {
    const struct dane_endpoint *e = &d->ends[i].seen;
    if (e->srv.proof == DANE_SECURE || e->tlsa.proof == DANE_SECURE) return false;
  }
  return true;
}

const char *lookup_dane_proof_text(enum dane_proof p) {
  static const char *const texts[] = {[DANE_SECURE] = "secure",
                                      [DANE_INSECURE] = "not secure",
                                      [DANE_BOGUS] = "bogus",
                                      [DANE_FAILED] = "failed"};
  return texts[p];
}

const char *lookup_dane_name_text(const struct lookup_end *e, const struct dane_name *n,
                                  char text[NAME_TEXT + 16]) {
  char name[NAME_TEXT];
  const char *service = n->kind == DANE_DNS_ID  ? ""
                        : e->side == LOOKUP_C2S ? "_xmpp-client."
                                                : "_xmpp-server.";
  snprintf(text, NAME_TEXT + 16, "%s%s", service, domain_text(n->name, n->len, name));
  return text;
}
