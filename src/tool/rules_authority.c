/* rules_authority.c: the zone's own servers, as they answered themselves. Exports rules_of_authority. */
#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"
#include "tool/authority.h"
#include "tool/domain.h"
#include "tool/rules_priv.h"

enum { PREFIX_V4 = 3, PREFIX_V6 = 6 /* octets: /24 and /48 */ };

/* "ns1.example.org (192.0.2.1)" */
enum { SERVER_TEXT = NAME_TEXT + ADDRESS_TEXT + 4 };
static const char *server_text(const struct authority_server *s, char text[SERVER_TEXT]) {
  char name[NAME_TEXT], address[ADDRESS_TEXT];
  snprintf(text, SERVER_TEXT, "%s (%s)", lookup_host_text(s->name, name),
           lookup_address_text(&s->address, address));
  return text;
}

/* ---- each server ---- */

static void rule_of_lame(struct report *r, const struct authority *a, const struct authority_server *s,
                         bool none_is_good) {
  char text[SERVER_TEXT], word[PRINT_WORD], address[ADDRESS_TEXT];
  const struct asked *x = authority_answer(s);
  if (!x || authority_is_good(s)) return;
  bool refuses = !lookup_is_answered(x);
  char zone[NAME_TEXT];
  struct finding *f = report_add(r, RULE_NS_LAME, LOOKUP_BOTH, lookup_address_text(&s->address, address),
                                 refuses ? "%s does not answer for %s: %s"
                                         : "%s does not answer for %s as its authority%s",
                                 server_text(s, text), domain_text(a->apex, a->apex_len, zone),
                                 refuses ? lookup_outcome_text(x, word) : "");
  if (!none_is_good) f->severity = SEVERITY_WARNING;
}

static void rule_of_silence(struct report *r, const struct authority_server *s, bool none_is_good) {
  char text[SERVER_TEXT], address[ADDRESS_TEXT];
  if (authority_answer(s)) return;
  struct finding *f = report_add(r, RULE_NS_SILENT, LOOKUP_BOTH, lookup_address_text(&s->address, address),
                                 "%s does not answer: %s%s", server_text(s, text), asked_text(s->soa.outcome),
                                 s->tcp.outcome == ASKED_ANSWERED ? "; over TCP it does" : "");
  if (none_is_good) f->severity = SEVERITY_ERROR;
}

static void rules_of_transport(struct report *r, const struct authority_server *s) {
  char text[SERVER_TEXT], address[ADDRESS_TEXT];
  server_text(s, text);
  lookup_address_text(&s->address, address);
  if (s->tcp.outcome != ASKED_ANSWERED && authority_answer(s))
    report_add(r, RULE_NS_NO_TCP, LOOKUP_BOTH, address, "%s does not answer over TCP: %s", text,
               asked_text(s->tcp.outcome));
  if (s->soa.refuses_edns || s->plain.outcome == ASKED_ANSWERED)
    report_add(r, RULE_NS_NO_EDNS, LOOKUP_BOTH, address, "%s %s questions with EDNS", text,
               s->soa.refuses_edns ? "refuses" : "does not answer");
  if (s->mixed.outcome == ASKED_ANSWERED && !s->mixed.keeps_case)
    report_add(r, RULE_CASE_NOT_KEPT, LOOKUP_BOTH, address,
               "%s does not give the question back as it was spelled", text);
}

static void rule_of_types(struct report *r, const struct authority_server *s) {
  static const char *const words[PROBE_COUNT] = {"SRV", "TLSA", "CAA", "unknown types"};
  char text[SERVER_TEXT], address[ADDRESS_TEXT], word[PRINT_WORD];
  if (!authority_is_good(s)) return;
  for (unsigned i = 0; i < PROBE_COUNT; i++) {
    const struct asked *x = &s->probes[i];
    if (x->name_len == 0 || lookup_is_answered(x)) continue;
    report_add(r, RULE_NS_REFUSES_TYPE, LOOKUP_BOTH, lookup_address_text(&s->address, address),
               "%s fails at questions for %s: %s", server_text(s, text), words[i],
               lookup_outcome_text(x, word));
    return;
  }
}

