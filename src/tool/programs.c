/* programs.c: how XMPP programs walk through DNS. Exports programs, program_of, walker_*. */
#include "tool/programs.h"

#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "dns/dns.h"
#include "tool/domain.h"
#include "tool/reply.h"

enum { PORT_C2S = 5222, PORT_S2S = 5269 };

const struct program programs[PROGRAM_COUNT] = {
#define PROGRAM(symbol, ...) [PROGRAM_##symbol] = {__VA_ARGS__},
#include "tool/programs.def"
#undef PROGRAM
};

const struct program *program_of(const char *name) {
  for (unsigned i = 0; i < PROGRAM_COUNT; i++) {
    if (strcmp(programs[i].name, name) == 0) return &programs[i];
  }
  return NULL;
}

static bool has(const struct walker *w, enum program_traits trait) { return w->program->traits & trait; }

void walker_start(struct walker *w, const struct program *p, const uint8_t *domain, size_t len) {
  *w = (struct walker){.program = p, .domain_len = (uint8_t)len};
  memcpy(w->domain, domain, len);
}

/* ---- questions ---- */

static void put(struct walker *w, const uint8_t *name, size_t len, uint16_t type) {
  if (w->count == WALKER_QUESTIONS) return;
  struct walker_question *q = &w->questions[w->count++];
  *q = (struct walker_question){.name_len = (uint8_t)len, .type = type};
  memcpy(q->name, name, len);
}

static void put_below(struct walker *w, const char *labels, const uint8_t *name, size_t len, uint16_t type) {
  uint8_t whole[NAME_MAX_LEN];
  size_t whole_len = domain_below(labels, name, len, whole);
  if (whole_len > 0) put(w, whole, whole_len, type);
}

static void put_service(struct walker *w, unsigned service) {
  char labels[64];
  snprintf(labels, sizeof labels, "_%s._tcp", w->program->services[service].service);
  put_below(w, labels, w->domain, w->domain_len, TYPE_SRV);
  if (w->count > 0) w->questions[w->count - 1].service = (uint8_t)service;
}

static void put_addresses(struct walker *w, const uint8_t *name, size_t len) {
  put(w, name, len, TYPE_A);
  put(w, name, len, TYPE_AAAA);
}

static bool has_service(const struct walker *w, unsigned i) {
  return i < PROGRAM_SERVICES && w->program->services[i].service;
}

/* The services before are enough: to those that take one after the other "." is not, they go on to the next.
 */
static bool is_found(const struct walker *w) {
  return has(w, PROGRAM_MIXES) ? w->has_record : w->end_count > 0;
}

static void next_services(struct walker *w) {
  bool is_empty = w->empty > 0;
  w->empty = 0;
  if (has(w, PROGRAM_REPEATS) && is_empty && !w->repeated) {
    w->repeated = true;
    put_service(w, w->service - 1);
    return;
  }

  w->repeated = false;
  if (has(w, PROGRAM_AT_ONCE)) {
    if (w->service > 0) return;
    while (has_service(w, w->service)) put_service(w, w->service++);
    put_addresses(w, w->domain, w->domain_len);
    return;
  }

  while (has_service(w, w->service) && w->count == 0) {
    if (!w->program->services[w->service].if_none || !is_found(w)) put_service(w, w->service);
    w->service++;
  }
}

/* ---- where to ---- */

static void add_domain(struct walker *w) {
  if (w->end_count == WALKER_ENDS) return;
  struct walker_end *e = &w->ends[w->end_count++];
  *e = (struct walker_end){.is_domain = true, .has_address = w->has_domain_address};
  e->srv.port = w->program->server ? PORT_S2S : PORT_C2S;
  e->srv.target_len = w->domain_len;
  memcpy(e->srv.target, w->domain, w->domain_len);
}

/* Of one priority direct TLS goes first; else as they came, which is by service and then as srv_sort has it.
 */
static bool goes_before(const struct walker_end *a, const struct walker_end *b) {
  if (a->srv.priority != b->srv.priority) return a->srv.priority < b->srv.priority;
  return a->direct_tls && !b->direct_tls;
}

static void mix(struct walker *w) {
  for (unsigned i = 1; i < w->end_count; i++) {
    struct walker_end e = w->ends[i];
    unsigned k = i;
    for (; k > 0 && goes_before(&e, &w->ends[k - 1]); k--) w->ends[k] = w->ends[k - 1];
    w->ends[k] = e;
  }
}

/* The services are known. */
static void settle_ends(struct walker *w) {
  if (has(w, PROGRAM_MIXES)) mix(w);
  if (w->end_count == 0 && !w->is_refused) add_domain(w);
  w->stage = WALKER_ADDRESSES;
}

static void put_tlsa(struct walker *w, const struct walker_end *e) {
  char labels[32];
  snprintf(labels, sizeof labels, "_%u._tcp", e->srv.port);
  if (has(w, PROGRAM_TLSA)) put_below(w, labels, e->srv.target, e->srv.target_len, TYPE_TLSA);
}

/* The addresses of the domain were asked for in the beginning. */
static bool is_known(const struct walker *w, const struct walker_end *e) {
  return has(w, PROGRAM_AT_ONCE) && e->is_domain;
}

