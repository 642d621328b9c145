/* authority.c: finds the servers of a zone, by the resolver and by the parent, and asks each. Exports
 * authority_*. */
#include "tool/authority.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "base/must.h"
#include "tool/rules_priv.h"

enum { TYPE_UNASSIGNED = 65280 };

struct authority *authority_new(const struct lookup *domain, const struct asked *soa) {
  struct authority *a = must_zalloc(sizeof *a);
  a->domain = domain;
  a->soa = soa;
  a->hosts = hosts_new();
  return a;
}

static void server_free(struct authority_server *s) {
  struct asked *const single[] = {&s->soa,   &s->tcp, &s->plain,        &s->mixed,
                                  &s->alias, &s->ns,  &s->addresses[0], &s->addresses[1]};
  for (size_t i = 0; i < sizeof single / sizeof *single; i++) asked_free(single[i]);
  for (unsigned i = 0; i < PROBE_COUNT; i++) asked_free(&s->probes[i]);
  for (unsigned i = 0; i < LOOKUP_SERVICES; i++) asked_free(&s->services[i]);
}

void authority_free(struct authority *a) {
  if (!a) return;
  for (size_t i = 0; i < a->server_count; i++) server_free(&a->servers[i]);
  for (size_t i = 0; i < a->parent_count; i++) asked_free(&a->parents[i].asked);
  asked_free(&a->ns);
  asked_free(&a->parent_soa);
  asked_free(&a->parent_ns);
  hosts_free(a->hosts);
  free(a);
}

/* ---- the zone ---- */

/* The owner of the SOA that an answer has, in whichever section: the zone in which the name lies. */
static size_t zone_of(const struct asked *soa, uint8_t out[NAME_MAX_LEN]) {
  struct record r;
  enum section section;
  if (soa->name_len == 0 || !lookup_is_answered(soa)) return 0;
  struct reply p = reply_open(soa->msg, soa->len);
  while (reply_next(&p, &r, &section)) {
    if (r.type != TYPE_SOA || section == SECTION_ADDITIONAL) continue;
    if (!name_is_within(soa->name, soa->name_len, r.owner, r.owner_len)) continue;
    memcpy(out, r.owner, r.owner_len);
    return r.owner_len;
  }
  return 0;
}

static void find_apex(struct authority *a) {
  a->apex_len = (uint8_t)zone_of(a->soa, a->apex);
  a->is_apex_known = a->apex_len > 0;
  if (a->is_apex_known) return;
  memcpy(a->apex, a->domain->domain->name, a->domain->domain->name_len); /* the parent may know better */
  a->apex_len = a->domain->domain->name_len;
}

static void add_name(struct authority *a, const uint8_t *name, size_t len) {
  const struct host *h = hosts_get(a->hosts, name, len);
  for (size_t i = 0; i < a->name_count; i++) {
    if (a->names[i] == h) return;
  }
  if (h && a->name_count < AUTHORITY_NAMES_MAX) a->names[a->name_count++] = h;
}

static void take_name(void *context, const uint8_t *name, size_t len) { add_name(context, name, len); }

static size_t each_ns(const struct asked *from, const uint8_t *zone, size_t zone_len,
                      void (*each)(void *context, const uint8_t *name, size_t len), void *context) {
  struct record r;
  enum section section;
  uint8_t name[NAME_MAX_LEN];
  size_t n = 0;

  if (!from || from->name_len == 0 || from->outcome != ASKED_ANSWERED) return 0;
  struct reply p = reply_open(from->msg, from->len);
  while (reply_next(&p, &r, &section)) {
    if (r.type != TYPE_NS || section == SECTION_ADDITIONAL ||
        !name_equal(r.owner, r.owner_len, zone, zone_len))
      continue;
    size_t len = record_target(&r, 0, name);
    if (len == 0) continue;
    if (each) each(context, name, len);
    n++;
  }

  return n;
}

size_t authority_each_ns(const struct authority *a, const struct asked *from,
                         void (*each)(void *context, const uint8_t *name, size_t len), void *context) {
  return each_ns(from, a->apex, a->apex_len, each, context);
}

/* ---- the parent ---- */

static void set_addr(union addr *out, const struct address *address) {
  char text[ADDRESS_TEXT];
  must(addr_parse(lookup_address_text(address, text), ASK_PORT, out));
}

/* Who made the zone chose the addresses: a stranger must not send questions into this network. */
static bool may_ask(const struct authority *a, const struct address *address) {
  return a->allow_private || !rules_is_bad_address(address);
}

static void note_skipped(struct authority *a, const struct host *name, const struct address *address,
                         bool of_parent) {
  for (size_t i = 0; i < a->skipped_count; i++) {
    const struct address *old = &a->skipped[i].address;
    if (old->family == address->family && memcmp(old->bytes, address->bytes, sizeof old->bytes) == 0) return;
  }
  if (a->skipped_count < AUTHORITY_SERVERS_MAX)
    a->skipped[a->skipped_count++] = (struct authority_skipped){
        .name = name, .address = *address, .of_parent = of_parent};
}