static void rule_of_apex_alias(struct report *r, const struct authority *a) {
  char zone[NAME_TEXT];
  domain_text(a->apex, a->apex_len, zone);
  for (size_t i = 0; i < a->server_count; i++) {
    struct record cname;
    const struct asked *x = &a->servers[i].alias;
    if (!rules_has_type(x, TYPE_CNAME, &cname) ||
        !name_equal(cname.owner, cname.owner_len, a->apex, a->apex_len))
      continue;
    report_add(r, RULE_APEX_ALIAS, LOOKUP_BOTH, zone, "%s is a zone and has a CNAME as well", zone);
    return;
  }
}

/* ---- the servers beside each other ---- */

/* What an answer says, in one form: RCODE and records, sorted. */
struct said {
  unsigned rcode;
  size_t count;
  struct said_record {
    uint16_t len;
    uint8_t rdata[NAME_MAX_LEN + 8];
  } records[64];
};

static int compare_records(const void *a, const void *b) {
  const struct said_record *x = a, *y = b;
  if (x->len != y->len) return x->len < y->len ? -1 : 1;
  return memcmp(x->rdata, y->rdata, x->len);
}

static bool read_said(const struct asked *x, struct said *out) {
  struct record r;
  *out = (struct said){.count = 0};
  if (x->name_len == 0 || !lookup_is_answered(x)) return false;
  out->rcode = reply_rcode(x->msg, x->len);
  struct reply p = reply_open(x->msg, x->len);
  while (out->count < sizeof out->records / sizeof *out->records && reply_next_answer(&p, x->type, &r)) {
    struct said_record *to = &out->records[out->count];
    struct srv srv;
    if (x->type == TYPE_SRV) {
      if (!srv_read(&r, &srv)) continue;
      memcpy(to->rdata, record_rdata(&r), 6);
      name_lower(to->rdata + 6, srv.target, srv.target_len);
      to->len = (uint16_t)(6 + srv.target_len);
    } else {
      to->len = r.rdlen < sizeof to->rdata ? r.rdlen : (uint16_t)sizeof to->rdata;
      memcpy(to->rdata, record_rdata(&r), to->len);
    }
    out->count++;
  }

  qsort(out->records, out->count, sizeof *out->records, compare_records);
  return true;
}

bool rules_say_the_same(const struct asked *a, const struct asked *b) {
  struct said *said = must_zalloc(2 * sizeof *said);
  bool same = read_said(a, &said[0]) && read_said(b, &said[1]) && said[0].count == said[1].count;
  for (size_t i = 0; same && i < said[0].count; i++)
    same = compare_records(&said[0].records[i], &said[1].records[i]) == 0;
  free(said);
  return same;
}

/* The i-th question about the domain: services, then addresses. */
static const struct asked *question_of(const struct authority_server *s, size_t i) {
  return i < LOOKUP_SERVICES ? &s->services[i] : &s->addresses[i - LOOKUP_SERVICES];
}

static const struct asked *question_of_domain(const struct lookup *l, size_t i) {
  return i < LOOKUP_SERVICES ? &l->services[i].asked : &l->domain->asked[i - LOOKUP_SERVICES];
}
enum { QUESTIONS = LOOKUP_SERVICES + 2 };

static enum lookup_side side_of(const struct lookup *l, size_t i) {
  return i < LOOKUP_SERVICES ? l->services[i].kind->side : LOOKUP_BOTH;
}

static const char *what_text(const struct lookup *l, size_t i) {
  return i < LOOKUP_SERVICES ? l->services[i].kind->labels : i == LOOKUP_SERVICES ? "A" : "AAAA";
}

static const struct authority_server *first_good(const struct authority *a) {
  for (size_t i = 0; i < a->server_count; i++) {
    if (authority_is_good(&a->servers[i])) return &a->servers[i];
  }
  return NULL;
}

static bool disagree(const struct asked *a, const struct asked *b) {
  return lookup_is_answered(a) && lookup_is_answered(b) && a->name_len > 0 && b->name_len > 0 &&
         !rules_say_the_same(a, b);
}

/* What the server says of its own zone: behind an alias or a delegation the resolver has more than it. */
static bool is_own_answer(const struct asked *x) {
  return x->name_len > 0 && lookup_is_answered(x) && x->msg[2] & DNS_AA &&
         reply_follow(x->msg, x->len, x->name, x->name_len).links == 0;
}

