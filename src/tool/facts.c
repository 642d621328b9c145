/* facts.c: asks for all that the rules look at. Exports facts_*,
 * but for names that are almost right. */
#include "tool/facts_priv.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"
#include "base/random.h"

/* Components that servers have by default; a web site's usual names ("chat") are not among them. */
static const char *const usual_components[] = {"conference", "muc",   "rooms",  "groups",
                                               "upload",     "proxy", "pubsub", "irc"};

/* ---- start and end ---- */

static void add_component(struct facts *f, const char *label, bool wanted) {
  for (size_t i = 0; i < f->component_count; i++) {
    if (strcmp(f->components[i].label, label) != 0) continue;
    f->components[i].wanted |= wanted;
    return;
  }
  uint8_t name[NAME_MAX_LEN];
  size_t len = domain_below(label, f->typed.name, f->typed.len, name);
  if (f->component_count == FACTS_COMPONENTS_MAX || len == 0 || len + DOMAIN_PREFIX_MAX > NAME_MAX_LEN)
    return;
  struct component *c = &f->components[f->component_count++];
  snprintf(c->label, sizeof c->label, "%s", label);
  c->wanted = wanted;
  c->lookup = lookup_new(name, len, LOOKUP_BOTH, false, f->hosts);
}

struct facts *facts_new(const struct typed_domain *typed, enum lookup_side sides, const char *const *wanted,
                        size_t n) {
  struct facts *f = must_zalloc(sizeof *f);
  f->typed = *typed;
  f->hosts = hosts_new();
  f->domain = lookup_new(typed->name, typed->len, sides, true, f->hosts);
  f->domain->typed = &f->typed;
  facts_start_near_misses(f);
  if (!(sides & LOOKUP_S2S)) return f; /* components are for servers */

  for (size_t i = 0; i < n; i++) add_component(f, wanted[i], true);
  for (size_t i = 0; i < sizeof usual_components / sizeof *usual_components; i++)
    add_component(f, usual_components[i], false);
  return f;
}

void facts_free(struct facts *f) {
  if (!f) return;
  for (size_t i = 0; i < FACT_COUNT; i++) asked_free(&f->single[i]);
  for (size_t i = 0; i < FACTS_NEAR_MISSES; i++) asked_free(&f->near_misses[i].asked);
  for (size_t i = 0; i < f->component_count; i++) {
    asked_free(&f->components[i].misnamed);
    free(f->components[i].plan);
    lookup_free(f->components[i].lookup);
  }

  for (size_t i = 0; i < f->tlsa_count; i++) asked_free(&f->tlsa[i].asked);
  for (size_t i = 0; i < f->ancestor_count; i++) asked_free(&f->ancestors[i].asked);
  for (size_t i = 0; i < f->reverse_count; i++) asked_free(&f->reverse[i].asked);
  for (size_t i = 0; i < f->searched_count; i++) asked_free(&f->searched[i].asked);
  for (size_t i = 0; i < LOOKUP_SERVICES; i++) asked_free(&f->unchecked[i]);
  facts_signed_free(f);
  for (size_t i = 0; i < 4; i++) free(f->plans[i / 2][i % 2]);
  for (size_t i = 0; i < f->other_count; i++) lookup_free(f->others[i].lookup);
  authority_free(f->authority);
  free(f->connections);
  lookup_free(f->parent);
  if (!f->borrows_lookup) {
    lookup_free(f->domain);
    hosts_free(f->hosts);
  }

  free(f);
}

/* ---- questions ---- */

void facts_add_below(struct ask_list *to, struct asked *a, const char *labels, const uint8_t *name,
                     size_t len, uint16_t type) {
  uint8_t whole[NAME_MAX_LEN];
  size_t whole_len = domain_below(labels, name, len, whole);
  if (whole_len > 0) ask_list_add(to, a, whole, whole_len, type);
}

/* "jidns-0123456789abcdef": a name that can't be there by chance. */
static void random_label(char out[32]) {
  struct random r = {0};
  snprintf(out, 32, "jidns-%08x%08x", (unsigned)random_below(&r, UINT32_MAX),
           (unsigned)random_below(&r, UINT32_MAX));
}