static void next_of_host(struct walker *w, const struct walker_end *e) {
  const uint8_t *name = e->srv.target;
  size_t len = e->srv.target_len;
  if (w->program->addresses == ADDRESSES_PAIR) {
    put_addresses(w, name, len);
    w->host++;
    return;
  }
  bool first_is_a = w->program->addresses == ADDRESSES_A_THEN_AAAA;
  put(w, name, len, first_is_a == (w->half == 0) ? TYPE_A : TYPE_AAAA);
  w->half ^= 1;
  if (w->half == 0) w->host++;
}

static bool is_enough(const struct walker *w) {
  return !has(w, PROGRAM_ALL_HOSTS) && w->half == 0 && w->host > 0 && w->ends[w->host - 1].has_address;
}

static void next_addresses(struct walker *w) {
  if (w->program->addresses == ADDRESSES_ALL_AT_ONCE) {
    for (; w->host < w->end_count; w->host++) {
      put_addresses(w, w->ends[w->host].srv.target, w->ends[w->host].srv.target_len);
      put_tlsa(w, &w->ends[w->host]);
    }
    return;
  }
  while (w->count == 0 && w->host < w->end_count && !is_enough(w)) {
    if (is_known(w, &w->ends[w->host])) w->host++;
    else next_of_host(w, &w->ends[w->host]);
  }
}

static bool any_address(const struct walker *w) {
  for (unsigned i = 0; i < w->end_count; i++) {
    if (w->ends[i].has_address) return true;
  }
  return false;
}

static bool goes_to_domain(const struct walker *w) {
  return w->end_count > 0 && w->ends[w->end_count - 1].is_domain;
}

/* A and AAAA one after the other. */
static void next_of_domain(struct walker *w) {
  if (w->half < 2) put(w, w->domain, w->domain_len, w->half++ == 0 ? TYPE_A : TYPE_AAAA);
}

static void end_addresses(struct walker *w) {
  bool knows_domain = goes_to_domain(w), falls_back = has(w, PROGRAM_FALLS_BACK) && !knows_domain;
  w->half = 0;
  w->stage = WALKER_TXT;
  if (has(w, PROGRAM_DOMAIN_TOO)) {
    if (falls_back) add_domain(w);
    if (!knows_domain) w->stage = WALKER_DOMAIN;
  } else if (falls_back && !any_address(w)) {
    add_domain(w);
    w->stage = WALKER_ADDRESSES; /* once more, for the domain */
  }
}

static void next_in_stage(struct walker *w) {
  switch (w->stage) {
  case WALKER_SERVICES:
    next_services(w);
    if (w->count == 0) settle_ends(w);
    break;
  case WALKER_ADDRESSES:
    next_addresses(w);
    if (w->count == 0) end_addresses(w);
    break;
  case WALKER_DOMAIN:
    next_of_domain(w);
    if (w->count == 0) w->stage = WALKER_TXT;
    break;
  case WALKER_TXT:
    if (has(w, PROGRAM_TXT)) put_below(w, "_xmppconnect", w->domain, w->domain_len, TYPE_TXT);
    w->stage = WALKER_OVER;
    break;
  case WALKER_OVER: break;
  }
}

bool walker_next(struct walker *w) {
  w->count = 0;
  while (w->count == 0 && w->stage != WALKER_OVER) next_in_stage(w);
  return w->count > 0;
}

/* ---- answers ---- */

/* The last place is the domain's own, where all that programs do comes to an end. */
static void add_end(struct walker *w, const struct srv *srv, bool direct_tls) {
  if (w->end_count == WALKER_ENDS - 1) return;
  w->ends[w->end_count++] = (struct walker_end){.srv = *srv, .direct_tls = direct_tls};
}

static void take_srv(struct walker *w, unsigned service, const uint8_t *msg, size_t len) {
  struct srv list[WALKER_ENDS];
  struct record r;
  size_t n = 0;
  bool direct_tls = strncmp(w->program->services[service].service, "xmpps-", 6) == 0;
  struct reply p = reply_open(msg, len);
  while (n < WALKER_ENDS && reply_next_answer(&p, TYPE_SRV, &r)) n += srv_read(&r, &list[n]);
  srv_sort(list, n);

  w->empty += n == 0;
  w->has_record |= n > 0;
  for (size_t i = 0; i < n; i++) {
    w->is_refused |= srv_is_none(&list[i]);
    if (!srv_is_none(&list[i]) || has(w, PROGRAM_ASKS_DOT)) add_end(w, &list[i], direct_tls);
  }
}

static void take_address(struct walker *w, const struct walker_question *q, const uint8_t *msg, size_t len) {
  struct record r;
  struct reply p = reply_open(msg, len);
  if (!reply_next_answer(&p, q->type, &r)) return;
  w->has_domain_address |= name_equal(q->name, q->name_len, w->domain, w->domain_len);
  for (unsigned i = 0; i < w->end_count; i++) {
    struct srv *s = &w->ends[i].srv;
    w->ends[i].has_address |= name_equal(q->name, q->name_len, s->target, s->target_len);
  }
}

void walker_take(struct walker *w, const struct walker_question *q, const uint8_t *msg, size_t len) {
  bool is_answer = msg && len >= DNS_HEADER && reply_rcode(msg, len) != RCODE_SERVFAIL;
  if (q->type == TYPE_SRV && !has(w, PROGRAM_MIXES))
    w->is_refused = false; /* only the last service's "." counts */
  if (q->type == TYPE_SRV && is_answer) take_srv(w, q->service, msg, len);
  else if (q->type == TYPE_SRV) w->empty++;
  else if (is_answer) take_address(w, q, msg, len);
}