/* The first address of a name server that may be asked; NULL: there is none. */
static const struct address *askable_of(const struct authority *a, const struct host *h) {
  for (size_t i = 0; i < h->address_count; i++) {
    if (may_ask(a, &h->addresses[i])) return &h->addresses[i];
  }
  return NULL;
}

static void add_parent(struct authority *a, const struct host *h) {
  const struct address *address = askable_of(a, h);
  if (address && a->parent_count < AUTHORITY_PARENTS_MAX)
    set_addr(&a->parents[a->parent_count++].addr, address);
}

static void take_parent(void *context, const uint8_t *name, size_t len) {
  hosts_get(((struct authority *)context)->hosts, name, len);
}

static void add_parents(struct authority *a) {
  uint8_t zone[NAME_MAX_LEN];
  size_t len = zone_of(&a->parent_soa, zone);
  for (size_t i = 0; i < a->hosts->count && len > 0; i++) {
    const struct host *h = a->hosts->list[i];
    bool is_of_zone = false;
    for (size_t k = 0; k < a->name_count; k++) is_of_zone |= a->names[k] == h;
    if (is_of_zone) continue;
    if (!askable_of(a, h) && h->address_count > 0) note_skipped(a, h, &h->addresses[0], true);
    add_parent(a, h);
  }
  if (a->parent_count > 0 || len == 0) return;
  /* the same servers hold both zones */
  for (size_t i = 0; i < a->name_count; i++) add_parent(a, a->names[i]);
}

const struct asked *authority_referral(const struct authority *a) {
  for (size_t i = 0; i < a->parent_count; i++) {
    const struct asked *x = &a->parents[i].asked;
    if (authority_each_ns(a, x, NULL, NULL) > 0) return x;
  }
  return NULL;
}

/* Where the resolver found no zone, the cut is the one that the parent's servers refer to. */
static void learn_apex(struct authority *a) {
  struct record r;
  enum section section;
  for (size_t i = 0; i < a->parent_count && !a->is_apex_known; i++) {
    const struct asked *x = &a->parents[i].asked;
    if (x->outcome != ASKED_ANSWERED) continue;
    struct reply p = reply_open(x->msg, x->len);
    while (reply_next(&p, &r, &section)) {
      bool is_above = r.owner_len == 1; /* a lame server refers upwards, to the root */
      if (r.type != TYPE_NS || is_above || !name_is_within(x->name, x->name_len, r.owner, r.owner_len))
        continue;
      memcpy(a->apex, r.owner, r.owner_len);
      a->apex_len = (uint8_t)r.owner_len;
      a->is_apex_known = true;
      break;
    }
  }
}

/* ---- its servers ---- */

static void add_server(struct authority *a, const struct host *name, const struct address *address) {
  for (size_t i = 0; i < a->server_count; i++) {
    const struct address *old = &a->servers[i].address;
    if (old->family == address->family && memcmp(old->bytes, address->bytes, sizeof old->bytes) == 0) return;
  }
  if (!may_ask(a, address)) note_skipped(a, name, address, false);
  if (a->server_count == AUTHORITY_SERVERS_MAX || !may_ask(a, address)) return;
  struct authority_server *s = &a->servers[a->server_count++];
  s->name = name;
  s->address = *address;
  set_addr(&s->addr, address);
}

static void add_servers(struct authority *a) {
  for (size_t i = 0; i < a->name_count; i++) {
    const struct host *h = a->names[i];
    for (size_t k = 0; k < h->address_count; k++) add_server(a, h, &h->addresses[k]);
  }
}

/* A glue address may be the only way to a name that lies in the zone. */
static void add_glue(struct authority *a) {
  const struct asked *x = authority_referral(a);
  struct record r;
  enum section section;

  if (!x) return;
  struct reply p = reply_open(x->msg, x->len);
  while (reply_next(&p, &r, &section)) {
    bool is_v4 = r.type == TYPE_A && r.rdlen == 4, is_v6 = r.type == TYPE_AAAA && r.rdlen == 16;
    struct address address = {.family = is_v4 ? AF_INET : AF_INET6};
    if (section != SECTION_ADDITIONAL || !(is_v4 || is_v6)) continue;
    memcpy(address.bytes, record_rdata(&r), r.rdlen);
    for (size_t i = 0; i < a->name_count; i++) {
      const struct host *h = a->names[i];
      if (name_equal(h->name, h->name_len, r.owner, r.owner_len)) add_server(a, h, &address);
    }
  }
}

static struct asked *direct(struct ask_list *to, struct authority_server *s, struct asked *x,
                            const uint8_t *name, size_t len, uint16_t type) {
  ask_list_add(to, x, name, len, type);
  x->server = &s->addr;
  x->authority = true;
  return x;
}