static void questions_around(struct facts *f, struct ask_list *to) {
  static const uint8_t invalid[] = "\7invalid", root[] = "";
  const uint8_t *name = f->typed.name;
  size_t len = f->typed.len;
  char label[32], service[64];

  random_label(label);
  snprintf(service, sizeof service, "_%s._tcp", label);
  ask_list_add(to, &f->single[FACT_SOA], name, len, TYPE_SOA);
  facts_add_below(to, &f->single[FACT_RANDOM], label, name, len, TYPE_A);
  facts_add_below(to, &f->single[FACT_RANDOM_IPV6], label, name, len, TYPE_AAAA);
  facts_add_below(to, &f->single[FACT_RANDOM_SRV], service, name, len, TYPE_SRV);
  ask_list_add(to, &f->single[FACT_CAA], name, len, TYPE_OF_CAA);
  facts_add_below(to, &f->single[FACT_TCP], "_tcp", name, len, TYPE_SOA);
  facts_add_below(to, &f->single[FACT_IM], "_im._xmpp", name, len, TYPE_SRV);
  facts_add_below(to, &f->single[FACT_PRES], "_pres._xmpp", name, len, TYPE_SRV);
  facts_add_below(to, &f->single[FACT_QUIC_CLIENT], "_xmppq-client._udp", name, len, TYPE_SRV);
  facts_add_below(to, &f->single[FACT_QUIC_SERVER], "_xmppq-server._udp", name, len, TYPE_SRV);
  if (f->offline) return;
  facts_add_below(to, &f->single[FACT_UNREGISTERED], label, invalid, sizeof invalid, TYPE_A);
  ask_list_add(to, &f->single[FACT_ROOT], root, sizeof root, TYPE_SOA);
}

static struct tlsa_question *add_tlsa(struct facts *f, struct ask_list *to, const struct host *h,
                                      uint16_t port, enum lookup_side side) {
  const struct host *at = h ? h : f->domain->domain;
  char labels[32];
  for (size_t i = 0; i < f->tlsa_count; i++) {
    if (f->tlsa[i].host == h && f->tlsa[i].port == port) return NULL;
  }
  if (f->tlsa_count == FACTS_TLSA_MAX) return NULL;
  struct tlsa_question *q = &f->tlsa[f->tlsa_count++];
  *q = (struct tlsa_question){.host = h, .port = port, .side = side};
  snprintf(labels, sizeof labels, "_%u._tcp", port);
  facts_add_below(to, &q->asked, labels, at->name, at->name_len, TYPE_TLSA);
  return q;
}

/* The usual ports of the domain's first own hosts, where they are not asked for already: another's host
 * serves other domains, whose ports those may be. Both sides' are asked for, because a wildcard shows by all
 * of them having records. */
static void questions_of_unnamed_ports(struct facts *f, struct ask_list *to) {
  static const struct {
    uint16_t port;
    enum lookup_side side;
  } usual[] = {{5222, LOOKUP_C2S}, {5223, LOOKUP_C2S}, {5269, LOOKUP_S2S}, {5270, LOOKUP_S2S}};
  const struct host *hosts[FACTS_UNNAMED_HOSTS];
  size_t count = 0;
  for (size_t i = 0; i < f->tlsa_count && count < FACTS_UNNAMED_HOSTS; i++) {
    const struct host *h = f->tlsa[i].host;
    bool known = !h || !name_is_within(h->name, h->name_len, f->typed.name, f->typed.len);
    for (size_t k = 0; k < count; k++) known |= hosts[k] == h;
    if (!known) hosts[count++] = h;
  }

  for (size_t i = 0; i < count; i++) {
    for (size_t k = 0; k < sizeof usual / sizeof *usual; k++) {
      struct tlsa_question *q = add_tlsa(f, to, hosts[i], usual[k].port, usual[k].side);
      if (q) q->unnamed = true;
    }
  }
}

