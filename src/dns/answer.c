/* answer.c: from an answer as kept to the octets one client gets. Exports answer_write, answer_rcode,
 * answer_error, answer_error_within, answer_fail, answer_message, answer_view_message, answer_least_ttl,
 * answer_limit_ttl, answer_note_rotation; answer_rotation to the module. */
#include "dns/answer_priv.h"

#include <assert.h>

#include "dns/edns.h"

static_assert(sizeof(struct answer_head) == 16, "a cache entry's size depends on it");

enum { EDE_TEXT_MAX = 100 };

static inline size_t question_len(const struct query_opts *m) { return m->qname_wire ? m->name_len + 4u : 0; }

static void write_header(const struct query_opts *m, unsigned rcode, uint8_t bits, uint8_t *out) {
  store_u16(out, m->id);
  out[2] = DNS_QR | m->opcode_rd;
  out[3] = (uint8_t)(DNS_RA | bits | (m->cd ? DNS_CD : 0) | (rcode & DNS_RCODE));
  store_u16(out + 4, m->qname_wire ? 1 : 0);
  memset(out + 6, 0, 6);
  if (m->qname_wire) memcpy(out + DNS_HEADER, m->qname_wire, question_len(m));
}

/* What write_opt will take for m, with an EDE without text. */
static inline size_t opt_len(const struct query_opts *m, bool ede) {
  return DNS_OPT + (ede ? EDNS_OPTION_HEAD + 2 : 0) + (m->idle_x100ms ? EDNS_OPTION_HEAD + 2 : 0) +
         (m->cookie_len ? (size_t)EDNS_OPTION_HEAD + m->cookie_len : 0);
}

/* By value and out of the way of the many answers without one. */
static __attribute__((noinline)) struct edns_writer add_ede(struct edns_writer w, int ede, const char *text) {
  size_t text_len = strnlen(text, EDE_TEXT_MAX);
  uint8_t *octets = edns_add(&w, OPT_EDE, 2 + text_len);
  store_u16(octets, (uint16_t)ede);
  memcpy(octets + 2, text, text_len);
  return w;
}

/* Appends OPT (RFC 6891 section 6.1.2) with an EDE (RFC 8914), EDE_NONE for none, and the keepalive (RFC
 * 7828) and the cookie (RFC 7873) that m says; counts it. Returns the new length. */
static size_t write_opt(const struct query_opts *m, unsigned rcode, int ede, const char *text, uint8_t *out,
                        size_t at) {
  struct edns_writer w = edns_start(out + at, m->udp_ours, rcode, m->dnssec_ok);
  if (ede != EDE_NONE) w = add_ede(w, ede, text);
  if (m->idle_x100ms) store_u16(edns_add(&w, OPT_KEEPALIVE, 2), m->idle_x100ms);
  if (m->cookie_len) memcpy(edns_add(&w, OPT_COOKIE, m->cookie_len), m->cookie, m->cookie_len);
  store_u16(out + 10, (uint16_t)(load_u16(out + 10) + 1));
  return at + edns_finish(&w);
}

size_t answer_error(const struct query_opts *m, unsigned rcode, int ede, const char *text, uint8_t *out) {
  write_header(m, rcode, 0, out);
  size_t at = DNS_HEADER + question_len(m);
  return m->edns ? write_opt(m, rcode, ede, text, out, at) : at;
}

size_t answer_error_within(const struct query_opts *m, unsigned rcode, int ede, const char *text, size_t most,
                           uint8_t *out) {
  size_t len = answer_error(m, rcode, ede, text, out);
  if (len <= most) return len;

  struct query_opts bare = *m;
  bare.cookie_len = 0;
  bare.idle_x100ms = 0;
  len = answer_error(&bare, rcode, ede, text, out);
  return len <= most ? len : answer_rcode(&bare, rcode, out);
}

size_t answer_rcode(const struct query_opts *m, unsigned rcode, uint8_t *out) {
  return answer_error(m, rcode, EDE_NONE, "", out);
}

size_t answer_fail(const struct query_opts *m, enum err why, uint8_t *out) {
  /* To SERVFAIL and REFUSED programs ask the next server in resolv.conf, which would tell the address. */
  return answer_error(m, why == ERR_REBIND ? RCODE_NOERROR : RCODE_SERVFAIL, err_ede(why), err_text(why),
                      out);
}