static void first_questions(struct authority *a, struct ask_list *to) {
  for (size_t i = 0; i < a->server_count; i++) {
    struct authority_server *s = &a->servers[i];
    direct(to, s, &s->soa, a->apex, a->apex_len, TYPE_SOA);
    direct(to, s, &s->tcp, a->apex, a->apex_len, TYPE_SOA)->only_tcp = true;
  }
}

static void mix_case(struct asked *x) {
  for (size_t at = 0; x->name[at]; at += x->name[at] + 1u) {
    for (size_t i = 0; i < x->name[at]; i++) {
      uint8_t *c = &x->name[at + 1 + i];
      if (i % 2 == 0 && *c >= 'a' && *c <= 'z') *c = (uint8_t)(*c - 'a' + 'A');
    }
  }
}

static void probe(struct authority *a, struct authority_server *s, struct ask_list *to) {
  static const uint16_t types[PROBE_COUNT] = {TYPE_SRV, TYPE_TLSA, TYPE_OF_CAA, TYPE_UNASSIGNED};
  for (unsigned i = 0; i < PROBE_COUNT; i++) direct(to, s, &s->probes[i], a->apex, a->apex_len, types[i]);
}

/* The rest is asked of those that answered at all, so that a silent one costs its time once. */
static void more_questions(struct authority *a, struct ask_list *to) {
  const struct host *d = a->domain->domain;
  for (size_t i = 0; i < a->server_count; i++) {
    struct authority_server *s = &a->servers[i];
    if (s->soa.outcome != ASKED_ANSWERED) {
      if (s->soa.outcome == ASKED_TIMEOUT)
        direct(to, s, &s->plain, a->apex, a->apex_len, TYPE_SOA)->plain = true;
      continue;
    }
    if (!authority_is_good(s)) continue;
    direct(to, s, &s->mixed, a->apex, a->apex_len, TYPE_SOA);
    mix_case(&s->mixed);
    direct(to, s, &s->alias, a->apex, a->apex_len, TYPE_CNAME);
    direct(to, s, &s->ns, a->apex, a->apex_len, TYPE_NS);
    probe(a, s, to);
    direct(to, s, &s->addresses[0], d->name, d->name_len, TYPE_A);
    direct(to, s, &s->addresses[1], d->name, d->name_len, TYPE_AAAA);
    for (unsigned k = 0; k < LOOKUP_SERVICES; k++) {
      const struct asked *x = &a->domain->services[k].asked;
      if (x->name_len > 0) direct(to, s, &s->services[k], x->name, x->name_len, x->type);
    }
  }
}

/* ---- stage by stage ---- */

static void questions_about_zone(struct authority *a, struct ask_list *to) {
  find_apex(a);
  ask_list_add(to, &a->ns, a->apex, a->apex_len, TYPE_NS);
  size_t first = a->apex[0] ? a->apex[0] + 1u : 0;
  if (first > 0) ask_list_add(to, &a->parent_soa, a->apex + first, a->apex_len - first, TYPE_SOA);
}

static void questions_about_parent(struct authority *a, struct ask_list *to) {
  uint8_t zone[NAME_MAX_LEN];
  size_t len = zone_of(&a->parent_soa, zone);
  if (len > 0) ask_list_add(to, &a->parent_ns, zone, len, TYPE_NS);
}

static void questions_to_parent(struct authority *a, struct ask_list *to) {
  for (size_t i = 0; i < a->parent_count; i++) {
    struct authority_parent *x = &a->parents[i];
    ask_list_add(to, &x->asked, a->apex, a->apex_len, TYPE_NS);
    x->asked.server = &x->addr;
    x->asked.authority = true;
  }
}

void authority_questions(struct authority *a, unsigned stage, struct ask_list *to) {
  if (stage == 0) questions_about_zone(a, to);
  if (stage == 1) questions_about_parent(a, to);
  if (stage == 3) questions_to_parent(a, to);
  if (stage == 5) first_questions(a, to);
  if (stage == 6) more_questions(a, to);
  if (stage < 5) hosts_questions(a->hosts, to);
}

void authority_read(struct authority *a, unsigned stage) {
  uint8_t zone[NAME_MAX_LEN];
  hosts_read(a->hosts);
  if (stage == 0) authority_each_ns(a, &a->ns, take_name, a);
  if (stage == 1) each_ns(&a->parent_ns, zone, zone_of(&a->parent_soa, zone), take_parent, a);
  if (stage == 2) add_parents(a);
  if (stage == 3) {
    learn_apex(a);
    authority_each_ns(a, authority_referral(a), take_name, a);
  }
  if (stage == 4) {
    add_servers(a);
    add_glue(a);
  }
}

/* ---- for rules ---- */

const struct asked *authority_answer(const struct authority_server *s) {
  if (s->soa.outcome == ASKED_ANSWERED) return &s->soa;
  return s->plain.outcome == ASKED_ANSWERED ? &s->plain : NULL;
}

bool authority_is_good(const struct authority_server *s) {
  const struct asked *x = authority_answer(s);
  return x && lookup_is_answered(x) && x->msg[2] & DNS_AA;
}