/* TLSA belongs to the target and its port (RFC 7673); at the domain itself it is misplaced where SRV leads
 * elsewhere. */
static void questions_of_tlsa(struct facts *f, struct ask_list *to) {
  for (size_t i = 0; i < LOOKUP_SERVICES; i++) {
    const struct service *s = &f->domain->services[i];
    for (size_t k = 0; k < s->count && s->state == SERVICE_OFFERED && !s->kind->obsolete; k++) {
      if (s->hosts[k] && s->srv[k].port) add_tlsa(f, to, s->hosts[k], s->srv[k].port, s->kind->side);
    }
  }
  if (f->domain->sides & LOOKUP_C2S) add_tlsa(f, to, NULL, PLAN_PORT_C2S, LOOKUP_C2S);
  if (f->domain->sides & LOOKUP_S2S) add_tlsa(f, to, NULL, PLAN_PORT_S2S, LOOKUP_S2S);
  questions_of_unnamed_ports(f, to);
}

/* Where _xmppconnect has texts they may be a wildcard's. */
static void question_of_wildcard_text(struct facts *f, struct ask_list *to) {
  const struct asked *connect = &f->domain->connect_txt, *random = &f->single[FACT_RANDOM];
  struct record txt;
  if (connect->name_len == 0 || random->name_len == 0 || !lookup_is_answered(connect)) return;
  struct reply p = reply_open(connect->msg, connect->len);
  if (reply_next_answer(&p, TYPE_TXT, &txt))
    ask_list_add(to, &f->single[FACT_RANDOM_TXT], random->name, random->name_len, TYPE_TXT);
}

/* Somebody may have typed a host, or the records may stand at the parent. */
static void questions_of_search(struct facts *f, struct ask_list *to) {
  for (size_t i = 0; i < f->searched_count; i++) {
    struct searched *s = &f->searched[i];
    uint8_t name[NAME_MAX_LEN];
    memcpy(name, f->typed.name, f->typed.len - 1);
    memcpy(name + f->typed.len - 1, s->domain, s->domain_len);
    facts_add_below(to, &s->asked, "_xmpp-server._tcp", name, f->typed.len - 1 + s->domain_len, TYPE_SRV);
  }
}

static void reverse_name(const struct address *a, char text[96]) {
  size_t at = 0;
  if (a->family == AF_INET) {
    snprintf(text, 96, "%u.%u.%u.%u.in-addr.arpa", a->bytes[3], a->bytes[2], a->bytes[1], a->bytes[0]);
    return;
  }
  for (unsigned i = 16; i-- > 0;)
    at += (size_t)snprintf(text + at, 96 - at, "%x.%x.", a->bytes[i] & 15, a->bytes[i] >> 4);
  snprintf(text + at, 96 - at, "ip6.arpa");
}

static void add_reverse(struct facts *f, struct ask_list *to, const struct host *h) {
  for (size_t i = 0; i < h->address_count && f->reverse_count < FACTS_REVERSE_MAX; i++) {
    char text[96];
    uint8_t name[NAME_MAX_LEN];
    struct reverse *r = &f->reverse[f->reverse_count++];
    *r = (struct reverse){.host = h, .address = h->addresses[i]};
    reverse_name(&r->address, text);
    ask_list_add(to, &r->asked, name, name_parse(text, name), TYPE_PTR);
  }
}

/* Of each host that SRV records lead to, once. */
static void questions_of_reverse(struct facts *f, struct ask_list *to) {
  const struct lookup *l = f->domain;
  for (size_t h = 0; h < f->hosts->count; h++) {
    bool is_target = false;
    for (size_t i = 0; i < LOOKUP_SERVICES; i++) {
      const struct service *s = &l->services[i];
      for (size_t k = 0; k < s->count && s->state == SERVICE_OFFERED; k++)
        is_target |= s->hosts[k] == f->hosts->list[h];
    }
    if (is_target) add_reverse(f, to, f->hosts->list[h]);
  }
}

