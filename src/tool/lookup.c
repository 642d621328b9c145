/* lookup.c: asks for all that XMPP programs ask for and puts it in order. Exports lookup_*. */
#include "tool/lookup.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"

const struct service_kind lookup_kinds[LOOKUP_SERVICES] = {
    {"_xmpps-client._tcp", LOOKUP_C2S, true, false}, {"_xmpp-client._tcp", LOOKUP_C2S, false, false},
    {"_xmpps-server._tcp", LOOKUP_S2S, true, false}, {"_xmpp-server._tcp", LOOKUP_S2S, false, false},
    {"_jabber._tcp", LOOKUP_S2S, false, true},
};

static void add_below(struct ask_list *to, struct asked *a, const char *labels, const struct host *domain,
                      uint16_t type) {
  uint8_t name[NAME_MAX_LEN];
  size_t len = domain_below(labels, domain->name, domain->name_len, name);
  must(len > 0);
  ask_list_add(to, a, name, len, type);
}

/* ---- hosts ---- */

struct hosts *hosts_new(void) {
  return must_zalloc(sizeof(struct hosts));
}

static void free_host(struct host *h) {
  for (size_t i = 0; i < 2; i++) asked_free(&h->asked[i]);
  free(h);
}

void hosts_free(struct hosts *h) {
  if (!h) return;
  for (size_t i = 0; i < h->count; i++) free_host(h->list[i]);
  free(h->list);
  free(h);
}

static struct host *hosts_find(const struct hosts *h, const uint8_t *name, size_t len) {
  for (size_t i = 0; i < h->count; i++) {
    if (name_equal(name, len, h->list[i]->name, h->list[i]->name_len)) return h->list[i];
  }
  return NULL;
}

static struct host *hosts_append(struct hosts *h, const uint8_t *name, size_t len) {
  if (h->count == h->room) {
    h->room = h->room ? 2 * h->room : 16;
    h->list = realloc(h->list, h->room * sizeof *h->list);
    must(h->list);
  }
  struct host *new = must_zalloc(sizeof *new);
  memcpy(new->name, name, len);
  new->name_len = (uint8_t)len;
  return h->list[h->count++] = new;
}

struct host *hosts_get(struct hosts *h, const uint8_t *name, size_t len) {
  struct host *known = hosts_find(h, name, len);
  if (known) return known;
  if (h->count >= LOOKUP_HOSTS_MAX) {
    h->too_many = true;
    return NULL;
  }
  return hosts_append(h, name, len);
}

void hosts_questions(struct hosts *h, struct ask_list *to) {
  for (size_t i = 0; i < h->count; i++) {
    struct host *host = h->list[i];
    if (host->asked[0].name_len > 0) continue;
    ask_list_add(to, &host->asked[0], host->name, host->name_len, TYPE_A);
    ask_list_add(to, &host->asked[1], host->name, host->name_len, TYPE_AAAA);
  }
}

/* ---- a lookup ---- */

struct lookup *lookup_new(const uint8_t *name, size_t len, enum lookup_side sides, bool all_records,
                          struct hosts *hosts) {
  struct lookup *l = must_zalloc(sizeof *l);
  l->owns_hosts = !hosts;
  l->hosts = hosts ? hosts : hosts_new();
  struct host *known = hosts_find(l->hosts, name, len);
  /* never one too many: nobody but us chose it */
  l->domain = known ? known : hosts_append(l->hosts, name, len);
  l->sides = sides;
  l->all_records = all_records;
  for (size_t i = 0; i < LOOKUP_SERVICES; i++) l->services[i].kind = &lookup_kinds[i];
  return l;
}

static void free_service(struct service *s) {
  asked_free(&s->asked);
  free(s->srv);
  free(s->hosts);
}

void lookup_free(struct lookup *l) {
  if (!l) return;
  for (size_t i = 0; i < LOOKUP_SERVICES; i++) free_service(&l->services[i]);
  asked_free(&l->connect_txt);
  if (l->owns_hosts) hosts_free(l->hosts);
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
  struct edns edns;
  struct edns_ede ede;

  if (a->outcome != ASKED_ANSWERED || !edns_read(a->msg, a->len, &edns)) return false;
  while (edns_next_ede(&edns, &ede)) {
    if (ede.code == STALE_ANSWER || ede.code == STALE_NXDOMAIN_ANSWER) return true;
  }
  return false;
}

static void make_room(struct service *s, size_t *room) {
  if (s->count < *room) return;
  *room = *room ? 2 * *room : 8;
  s->srv = realloc(s->srv, *room * sizeof *s->srv);
  must(s->srv);
}

static void read_services_records(struct service *s) {
  struct record r;
  struct srv none = {0};
  size_t room = 0;

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
    } else if (s->count < LOOKUP_SRV_MAX) {
      make_room(s, &room);
      s->srv[s->count++] = srv;
    } else {
      s->too_many = true;
    }
  }

  s->none_among_others = none.target_len > 0 && s->count > 0;
  s->malformed += p.w.err;
  s->state = s->count > 0 ? SERVICE_OFFERED : s->malformed > 0 ? SERVICE_FAILED : SERVICE_ABSENT;
  if (none.target_len > 0 && s->count == 0) {
    make_room(s, &room);
    s->srv[s->count++] = none;
    s->state = SERVICE_NOT_OFFERED;
  }

  srv_sort(s->srv, s->count);
  if (s->count > 0) s->hosts = must_zalloc(s->count * sizeof(struct host *));
}