static void rule_of_disagreement(struct report *r, const struct authority *a) {
  const struct authority_server *first = first_good(a);
  char one[SERVER_TEXT], other[SERVER_TEXT];
  for (size_t q = 0; first && q < QUESTIONS; q++) {
    for (size_t i = 0; i < a->server_count; i++) {
      const struct authority_server *s = &a->servers[i];
      if (!is_own_answer(question_of(first, q)) || !is_own_answer(question_of(s, q))) continue;
      if (!disagree(question_of(first, q), question_of(s, q))) continue;
      report_add(r, RULE_NS_DISAGREE, side_of(a->domain, q), what_text(a->domain, q),
                 "%s and %s give different records for %s", server_text(first, one), server_text(s, other),
                 what_text(a->domain, q));
      break;
    }
  }
}

/* While the servers differ, the resolver may well have what one of them says now. */
static bool has_any_server(const struct authority *a, size_t q, const struct asked *cached) {
  for (size_t i = 0; i < a->server_count; i++) {
    const struct asked *now = question_of(&a->servers[i], q);
    if (is_own_answer(now) && rules_say_the_same(cached, now)) return true;
  }
  return false;
}

static void rule_of_age(struct report *r, const struct authority *a) {
  const struct authority_server *first = first_good(a);
  for (size_t q = 0; first && q < QUESTIONS; q++) {
    const struct asked *cached = question_of_domain(a->domain, q), *now = question_of(first, q);
    struct record record;
    if (!is_own_answer(now) || !disagree(cached, now) || has_any_server(a, q, cached)) continue;
    unsigned ttl_s = rules_has_type(cached, cached->type, &record) ? record.ttl : 0;
    struct finding *f =
        ttl_s ? report_add(r, RULE_AUTHORITY_NEWER, side_of(a->domain, q), what_text(a->domain, q),
                           "The zone's servers have other records for %s than the resolver, which keeps its "
                           "own for %u s more",
                           what_text(a->domain, q), ttl_s)
              : report_add(r, RULE_AUTHORITY_NEWER, side_of(a->domain, q), what_text(a->domain, q),
                           "The zone's servers have other records for %s than the resolver",
                           what_text(a->domain, q));
    if (ttl_s) finding_data(f, "ttl", ttl_s);
  }
}

static bool serial_of(const struct asked *x, uint32_t *out) {
  struct record soa;
  enum { NUMBERS = 20 };
  if (!x || !lookup_is_answered(x) || !rules_has_type(x, TYPE_SOA, &soa) || soa.rdlen < NUMBERS) return false;
  *out = load_u32(record_rdata(&soa) + soa.rdlen - NUMBERS);
  return true;
}

static void rule_of_serials(struct report *r, const struct authority *a, const char *zone) {
  const struct authority_server *first = first_good(a);
  char one[SERVER_TEXT], other[SERVER_TEXT];
  uint32_t serial, again;
  if (!first || !serial_of(authority_answer(first), &serial)) return;
  for (size_t i = 0; i < a->server_count; i++) {
    const struct authority_server *s = &a->servers[i];
    if (!authority_is_good(s) || !serial_of(authority_answer(s), &again) || again == serial) continue;
    report_add(r, RULE_SERIAL_UNLIKE, LOOKUP_BOTH, zone, "%s has serial %u, %s has %u",
               server_text(first, one), serial, server_text(s, other), again);
    return;
  }
}

/* ---- names, delegation, glue ---- */

static void rules_of_names(struct report *r, const struct authority *a, const char *zone) {
  char name[NAME_TEXT], end[NAME_TEXT];
  for (size_t i = 0; i < a->name_count; i++) {
    const struct host *h = a->names[i];
    bool known = lookup_is_answered(&h->asked[0]) && lookup_is_answered(&h->asked[1]);
    lookup_host_text(h, name);
    if (h->alias.links > 0)
      report_add(r, RULE_NS_ALIAS, LOOKUP_BOTH, name, "The name server %s is an alias of %s", name,
                 domain_text(h->alias.name, h->alias.name_len, end));
    if (h->address_count == 0 && known)
      report_add(r, RULE_NS_MISSING_ADDRESS, LOOKUP_BOTH, name, "The name server %s has no address", name);
  }
  if (a->name_count == 1)
    report_add(r, RULE_NS_ONE, LOOKUP_BOTH, zone, "%s has one name server only, %s", zone,
               lookup_host_text(a->names[0], name));
}

/* What of one family the names have. */
struct spread {
  const struct address *first;
  const struct host *first_name;
  bool is_of_several; /* names */
  bool is_apart;
};

