/* lookup.c: asks for all that XMPP programs ask for and puts it in order. Exports lookup_*. */
#include "tool/lookup.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "base/must.h"

static const struct service_kind kinds[LOOKUP_SERVICES] = {
    {"_xmpps-client._tcp", LOOKUP_C2S, true, false}, {"_xmpp-client._tcp", LOOKUP_C2S, false, false},
    {"_xmpps-server._tcp", LOOKUP_S2S, true, false}, {"_xmpp-server._tcp", LOOKUP_S2S, false, false},
    {"_jabber._tcp", LOOKUP_S2S, false, true},
};

/* The questions of one round. */
struct round {
  struct asked *list[2 * LOOKUP_HOSTS_MOST];
  size_t count;
};

static void add_question(struct round *r, struct asked *a, const uint8_t *name, size_t len, uint16_t type) {
  memcpy(a->name, name, len);
  a->name_len = (uint8_t)len;
  a->type = type;
  a->klass = CLASS_IN;
  r->list[r->count++] = a;
}

static void add_below(struct round *r, struct asked *a, const char *labels, const struct host *domain,
                      uint16_t type) {
  uint8_t name[NAME_MAX_LEN];
  size_t len = domain_below(labels, domain->name, domain->name_len, name);
  must(len > 0);
  add_question(r, a, name, len, type);
}

static void add_host(struct round *r, struct host *h) {
  add_question(r, &h->asked[0], h->name, h->name_len, TYPE_A);
  add_question(r, &h->asked[1], h->name, h->name_len, TYPE_AAAA);
}

struct lookup *lookup_new(const uint8_t *name, size_t len, enum lookup_side sides, bool all_records) {
  struct lookup *l = calloc(1, sizeof *l);
  if (!l) return NULL;
  memcpy(l->domain.name, name, len);
  l->domain.name_len = (uint8_t)len;
  l->sides = sides;
  l->all_records = all_records;
  for (size_t i = 0; i < LOOKUP_SERVICES; i++) l->services[i].kind = &kinds[i];
  return l;
}

static void free_host(struct host *h) {
  for (size_t i = 0; i < 2; i++) asked_free(&h->asked[i]);
}

void lookup_free(struct lookup *l) {
  if (!l) return;
  for (size_t i = 0; i < LOOKUP_SERVICES; i++) asked_free(&l->services[i].asked);
  for (size_t i = 0; i < l->host_count; i++) free_host(&l->hosts[i]);
  free_host(&l->domain);
  asked_free(&l->connect_txt);
  free(l);
}

static bool is_truncated(const struct asked *a) { return a->msg[2] & DNS_TC; }

bool lookup_is_answered(const struct asked *a) {
  if (a->outcome != ASKED_ANSWERED || is_truncated(a)) return false;
  unsigned rcode = reply_rcode(a->msg, a->len);
  return rcode == RCODE_NOERROR || rcode == RCODE_NXDOMAIN;
}

const char *lookup_outcome_text(const struct asked *a, char text[PRINT_WORD]) {
  if (a->outcome != ASKED_ANSWERED) return asked_text(a->outcome);
  if (is_truncated(a)) return "truncated, and no answer over TCP";
  return print_rcode(reply_rcode(a->msg, a->len), text);
}

bool lookup_is_stale(const struct asked *a) {
  enum { STALE_ANSWER = 3, STALE_NXDOMAIN_ANSWER = 19 };
  struct record opt;
  struct reply_option o;
  size_t at = 0;

  if (a->outcome != ASKED_ANSWERED || !reply_opt(a->msg, a->len, &opt)) return false;
  while (reply_next_option(&opt, &at, &o)) {
    unsigned code = o.code == OPT_EDE && o.len >= 2 ? load_u16(o.bytes) : 0;
    if (code == STALE_ANSWER || code == STALE_NXDOMAIN_ANSWER) return true;
  }
  return false;
}

static void read_services_records(struct service *s) {
  struct record r;
  struct srv none = {0};
  s->alias = reply_follow(s->asked.msg, s->asked.len, s->asked.name, s->asked.name_len);
  struct reply p = reply_open(s->asked.msg, s->asked.len);
  s->ttl = UINT32_MAX;
  while (reply_next_answer(&p, TYPE_SRV, &r)) {
    struct srv srv;
    if (!name_equal(r.owner, r.owner_len, s->alias.name, s->alias.name_len)) continue;
    if (r.ttl < s->ttl) s->ttl = r.ttl;
    if (!srv_read(&r, &srv)) {
      s->malformed++;
    } else if (srv_is_none(&srv)) {
      none = srv;
    } else if (s->count < LOOKUP_SRV_MOST) {
      s->srv[s->count++] = srv;
    } else {
      s->too_many = true;
    }
  }
  s->none_among_others = none.target_len > 0 && s->count > 0;
  s->malformed += p.w.err;
  s->state = s->count > 0 ? SERVICE_OFFERED : s->malformed > 0 ? SERVICE_FAILED : SERVICE_ABSENT;
  if (none.target_len > 0 && s->count == 0) {
    s->srv[s->count++] = none;
    s->state = SERVICE_NOT_OFFERED;
  }
  srv_sort(s->srv, s->count);
}