static void read_addresses(struct host *h, const struct asked *a, int family) {
  struct record r;
  uint16_t octets = family == AF_INET ? 4 : 16;
  if (!lookup_is_answered(a)) return;
  struct alias alias = reply_follow(a->msg, a->len, h->name, h->name_len);
  if (alias.links > h->alias.links) h->alias = alias;
  struct reply p = reply_open(a->msg, a->len);
  while (h->address_count < LOOKUP_ADDRESSES_MAX && reply_next_answer(&p, a->type, &r)) {
    if (r.rdlen != octets || !name_equal(r.owner, r.owner_len, alias.name, alias.name_len)) continue;
    struct address *to = &h->addresses[h->address_count++];
    *to = (struct address){.family = family, .ttl = r.ttl};
    memcpy(to->bytes, record_rdata(&r), octets);
  }
}

static int compare_addresses(const void *a, const void *b) {
  return memcmp(((const struct address *)a)->bytes, ((const struct address *)b)->bytes, 16);
}

/* Servers give the addresses of a set in another order each time: sorted, two runs say the same. */
void hosts_read(struct hosts *h) {
  for (size_t i = 0; i < h->count; i++) {
    struct host *host = h->list[i];
    if (host->address_count > 0) continue; /* read before */
    read_addresses(host, &host->asked[0], AF_INET);
    size_t v4 = host->address_count;
    read_addresses(host, &host->asked[1], AF_INET6);
    qsort(host->addresses, v4, sizeof *host->addresses, compare_addresses);
    qsort(host->addresses + v4, host->address_count - v4, sizeof *host->addresses, compare_addresses);
  }
}

/* Finds the hosts of all targets. The best target of each service comes first, then the second best of each:
 * a service with very many targets does not leave another one without. */
static void find_hosts(struct lookup *l) {
  for (size_t rank = 0; rank < LOOKUP_SRV_MAX; rank++) {
    for (size_t i = 0; i < LOOKUP_SERVICES; i++) {
      struct service *s = &l->services[i];
      if (s->state != SERVICE_OFFERED || rank >= s->count) continue;
      s->hosts[rank] = hosts_get(l->hosts, s->srv[rank].target, s->srv[rank].target_len);
    }
  }
}

void lookup_questions(struct lookup *l, struct ask_list *to) {
  for (size_t i = 0; i < LOOKUP_SERVICES; i++) {
    struct service *s = &l->services[i];
    if (!(s->kind->side & l->sides) || (s->kind->obsolete && !l->all_records)) continue;
    s->state = SERVICE_FAILED; /* until an answer says better */
    add_below(to, &s->asked, s->kind->labels, l->domain, TYPE_SRV);
  }
  if (l->all_records) add_below(to, &l->connect_txt, "_xmppconnect", l->domain, TYPE_TXT);
}

void lookup_read_services(struct lookup *l) {
  for (size_t i = 0; i < LOOKUP_SERVICES; i++) {
    if (lookup_is_answered(&l->services[i].asked)) read_services_records(&l->services[i]);
  }
  find_hosts(l);
}

void lookup_run(struct lookup *l, void (*ask)(void *context, struct asked *const *list, size_t n),
                void *context) {
  struct ask_list list = {.count = 0};

  lookup_questions(l, &list);
  hosts_questions(l->hosts, &list);
  ask(context, list.list, list.count);
  lookup_read_services(l);

  list.count = 0;
  hosts_questions(l->hosts, &list);
  if (list.count > 0) ask(context, list.list, list.count);
  hosts_read(l->hosts);
  ask_list_free(&list);
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
  for (size_t i = 0; i < l->hosts->count; i++) {
    for (size_t k = 0; k < 2; k++) each(context, &l->hosts->list[i]->asked[k]);
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

bool lookup_is_servfail(const struct asked *a) {
  return a->outcome == ASKED_ANSWERED && reply_rcode(a->msg, a->len) == RCODE_SERVFAIL;
}

bool lookup_is_secure(const struct asked *a) { return a->outcome == ASKED_ANSWERED && a->msg[3] & DNS_AD; }

unsigned lookup_dnssec_ede(const struct asked *a, unsigned least) {
  enum { EDE_NSEC_MISSING = 12 };
  struct edns edns;
  struct edns_ede ede;
  if (!lookup_is_servfail(a) || !edns_read(a->msg, a->len, &edns)) return 0;
  while (edns_next_ede(&edns, &ede)) {
    if (ede.code >= least && ede.code <= EDE_NSEC_MISSING) return ede.code;
  }
  return 0;
}

const char *lookup_proof_text(const struct asked *a, char text[PROOF_TEXT]) {
  enum { EDE_INDETERMINATE = 5 };
  if (lookup_is_answered(a)) return lookup_is_secure(a) ? "secure" : "insecure";
  unsigned code = lookup_dnssec_ede(a, EDE_INDETERMINATE);
  if (!code) return NULL;
  snprintf(text, PROOF_TEXT, "bogus (%s)", edns_ede_name((uint16_t)code));
  return text;
}

const char *lookup_address_text(const struct address *a, char text[ADDRESS_TEXT]) {
  return inet_ntop(a->family, a->bytes, text, ADDRESS_TEXT);
}

const char *lookup_host_text(const struct host *h, char text[NAME_TEXT]) {
  return domain_text(h->name, h->name_len, text);
}

union addr lookup_socket_of(const struct address *a, uint16_t port) {
  union addr to = {.any.sa_family = (sa_family_t)a->family};
  if (a->family == AF_INET) {
    to.v4.sin_port = htons(port);
    memcpy(&to.v4.sin_addr, a->bytes, 4);
  } else {
    to.v6.sin6_port = htons(port);
    memcpy(&to.v6.sin6_addr, a->bytes, 16);
  }
  return to;
}