size_t answer_view_message(const struct question *q, const struct answer_view *v, uint8_t out[DNS_MSG_MAX]) {
  struct query_opts m = {.qname_wire = q->key, .name_len = q->name_len};
  size_t at = DNS_HEADER + question_len(&m);
  if (at + v->head.body_len > DNS_MSG_MAX) return 0;
  write_header(&m, v->head.rcode, 0, out);
  store_u16(out + 6, v->head.an);
  store_u16(out + 8, v->head.ns);
  store_u16(out + 10, v->head.ar);
  memcpy(out + at, v->body, v->head.body_len);
  return at + v->head.body_len;
}

size_t answer_message(const struct question *q, const struct answer *a, uint8_t out[DNS_MSG_MAX]) {
  struct answer_view v = answer_view(a);
  return answer_view_message(q, &v, out);
}

uint32_t answer_least_ttl(const struct answer_view *v, unsigned from, unsigned to) {
  uint32_t least = UINT32_MAX;
  for (unsigned i = from; i < to; i++) {
    uint32_t ttl = load_u32(v->body + answer_ttl_offset(v, i));
    if (ttl < least) least = ttl;
  }
  return least;
}

void answer_limit_ttl(struct answer *a, uint32_t most_s) {
  unsigned n = most_s ? answer_records(&a->head) : 0;
  for (unsigned i = 0; i < n; i++) {
    uint8_t *ttl = a->body + a->ttl_at[i];
    if (load_u32(ttl) > most_s) store_u32(ttl, most_s);
  }
  if (most_s && a->ttl_s > most_s) a->ttl_s = most_s;
}

/* Same owner, type and class as the record before it. Its owner is written alike, or points at where the
 * other's begins; `base` is the body's offset in the message. */
static bool same_rrset(const struct answer_view *v, unsigned i, size_t base) {
  if (i == 0) return false;
  size_t start = answer_record_end(v, i - 1), before = i > 1 ? answer_record_end(v, i - 2) : 0;
  size_t ttl = answer_ttl_offset(v, i), ttl_before = answer_ttl_offset(v, i - 1), len = ttl - start;
  if (len == ttl_before - before && memcmp(v->body + start, v->body + before, len) == 0) return true;
  return len == 6 && load_u16(v->body + start) == 0xc000 + base + before &&
         memcmp(v->body + ttl - 4, v->body + ttl_before - 4, 4) == 0;
}

/* Lessens v's counts to what fits into `room` octets behind `base` others and has not run out. False: not
 * even answer and authority fit. */
static bool fit(struct answer_view *v, size_t base, size_t room, uint32_t age_s) {
  unsigned must_fit = (unsigned)v->head.an + v->head.ns, all = must_fit + v->head.ar, keep = must_fit;
  size_t end = must_fit ? answer_record_end(v, must_fit - 1) : 0;
  if (end > room) return false;
  for (unsigned i = must_fit; i < all; i++) {
    if (answer_record_end(v, i) > room || load_u32(v->body + answer_ttl_offset(v, i)) <= age_s) break;
    if (i + 1 == all || !same_rrset(v, i + 1, base)) {
      keep = i + 1;
      end = answer_record_end(v, i);
    }
  }
  v->head.ar = (uint8_t)(keep - must_fit);
  v->head.body_len = (uint16_t)end;
  return true;
}

/* ---- rotation ---- */

static bool is_address(uint16_t type) { return type == TYPE_A || type == TYPE_AAAA; }

/* Are these two neighbours alike but for their RDATA? */
static bool alike(const struct answer_view *v, unsigned i) {
  size_t start = answer_record_start(v, i), before = answer_record_start(v, i - 1),
         len = answer_record_end(v, i) - start;
  return len == start - before &&
         memcmp(v->body + start, v->body + before, answer_ttl_offset(v, i) + 6 - start) == 0;
}

void answer_note_rotation(struct answer *a) {
  struct answer_view v = answer_view(a);
  unsigned first = 0, n = 0;
  while (first < v.head.an && !is_address(answer_record_type(&v, first))) first++;
  while (first + n < v.head.an && is_address(answer_record_type(&v, first + n)) &&
         (n == 0 || alike(&v, first + n)))
    n++;

  /* One more address somewhere behind them is of another RRset, as in an answer to ANY. */
  for (unsigned i = first + n; i < v.head.an; i++) {
    if (is_address(answer_record_type(&v, i))) n = 0;
  }
  a->head.flags = (uint8_t)((a->head.flags & ~ANSWER_ROTATES) | (n > 1 ? ANSWER_ROTATES : 0));
}