static void read_addresses(struct host *h, const struct asked *a, int family) {
  struct record r;
  uint16_t octets = family == AF_INET ? 4 : 16;
  if (!lookup_is_answered(a)) return;
  struct alias alias = reply_follow(a->msg, a->len, h->name, h->name_len);
  if (alias.links > h->alias.links) h->alias = alias;
  struct reply p = reply_open(a->msg, a->len);
  while (h->address_count < LOOKUP_ADDRESSES_MOST && reply_next_answer(&p, a->type, &r)) {
    if (r.rdlen != octets || !name_equal(r.owner, r.owner_len, alias.name, alias.name_len)) continue;
    struct address *to = &h->addresses[h->address_count++];
    *to = (struct address){.family = family, .ttl = r.ttl};
    memcpy(to->bytes, record_rdata(&r), octets);
  }
}

static void read_host(struct host *h) {
  read_addresses(h, &h->asked[0], AF_INET);
  read_addresses(h, &h->asked[1], AF_INET6);
}

/* The host of a target, one for each name; NULL when there are too many. */
static struct host *find_host(struct lookup *l, const struct srv *s) {
  if (name_equal(s->target, s->target_len, l->domain.name, l->domain.name_len)) return &l->domain;
  for (size_t i = 0; i < l->host_count; i++) {
    struct host *h = &l->hosts[i];
    if (name_equal(s->target, s->target_len, h->name, h->name_len)) return h;
  }
  if (l->host_count == LOOKUP_HOSTS_MOST) {
    l->too_many_hosts = true;
    return NULL;
  }
  struct host *h = &l->hosts[l->host_count++];
  memcpy(h->name, s->target, s->target_len);
  h->name_len = s->target_len;
  return h;
}

/* Finds the hosts of all targets. The best target of each service comes first, then the second best of each: a
 * service with very many targets does not leave another one without. */
static void find_hosts(struct lookup *l) {
  for (size_t rank = 0; rank < LOOKUP_SRV_MOST; rank++) {
    for (size_t i = 0; i < LOOKUP_SERVICES; i++) {
      struct service *s = &l->services[i];
      if (s->state == SERVICE_OFFERED && rank < s->count) s->hosts[rank] = find_host(l, &s->srv[rank]);
    }
  }
}

static void ask_for_services(struct lookup *l, struct round *r) {
  for (size_t i = 0; i < LOOKUP_SERVICES; i++) {
    struct service *s = &l->services[i];
    if (!(s->kind->side & l->sides) || (s->kind->obsolete && !l->all_records)) continue;
    s->state = SERVICE_FAILED; /* until an answer says better */
    add_below(r, &s->asked, s->kind->labels, &l->domain, TYPE_SRV);
  }
  if (l->all_records) add_below(r, &l->connect_txt, "_xmppconnect", &l->domain, TYPE_TXT);
  add_host(r, &l->domain);
}

void lookup_run(struct lookup *l, void (*ask)(void *context, struct asked *const *list, size_t n),
                void *context) {
  struct round r = {.count = 0};
  ask_for_services(l, &r);
  ask(context, r.list, r.count);
  read_host(&l->domain);
  for (size_t i = 0; i < LOOKUP_SERVICES; i++) {
    if (lookup_is_answered(&l->services[i].asked)) read_services_records(&l->services[i]);
  }
  find_hosts(l);

  r.count = 0;
  for (size_t i = 0; i < l->host_count; i++) add_host(&r, &l->hosts[i]);
  if (r.count > 0) ask(context, r.list, r.count);
  for (size_t i = 0; i < l->host_count; i++) read_host(&l->hosts[i]);
}

bool lookup_came_along(const struct service *s, const struct host *h, const struct address *a) {
  uint16_t type = a->family == AF_INET ? TYPE_A : TYPE_AAAA, octets = a->family == AF_INET ? 4 : 16;
  struct record r;
  enum section section;
  if (s->asked.outcome != ASKED_ANSWERED) return false;
  struct reply p = reply_open(s->asked.msg, s->asked.len);
  while (reply_next(&p, &r, &section)) {
    if (section == SECTION_ADDITIONAL && r.type == type && r.klass == CLASS_IN && r.rdlen == octets &&
        name_equal(r.owner, r.owner_len, h->name, h->name_len) &&
        memcmp(record_rdata(&r), a->bytes, octets) == 0) {
      return true;
    }
  }
  return false;
}

void lookup_each(const struct lookup *l, void (*each)(void *context, const struct asked *a), void *context) {
  for (size_t i = 0; i < LOOKUP_SERVICES; i++) {
    if (l->services[i].asked.name_len > 0) each(context, &l->services[i].asked);
  }
  if (l->connect_txt.name_len > 0) each(context, &l->connect_txt);
  for (size_t k = 0; k < 2; k++) each(context, &l->domain.asked[k]);
  for (size_t i = 0; i < l->host_count; i++) {
    for (size_t k = 0; k < 2; k++) each(context, &l->hosts[i].asked[k]);
  }
}

static void note_any_reply(void *context, const struct asked *a) {
  bool *any = context;
  *any |= a->outcome == ASKED_ANSWERED;
}

bool lookup_is_silent(const struct lookup *l) {
  bool any = false;
  lookup_each(l, note_any_reply, &any);
  return !any;
}

static void note_any_failure(void *context, const struct asked *a) {
  bool *any = context;
  *any |= !lookup_is_answered(a);
}

bool lookup_is_incomplete(const struct lookup *l) {
  bool any = false;
  lookup_each(l, note_any_failure, &any);
  return any;
}

bool lookup_is_secure(const struct asked *a) { return a->outcome == ASKED_ANSWERED && a->msg[3] & DNS_AD; }

const char *lookup_address_text(const struct address *a, char text[ADDRESS_TEXT]) {
  return inet_ntop(a->family, a->bytes, text, ADDRESS_TEXT);
}

const char *lookup_host_text(const struct host *h, char text[NAME_TEXT]) {
  return domain_text(h->name, h->name_len, text);
}