static void questions_of_parent(struct facts *f, struct ask_list *to) {
  const uint8_t *name = f->typed.name;
  size_t first = name[0] + 1u, len = f->typed.len - first;
  bool has_parent = len > 1 && name[first] + 2u < len; /* more than a top-level domain */
  if (!has_parent || facts_has_records(f->domain, LOOKUP_C2S) || facts_has_records(f->domain, LOOKUP_S2S))
    return;
  f->parent = lookup_new(name + first, len, f->domain->sides, false, f->hosts);
  lookup_questions(f->parent, to);
}

static void questions_of_components(struct facts *f, struct ask_list *to) {
  for (size_t i = 0; i < f->component_count; i++) {
    struct component *c = &f->components[i];
    char labels[96];
    lookup_questions(c->lookup, to);
    snprintf(labels, sizeof labels, "_xmpp-server.%s._tcp", c->label);
    facts_add_below(to, &c->misnamed, labels, f->typed.name, f->typed.len, TYPE_SRV);
  }
}

/* The last `labels` labels of a name; 0 when it has no more than that. */
static size_t last_labels(const uint8_t *name, size_t len, unsigned labels, const uint8_t **out) {
  unsigned count = 0;
  for (size_t at = 0; name[at]; at += name[at] + 1u) count++;
  if (count <= labels) return 0;
  size_t at = 0;
  for (; count > labels; count--) at += name[at] + 1u;
  *out = name + at;
  return len - at;
}

/* A target that does not exist: does the domain it lies in? */
static void questions_of_ancestors(struct facts *f, struct ask_list *to) {
  for (size_t i = 0; i < f->hosts->count; i++) {
    const struct host *h = f->hosts->list[i];
    if (!facts_is_missing(h) || name_is_within(h->name, h->name_len, f->typed.name, f->typed.len)) continue;
    for (unsigned labels = 2; labels <= 3 && f->ancestor_count < FACTS_ANCESTORS_MAX; labels++) {
      const uint8_t *name;
      size_t len = last_labels(h->name, h->name_len, labels, &name);
      if (len == 0) continue;
      struct ancestor *a = &f->ancestors[f->ancestor_count++];
      *a = (struct ancestor){.of = h, .labels = labels};
      ask_list_add(to, &a->asked, name, len, TYPE_SOA);
    }
  }
}

/* An answer that a validator refused comes with CD. */
static void questions_unchecked(struct facts *f, struct ask_list *to) {
  for (size_t i = 0; i < LOOKUP_SERVICES; i++) {
    const struct asked *a = &f->domain->services[i].asked;
    bool failed = lookup_is_servfail(a);
    if (a->name_len == 0 || !failed) continue;
    f->unchecked[i].checking_disabled = true;
    ask_list_add(to, &f->unchecked[i], a->name, a->name_len, a->type);
  }
}

void facts_want_search(struct facts *f, const char *domain) {
  uint8_t name[NAME_MAX_LEN];
  size_t len = name_parse(domain, name);
  bool fits = len > 1 && len + f->typed.len - 1 + DOMAIN_PREFIX_MAX <= NAME_MAX_LEN;
  if (!fits || f->searched_count == FACTS_SEARCH_MAX || !(f->domain->sides & LOOKUP_S2S)) return;
  struct searched *s = &f->searched[f->searched_count++];
  memcpy(s->domain, name, len);
  s->domain_len = (uint8_t)len;
}

void facts_want_authority(struct facts *f, bool allow_private) {
  f->authority = authority_new(f->domain, &f->single[FACT_SOA]);
  f->authority->allow_private = allow_private;
}

void facts_want_server(struct facts *f, const union addr *server) {
  if (f->other_count == FACTS_SERVERS_MAX) return;
  f->others[f->other_count++] = (struct other_server){
      .addr = *server, .lookup = lookup_new(f->typed.name, f->typed.len, f->domain->sides, true, NULL)};
}

unsigned facts_stages(const struct facts *f) { return FACTS_STAGES + (f->authority ? AUTHORITY_STAGES : 0); }

