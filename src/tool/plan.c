/* plan.c: what an XMPP program would do. Exports plan_*. */
#include "tool/plan.h"

#include <string.h>
#include <sys/socket.h>

enum { NAMED_MAX = 4 /* steps that a sentence names */ };

static const struct service *find_service(const struct lookup *l, enum lookup_side side, bool direct_tls) {
  for (size_t i = 0; i < LOOKUP_SERVICES; i++) {
    const struct service_kind *k = l->services[i].kind;
    if (k->side == side && k->direct_tls == direct_tls && !k->obsolete) return &l->services[i];
  }
  return NULL;
}

/* Every program knows localhost, whatever the DNS says (RFC 6761 section 6.3). */
static bool is_without_address(const struct host *h) {
  return h->address_count == 0 && !host_is_left_out(h) && !domain_is_localhost(h->name, h->name_len);
}

static void add_step(struct plan *p, const struct service *s, size_t i) {
  const struct host *h = s->hosts[i];
  if (s->srv[i].port == 0 || (h && is_without_address(h))) return;
  p->steps[p->count++] = (struct plan_step){
      .host = h, .srv = &s->srv[i], .port = s->srv[i].port, .direct_tls = s->kind->direct_tls};
}

static size_t targets(const struct service *s) { return s->state == SERVICE_OFFERED ? s->count : 0; }

/* Both sorted sets as one; of equals, direct TLS goes first. */
static void merge(struct plan *p, const struct service *tls, const struct service *plain) {
  size_t i = 0, k = 0;
  while (i < targets(tls) || k < targets(plain)) {
    bool take_tls = k == targets(plain) ||
                    (i < targets(tls) && srv_compare(&tls->srv[i], &plain->srv[k]) <= 0);
    if (take_tls) {
      add_step(p, tls, i++);
    } else {
      add_step(p, plain, k++);
    }
  }
}

static bool has_records(const struct service *s) {
  return s->state == SERVICE_OFFERED || s->state == SERVICE_NOT_OFFERED;
}

void plan_make(const struct lookup *l, enum lookup_side side, bool direct_tls, struct plan *out) {
  const struct service unasked = {.state = SERVICE_ABSENT};
  const struct service *plain = find_service(l, side, false);
  const struct service *tls = direct_tls ? find_service(l, side, true) : &unasked;

  *out = (struct plan){.count = 0};
  merge(out, tls, plain);
  if (!has_records(tls) && !has_records(plain)) {
    out->srv_failed = tls->state == SERVICE_FAILED || plain->state == SERVICE_FAILED;
    if (l->domain->address_count > 0) {
      uint16_t port = side == LOOKUP_C2S ? PLAN_PORT_C2S : PLAN_PORT_S2S;
      out->steps[out->count++] = (struct plan_step){.host = l->domain, .port = port};
    }
  }

  if (out->count > 0) {
    out->end = PLAN_CONNECTS;
  } else if (targets(tls) + targets(plain) == 0 && (has_records(tls) || has_records(plain))) {
    out->end = PLAN_NOT_OFFERED;
  } else {
    out->end = PLAN_NO_ADDRESS;
  }
}

bool plan_make_obsolete(const struct lookup *l, struct plan *out) {
  *out = (struct plan){.count = 0};
  for (size_t i = 0; i < LOOKUP_SERVICES; i++) {
    const struct service *s = &l->services[i];
    if (s->kind->side != LOOKUP_S2S) continue;
    if (!s->kind->obsolete && has_records(s)) return false;
    for (size_t k = 0; k < targets(s); k++) add_step(out, s, k);
  }
  out->end = PLAN_CONNECTS;
  return out->count > 0;
}

static bool is_loopback(const struct address *a) {
  static const uint8_t v6[16] = {[15] = 1};
  return a->family == AF_INET ? a->bytes[0] == 127 : memcmp(a->bytes, v6, sizeof v6) == 0;
}

bool plan_leads_out(const struct plan *p) {
  for (size_t i = 0; i < p->count; i++) {
    const struct host *h = p->steps[i].host;
    if (!h || host_is_left_out(h)) return true;
    for (size_t k = 0; k < h->address_count; k++) {
      if (!is_loopback(&h->addresses[k])) return true;
    }
  }
  return false;
}

bool plan_is_equal(const struct plan *a, const struct plan *b) {
  if (a->end != b->end || a->count != b->count || a->srv_failed != b->srv_failed) return false;
  for (size_t i = 0; i < a->count; i++) {
    if (a->steps[i].srv != b->steps[i].srv || a->steps[i].host != b->steps[i].host) return false;
  }
  return true;
}

/* Steps from `from` on that share a priority, of which a program picks by weight. */
static size_t group_end(const struct plan *p, size_t from) {
  size_t to = from + 1;
  while (to < p->count && p->steps[from].srv && p->steps[to].srv->priority == p->steps[from].srv->priority)
    to++;
  return to;
}

const char *plan_step_host(const struct plan_step *s, char text[NAME_TEXT]) {
  return s->host ? lookup_host_text(s->host, text) : domain_text(s->srv->target, s->srv->target_len, text);
}

static void write_step(const struct plan_step *s, bool weight, FILE *out) {
  char host[NAME_TEXT];
  fprintf(out, "%s port %u (%s", plan_step_host(s, host), s->port, plan_tls(s->direct_tls));
  if (weight) fprintf(out, ", weight %u", s->srv->weight);
  fprintf(out, ")");
}

static void write_group(const struct plan *p, size_t from, size_t to, FILE *out) {
  size_t named = to - from > NAMED_MAX ? from + NAMED_MAX : to;
  if (to - from > 1) fprintf(out, "one of ");
  for (size_t i = from; i < named; i++) {
    if (i > from) fprintf(out, i + 1 == to ? " and " : ", ");
    write_step(&p->steps[i], to - from > 1, out);
  }
  if (named < to) fprintf(out, " and %zu more", to - named);
}

void plan_write(const struct plan *p, FILE *out) {
  if (p->end == PLAN_NOT_OFFERED) {
    fprintf(out, "connects nowhere: the service is not offered");
    return;
  }

  if (p->end == PLAN_NO_ADDRESS) {
    fprintf(out, "finds nothing to connect to");
    return;
  }

  fprintf(out, "connects to ");
  size_t at = group_end(p, 0);
  write_group(p, 0, at, out);
  if (at < p->count) fprintf(out, " first; falls back to ");
  for (size_t groups = 1; at < p->count; groups++) {
    if (groups > NAMED_MAX) {
      fprintf(out, ", then to %zu more", p->count - at);
      return;
    }
    if (groups > 1) fprintf(out, ", then to ");
    size_t to = group_end(p, at);
    write_group(p, at, to, out);
    at = to;
  }

  if (!p->steps[0].srv) {
    fprintf(out, p->srv_failed ? ", the domain itself, because the SRV question failed"
                               : ", the domain itself, because there is no SRV record");
  }
}