struct rotation answer_rotation(const struct answer_view *v, uint32_t rotation) {
  /* 2^32 over the golden ratio: any steps between turns fall evenly on all addresses */
  enum { GOLDEN = 0x9e3779b1 };
  unsigned first = 0, end = v->head.an;
  while (!is_address(answer_record_type(v, first))) first++;
  while (answer_record_type(v, end - 1) != answer_record_type(v, first)) end--;

  struct rotation r = {.first = first, .count = end - first, .start = answer_record_start(v, first)};
  r.stride = (size_t)answer_ttl_offset(v, first + 1) - answer_ttl_offset(v, first);
  r.lead = (unsigned)((uint64_t)(uint32_t)(rotation * (uint32_t)GOLDEN) * r.count >> 32);
  return r;
}

/* The body with another address first: what stands before the RRset, its second part, its first, the rest. */
static void copy_rotated(const struct answer_view *v, uint32_t rotation, uint8_t *out) {
  struct rotation r = answer_rotation(v, rotation);
  size_t first_part = r.lead * r.stride, second_part = (r.count - r.lead) * r.stride,
         end = r.start + r.count * r.stride;
  if (r.start) memcpy(out, v->body, r.start);
  memcpy(out + r.start, v->body + r.start + first_part, second_part);
  memcpy(out + r.start + second_part, v->body + r.start, first_part);
  if (end < v->head.body_len) memcpy(out + end, v->body + end, v->head.body_len - end);
}

/* ---- a client's answer ---- */

static void age_ttls(const struct answer_view *v, enum answer_age age, uint32_t age_s, uint8_t *body) {
  unsigned n = answer_records(&v->head);
  for (unsigned i = 0; i < n; i++) answer_age_ttl(body + answer_ttl_offset(v, i), age, age_s);
}

static __attribute__((noinline)) void write_cut(struct answer_view *v, const struct query_opts *m,
                                                enum answer_age age, uint32_t age_s, size_t at, size_t room,
                                                uint8_t *out) {
  struct answer_opts how = {.age = age, .age_s = age_s, .rotation = m->rotation};
  answer_cut(v, &how, at, room, out + at);
  out[2] |= DNS_TC;
}

size_t answer_write(const struct answer_view *view, const struct query_opts *m, enum answer_age age,
                    uint32_t tick, size_t limit, uint8_t *out) {
  struct answer_view v = *view;
  uint32_t age_s = ticks_age_s(tick, v.head.stored_at);
  size_t at = DNS_HEADER + question_len(m), opt = m->edns ? opt_len(m, age == ANSWER_STALE) : 0;
  size_t room = limit > at + opt ? limit - at - opt : 0;
  bool tc = false;

  if (age == ANSWER_STALE) v.head.ar = 0;
  if (v.head.body_len > room || age != ANSWER_FRESH) tc = !fit(&v, at, room, age_s);
  bool rotates = false;
  uint8_t bits = 0;
  if (v.head.flags & (ANSWER_AD | ANSWER_ROTATES)) {           /* most answers have none */
    bool ad = v.head.flags & ANSWER_AD && age != ANSWER_STALE; /* whether it still holds nobody has checked */
    bits = ad && (m->dnssec_ok || m->ad) && !tc ? DNS_AD : 0;
    rotates = v.head.flags & ANSWER_ROTATES && m->rotation;
  }

  write_header(m, v.head.rcode, bits, out);

  if (tc) {
    write_cut(&v, m, age, age_s, at, room, out);
  } else {
    if (rotates) copy_rotated(&v, m->rotation, out + at);
    else memcpy(out + at, v.body, v.head.body_len);
    age_ttls(&v, age, age_s, out + at);
  }

  store_u16(out + 6, v.head.an);
  store_u16(out + 8, v.head.ns);
  store_u16(out + 10, v.head.ar);
  at += v.head.body_len;

  if (!m->edns) return at;
  return write_opt(m, v.head.rcode, age == ANSWER_STALE ? EDE_STALE : EDE_NONE, "", out, at);
}