/* The services in the first stage, then what they lead to. */
static void questions_to_others(struct facts *f, unsigned stage, struct ask_list *to) {
  for (size_t i = 0; i < f->other_count; i++) {
    struct other_server *o = &f->others[i];
    size_t from = to->count;
    if (stage == 0) lookup_questions(o->lookup, to);
    hosts_questions(o->lookup->hosts, to);
    for (; from < to->count; from++) to->list[from]->server = &o->addr;
  }
}

void facts_questions(struct facts *f, unsigned stage, struct ask_list *to) {
  if (stage >= FACTS_STAGES) {
    authority_questions(f->authority, stage - FACTS_STAGES, to);
    return;
  }

  questions_to_others(f, stage, to);
  if (stage == 0) {
    lookup_questions(f->domain, to);
    questions_around(f, to);
  } else if (stage == 1) {
    questions_of_components(f, to);
    questions_of_tlsa(f, to);
    facts_questions_of_near_misses(f, to);
    question_of_wildcard_text(f, to);
    questions_of_search(f, to);
    questions_of_parent(f, to);
    facts_signed_questions(f, to);
  } else {
    questions_of_ancestors(f, to);
    questions_of_reverse(f, to);
    questions_unchecked(f, to);
  }

  hosts_questions(f->hosts, to);
}

/* ---- answers ---- */

static struct plan *plan_of(const struct lookup *l, enum lookup_side side, bool direct_tls) {
  struct plan *p = must_alloc(sizeof *p);
  plan_make(l, side, direct_tls, p);
  return p;
}

static void make_plans(struct facts *f) {
  for (enum lookup_side side = LOOKUP_C2S; side <= LOOKUP_S2S; side++) {
    for (unsigned tls = 0; tls < 2 && (f->domain->sides & side); tls++) {
      f->plans[facts_side_index(side)][tls] = plan_of(f->domain, side, tls);
    }
  }
  for (size_t i = 0; i < f->component_count; i++) {
    const struct lookup *l = f->components[i].lookup;
    bool exists = facts_has_records(l, LOOKUP_S2S) || facts_has_records(l, LOOKUP_C2S) ||
                  l->domain->address_count > 0;
    if (exists) f->components[i].plan = plan_of(l, LOOKUP_S2S, true);
  }
}

struct facts *facts_of_lookup(struct lookup *l) {
  struct facts *f = must_zalloc(sizeof *f);
  if (l->typed) f->typed = *l->typed;
  memcpy(f->typed.name, l->domain->name, l->domain->name_len);
  f->typed.len = l->domain->name_len;
  f->domain = l;
  f->hosts = l->hosts;
  f->borrows_lookup = true;
  make_plans(f);
  return f;
}

void facts_read(struct facts *f, unsigned stage) {
  if (stage >= FACTS_STAGES) {
    authority_read(f->authority, stage - FACTS_STAGES);
    return;
  }

  for (size_t i = 0; i < f->other_count; i++) {
    if (stage == 0) lookup_read_services(f->others[i].lookup);
    hosts_read(f->others[i].lookup->hosts);
  }

  if (stage == 0) lookup_read_services(f->domain);
  if (stage == 1) {
    for (size_t i = 0; i < f->component_count; i++) lookup_read_services(f->components[i].lookup);
    if (f->parent) lookup_read_services(f->parent);
  }

  hosts_read(f->hosts);
  if (stage == FACTS_STAGES - 1) make_plans(f);
}

void facts_run(struct facts *f, void (*ask)(void *context, struct asked *const *list, size_t n),
               void *context) {
  struct ask_list list = {.count = 0};
  for (unsigned stage = 0; stage < facts_stages(f); stage++) {
    list.count = 0;
    facts_questions(f, stage, &list);
    if (list.count > 0) ask(context, list.list, list.count);
    facts_read(f, stage);
  }
  ask_list_free(&list);
}

static void each_of_services(const struct lookup *l, void (*each)(void *context, const struct asked *a),
                             void *context) {
  for (size_t i = 0; l && i < LOOKUP_SERVICES; i++) {
    if (l->services[i].asked.name_len > 0) each(context, &l->services[i].asked);
  }
}