static void add_to_spread(struct spread *to, const struct host *name, const struct address *x) {
  size_t prefix = x->family == AF_INET6 ? PREFIX_V6 : PREFIX_V4;
  if (!to->first) {
    to->first = x;
    to->first_name = name;
  }
  to->is_of_several |= name != to->first_name;
  to->is_apart |= memcmp(to->first->bytes, x->bytes, prefix) != 0;
}

/* Addresses of two families can't be told to be in one network, nor one that nobody knows. */
static void rule_of_networks(struct report *r, const struct authority *a, const char *zone) {
  struct spread v4 = {.first = NULL}, v6 = {.first = NULL};
  for (size_t i = 0; i < a->name_count; i++) {
    const struct host *h = a->names[i];
    if (h->address_count == 0) return;
    for (size_t k = 0; k < h->address_count; k++)
      add_to_spread(h->addresses[k].family == AF_INET6 ? &v6 : &v4, h, &h->addresses[k]);
  }
  if (v4.is_apart || v6.is_apart || !(v4.is_of_several || v6.is_of_several)) return;
  report_add(r, RULE_NS_ONE_NETWORK, LOOKUP_BOTH, zone, "All name servers of %s are in one network", zone);
}

struct wanted_name {
  const uint8_t *name;
  size_t len;
  bool found;
};

static void look_for(void *context, const uint8_t *name, size_t len) {
  struct wanted_name *w = context;
  w->found |= name_equal(name, len, w->name, w->len);
}

static bool lists(const struct authority *a, const struct asked *from, const struct host *h) {
  struct wanted_name w = {.name = h->name, .len = h->name_len};
  authority_each_ns(a, from, look_for, &w);
  return w.found;
}

/* What the zone itself says of its servers; the resolver may have it from the parent. */
static const struct asked *childs_own(const struct authority *a) {
  for (size_t i = 0; i < a->server_count; i++) {
    const struct asked *x = &a->servers[i].ns;
    if (x->name_len > 0 && lookup_is_answered(x) && x->msg[2] & DNS_AA &&
        authority_each_ns(a, x, NULL, NULL) > 0)
      return x;
  }
  return NULL;
}

static void rule_of_delegation(struct report *r, const struct authority *a, const char *zone) {
  const struct asked *parent = authority_referral(a), *child = childs_own(a);
  char name[NAME_TEXT];
  if (!parent || !child || parent->msg[2] & DNS_AA) return; /* a server of both zones answers as the child */
  for (size_t i = 0; i < a->name_count; i++) {
    const struct host *h = a->names[i];
    bool by_parent = lists(a, parent, h), by_child = lists(a, child, h);
    if (by_parent == by_child) continue;
    report_add(r, RULE_DELEGATION_UNLIKE, LOOKUP_BOTH, lookup_host_text(h, name),
               by_parent ? "The zone above lists %s as a name server of %s, the zone itself does not"
                         : "%s is a name server of %s by the zone itself, the zone above does not list it",
               name, zone);
  }
}

static bool has_address(const struct host *h, const struct address *x) {
  for (size_t i = 0; i < h->address_count; i++) {
    if (h->addresses[i].family == x->family && memcmp(h->addresses[i].bytes, x->bytes, 16) == 0) return true;
  }
  return false;
}

static void rule_of_glue(struct report *r, const struct authority *a) {
  const struct asked *x = authority_referral(a);
  struct record glue;
  enum section section;
  char name[NAME_TEXT], text[ADDRESS_TEXT];

  if (!x || x->msg[2] & DNS_AA) return;
  struct reply p = reply_open(x->msg, x->len);
  while (reply_next(&p, &glue, &section)) {
    bool is_v4 = glue.type == TYPE_A && glue.rdlen == 4, is_v6 = glue.type == TYPE_AAAA && glue.rdlen == 16;
    struct address address = {.family = is_v4 ? AF_INET : AF_INET6};
    if (section != SECTION_ADDITIONAL || !(is_v4 || is_v6)) continue;
    memcpy(address.bytes, record_rdata(&glue), glue.rdlen);
    for (size_t i = 0; i < a->name_count; i++) {
      const struct host *h = a->names[i];
      if (!name_equal(h->name, h->name_len, glue.owner, glue.owner_len)) continue;
      if (!lookup_is_answered(&h->asked[is_v6]) || has_address(h, &address)) continue;
      report_add(r, RULE_GLUE_UNLIKE, LOOKUP_BOTH, lookup_host_text(h, name),
                 "The zone above has %s for %s, which has another address",
                 lookup_address_text(&address, text), name);
    }
  }
}

