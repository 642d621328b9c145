/* engine_name.c: the address of the fleet's engine. Exports engine_name_find. */
#include "daemon/engine_name.h"

#include <stdlib.h>

#include "base/clock.h"
#include "dns/record.h"

enum { ADDRESSES_MAX = 16 };

static bool read_address(const struct record *r, union addr *out) {
  const uint8_t *rdata = record_rdata(r);
  *out = (union addr){0};
  if (r->type == TYPE_A && r->rdlen == 4) {
    out->v4.sin_family = AF_INET;
    memcpy(&out->v4.sin_addr, rdata, 4);
  } else if (r->type == TYPE_AAAA && r->rdlen == 16) {
    out->v6.sin6_family = AF_INET6;
    memcpy(&out->v6.sin6_addr, rdata, 16);
  } else {
    return false;
  }
  return true;
}

static int by_octets(const void *one, const void *other) {
  const union addr *a = one, *b = other;
  if (a->any.sa_family != b->any.sa_family) return a->any.sa_family - b->any.sa_family;
  return a->any.sa_family == AF_INET6 ? memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, 16)
                                      : memcmp(&a->v4.sin_addr, &b->v4.sin_addr, 4);
}

/* Those of an answer: how many, and the nth, which begins anew behind the last. */
static unsigned find_address(const uint8_t *msg, size_t len, unsigned nth, union addr *out) {
  struct wire w = record_start(msg, len);
  union addr all[ADDRESSES_MAX];
  struct record r;
  unsigned count = 0;
  if (len < DNS_HEADER) return 0;
  for (unsigned n = load_u16(msg + 6); n > 0 && count < ADDRESSES_MAX && record_read(&w, &r); n--)
    count += read_address(&r, &all[count]);
  if (count > 0) qsort(all, count, sizeof *all, by_octets); /* answers are rotated */
  if (count > 0) *out = all[nth % count];
  return count;
}

static uint16_t type_to_ask(const struct engine_name *n) {
  bool is_v6 = (n->failed % 2 == 1) != n->is_second;
  return is_v6 ? TYPE_AAAA : TYPE_A;
}

static void ask(struct engine_name *n, const uint8_t *name, size_t len, uint64_t now_ms);

static void take(struct engine_name *n, const uint8_t *msg, size_t len, uint64_t now_ms) {
  union addr addr;
  uint8_t name[NAME_MAX_LEN];
  n->is_asking = false;
  if (n->is_over) return;
  if (find_address(msg, len, n->failed / 2, &addr)) {
    line_found(n->link, &addr, now_ms);
  } else if (len && !n->is_second) {
    n->is_second = true;
    memcpy(name, n->question.key, n->question.name_len);
    ask(n, name, n->question.name_len, now_ms);
  } else {
    line_found(n->link, NULL, now_ms);
  }
}

static void on_answer(const struct client *c, const uint8_t *msg, size_t len) {
  take(c->owner, msg, len, clock_ms());
}

static void ask(struct engine_name *n, const uint8_t *name, size_t len, uint64_t now_ms) {
  struct query q = {
      .query_opts = {.name_len = (uint16_t)len, .opcode_rd = DNS_RD, .udp_size = DNS_UDP_PLAIN}};
  struct client client = {.deliver = on_answer, .owner = n, .transport = TRANSPORT_TCP};
  client.peer.v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  uint8_t *out = malloc(DNS_MSG_MAX);
  if (!out) {
    line_found(n->link, NULL, now_ms);
    return;
  }

  question_make(&n->question, name, len, type_to_ask(n), 1, 0, n->serve->seed);
  q.question = n->question;
  q.query_opts.qname_wire = n->question.key; /* it begins as a question section does */
  n->is_asking = true;
  count(n->serve->counters, queries);
  struct serve_result result = serve_question(n->serve, &q, &client, now_ms, out);
  if (result.len != SERVE_LATER) take(n, out, result.len > 0 ? (size_t)result.len : 0, now_ms);
  free(out);
}

void engine_name_find(void *ctx, const char *name, uint64_t now_ms) {
  struct engine_name *n = ctx;
  uint8_t wire[NAME_MAX_LEN];
  size_t len = name_parse(name, wire);
  if (n->is_asking) return; /* it is told when that is over */
  uint64_t connects = line_look(n->link)->connects;
  n->failed += n->asked_before && n->connects == connects;
  n->asked_before = true;
  n->connects = connects;
  n->is_second = false;
  if (len) ask(n, wire, len, now_ms);
  else line_found(n->link, NULL, now_ms);
}