static void each_if_asked(const struct asked *a, void (*each)(void *context, const struct asked *a),
                          void *context) {
  if (a->name_len > 0) each(context, a);
}

void facts_each(const struct facts *f, void (*each)(void *context, const struct asked *a), void *context) {
  lookup_each(f->domain, each, context); /* with all hosts */
  each_of_services(f->parent, each, context);
  for (size_t i = 0; i < FACT_COUNT; i++) each_if_asked(&f->single[i], each, context);
  for (size_t i = 0; i < FACTS_NEAR_MISSES; i++) each_if_asked(&f->near_misses[i].asked, each, context);
  for (size_t i = 0; i < f->component_count; i++) {
    each_of_services(f->components[i].lookup, each, context);
    each_if_asked(&f->components[i].misnamed, each, context);
  }
  for (size_t i = 0; i < f->tlsa_count; i++) each_if_asked(&f->tlsa[i].asked, each, context);
  for (size_t i = 0; i < f->ancestor_count; i++) each_if_asked(&f->ancestors[i].asked, each, context);
  for (size_t i = 0; i < f->reverse_count; i++) each_if_asked(&f->reverse[i].asked, each, context);
  for (size_t i = 0; i < f->searched_count; i++) each_if_asked(&f->searched[i].asked, each, context);
  for (size_t i = 0; i < LOOKUP_SERVICES; i++) each_if_asked(&f->unchecked[i], each, context);
  facts_signed_each(f, each, context);
}

struct counted {
  unsigned asked, silent;
};

static void count_one(void *context, const struct asked *a) {
  struct counted *c = context;
  if (a->outcome == ASKED_LEFT_OUT) return;
  c->asked++;
  c->silent += a->outcome != ASKED_ANSWERED;
}

void facts_count(const struct facts *f, unsigned *asked, unsigned *silent) {
  struct counted c = {0};
  facts_each(f, count_one, &c);
  *asked = c.asked;
  *silent = c.silent;
}

/* ---- for rules ---- */

const struct service *facts_service(const struct lookup *l, enum lookup_side side, bool direct_tls) {
  const struct service *s = l->services;
  while (s->kind->side != side || s->kind->direct_tls != direct_tls || s->kind->obsolete) s++;
  return s;
}

const struct service *facts_jabber(const struct lookup *l) {
  const struct service *s = l->services;
  while (!s->kind->obsolete) s++;
  return s;
}

bool facts_has_records(const struct lookup *l, enum lookup_side side) {
  return facts_service(l, side, true)->count > 0 || facts_service(l, side, false)->count > 0;
}

bool facts_has_targets(const struct lookup *l, enum lookup_side side) {
  return facts_service(l, side, true)->state == SERVICE_OFFERED ||
         facts_service(l, side, false)->state == SERVICE_OFFERED;
}

bool facts_is_nxdomain(const struct asked *a) {
  return a->name_len > 0 && lookup_is_answered(a) && reply_rcode(a->msg, a->len) == RCODE_NXDOMAIN;
}

/* NXDOMAIN is said of all types, so that A's is enough where AAAA fails; not the other way round, because
 * some servers say it of AAAA alone (RFC 4074 section 4.2). */
bool facts_is_missing(const struct host *h) {
  const struct asked *v6 = &h->asked[1];
  bool v6_failed = v6->name_len > 0 && !lookup_is_answered(v6);
  return h->address_count == 0 && facts_is_nxdomain(&h->asked[0]) && (facts_is_nxdomain(v6) || v6_failed);
}

bool facts_share_address(const struct host *a, const struct host *b) {
  for (size_t i = 0; i < a->address_count; i++) {
    for (size_t k = 0; k < b->address_count; k++) {
      if (a->addresses[i].family == b->addresses[k].family &&
          memcmp(a->addresses[i].bytes, b->addresses[k].bytes, 16) == 0)
        return true;
    }
  }
  return false;
}

const char *facts_short_name(const struct facts *f, const uint8_t *name, size_t len, char text[NAME_TEXT]) {
  return domain_short_text(f->typed.name, f->typed.len, name, len, text);
}