/* Where nobody was asked at all, what was wanted has not been done, and that is worth a line. */
static void rules_of_skipped(struct report *r, const struct authority *a) {
  char address[ADDRESS_TEXT], name[NAME_TEXT];
  for (size_t i = 0; i < a->skipped_count; i++) {
    const struct authority_skipped *s = &a->skipped[i];
    struct finding *f = report_add(r, RULE_NS_SKIPPED, LOOKUP_BOTH, lookup_address_text(&s->address, address),
                                   "%s (%s%s) was not asked: not an address of the public Internet", address,
                                   s->of_parent ? "of the parent zone, " : "",
                                   lookup_host_text(s->name, name));
    if (a->server_count == 0) f->severity = SEVERITY_NOTICE;
  }
}

void rules_of_authority(struct report *r) {
  const struct authority *a = r->facts->authority;
  char zone[NAME_TEXT];

  if (!a) return;
  domain_text(a->apex, a->apex_len, zone);
  bool none_is_good = first_good(a) == NULL;

  rules_of_names(r, a, zone);
  rules_of_skipped(r, a);
  for (size_t i = 0; i < a->server_count; i++) {
    const struct authority_server *s = &a->servers[i];
    rule_of_lame(r, a, s, none_is_good);
    rule_of_silence(r, s, none_is_good);
    rules_of_transport(r, s);
    rule_of_types(r, s);
  }

  rule_of_apex_alias(r, a);
  rule_of_disagreement(r, a);
  rule_of_age(r, a);
  rule_of_serials(r, a, zone);
  rule_of_delegation(r, a, zone);
  rule_of_glue(r, a);
  rule_of_networks(r, a, zone);
}

/* ---- several resolvers ---- */

/* The first question whose answers differ is told; of a host's the name. */
static void compare_server(struct report *r, const struct other_server *o) {
  const struct lookup *l = r->facts->domain;
  char server[ADDR_TEXT], first[ADDR_TEXT], word[PRINT_WORD], other_word[PRINT_WORD];

  addr_format(&o->addr, server);
  addr_format(&r->facts->asked_server, first);
  for (size_t q = 0; q < QUESTIONS; q++) {
    const struct asked *here = question_of_domain(l, q), *there = question_of_domain(o->lookup, q);
    if (here->name_len == 0 || there->name_len == 0) continue;
    bool fails_here = !lookup_is_answered(here), fails_there = !lookup_is_answered(there);
    if (fails_here && fails_there) continue;
    if (fails_here || fails_there)
      report_add(r, RULE_RESOLVERS_DISAGREE, side_of(l, q), what_text(l, q), "%s says of %s: %s; %s says: %s",
                 first, what_text(l, q), lookup_outcome_text(here, word), server,
                 lookup_outcome_text(there, other_word));
    else if (!rules_say_the_same(here, there))
      report_add(r, RULE_RESOLVERS_DISAGREE, side_of(l, q), what_text(l, q),
                 "%s and %s give different records for %s", first, server, what_text(l, q));
  }
}

static void compare_targets(struct report *r, const struct other_server *o) {
  const struct hosts *hosts = r->facts->domain->hosts;
  char server[ADDR_TEXT], first[ADDR_TEXT], name[NAME_TEXT];

  addr_format(&o->addr, server);
  addr_format(&r->facts->asked_server, first);
  for (size_t i = 0; i < o->lookup->hosts->count; i++) {
    const struct host *there = o->lookup->hosts->list[i], *here = NULL;
    for (size_t k = 0; k < hosts->count && !here; k++) {
      if (name_equal(hosts->list[k]->name, hosts->list[k]->name_len, there->name, there->name_len))
        here = hosts->list[k];
    }
    bool is_domain = there == o->lookup->domain;
    if (!here || is_domain ||
        (!disagree(&here->asked[0], &there->asked[0]) && !disagree(&here->asked[1], &there->asked[1])))
      continue;
    report_add(r, RULE_RESOLVERS_DISAGREE, LOOKUP_BOTH, lookup_host_text(there, name),
               "%s and %s give different addresses for %s", first, server, name);
  }
}

void rules_of_other_servers(struct report *r) {
  for (size_t i = 0; i < r->facts->other_count; i++) {
    compare_server(r, &r->facts->others[i]);
    compare_targets(r, &r->facts->others[i]);
  }
}
