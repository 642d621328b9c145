/* exchange.c: the question as sent upstream, and what counts as its reply. Exports exchange_*. */
#include "upstream/exchange.h"

#include "dns/edns.h"

/* ---- the question ---- */

/* The bits that say which letters are capitals, 64 at a time (splitmix64's steps). */
static uint64_t capitals(uint64_t seed, size_t block) {
  uint64_t z = seed + (block + 1) * 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

static void mix_case(uint64_t seed, uint8_t *name, size_t len) {
  uint64_t bits = 0;
  for (size_t i = 0; i < len; i++, bits >>= 1) {
    if (i % 64 == 0) bits = capitals(seed, i / 64);
    /* no label is so long that it looks like a letter */
    if (bits & 1 && name[i] >= 'a' && name[i] <= 'z') name[i] -= 'a' - 'A';
  }
}

/* Fills up to a multiple of EXCHANGE_PADDED octets (RFC 7830, RFC 8467 section 4.1); before: those of the
 * message before OPT. */
static void pad(struct edns_writer *w, size_t before) {
  size_t len = before + (size_t)(w->at - w->start) + EDNS_OPTION_HEAD;
  size_t lacking = (EXCHANGE_PADDED - len % EXCHANGE_PADDED) % EXCHANGE_PADDED;
  memset(edns_add(w, OPT_PADDING, lacking), 0, lacking);
}

static size_t write_opt(const struct exchange_opts *m, bool dnssec_ok, uint8_t *out, size_t before) {
  struct edns_writer w = edns_start(out, m->udp_size ? m->udp_size : DNS_UDP_OURS, 0, dnssec_ok);
  if (m->cookie) {
    uint8_t *octets = edns_add(&w, OPT_COOKIE, (size_t)COOKIE_CLIENT + m->cookie->server_len);
    memcpy(octets, m->shown, COOKIE_CLIENT);
    memcpy(octets + COOKIE_CLIENT, m->cookie->server, m->cookie->server_len);
  }
  if (m->transport == TRANSPORT_TCP || m->transport == TRANSPORT_TLS) edns_add(&w, OPT_KEEPALIVE, 0);
  if (transport_is_encrypted(m->transport)) pad(&w, before);
  return edns_finish(&w);
}

size_t exchange_write(const struct question *q, const struct exchange_opts *m,
                      uint8_t out[EXCHANGE_QUERY_MAX]) {
  uint8_t flags = question_flags(q);
  struct wire_out w = {.buf = out, .cap = EXCHANGE_QUERY_MAX};

  wire_put_u16(&w, 0);
  wire_put_u16(&w, (uint16_t)(DNS_RD << 8 | (flags & KEY_CD ? DNS_CD : 0) | (m->ad ? DNS_AD : 0)));
  wire_put_u16(&w, 1);
  wire_put_u32(&w, 0);
  wire_put_u16(&w, m->edns ? 1 : 0);
  wire_put(&w, q->key, q->name_len + 4u);
  if (m->case_seed) mix_case(m->case_seed, out + DNS_HEADER, q->name_len);
  if (m->edns) w.at += write_opt(m, m->dnssec_ok || flags & KEY_DO, out + w.at, w.at);
  return w.at;
}

/* ---- the reply ---- */

/* The cookie must be ours. A server that gave its own once gives one always (RFC 7873 section 5.3), also when
 * it says that it understands nothing: else whoever can forge that much could do away with cookies. One that
 * gives ours back alone does not know what it is, but has seen it. */
static bool shows_cookie(const struct exchange *x, const uint8_t *msg, size_t len) {
  struct server_cookie *c = x->query_opts.cookie;
  size_t n = 0;
  if (!c) return true;
  const uint8_t *cookie = edns_option(msg, len, OPT_COOKIE, &n);
  bool echo = cookie && n == COOKIE_CLIENT && memcmp(cookie, x->query_opts.shown, n) == 0;
  if (!cookie || echo) {
    c->unanswered = c->server_len == 0; /* who gave one before gives one always */
    return c->unanswered;
  }
  if (n < COOKIE_CLIENT + COOKIE_SERVER_MIN || n > COOKIE_CLIENT + COOKIE_SERVER_MAX) return false;
  if (memcmp(cookie, x->query_opts.shown, COOKIE_CLIENT) != 0) return false;
  if (memcmp(cookie, c->client, COOKIE_CLIENT) != 0) return true; /* it is for the one before */
  c->server_len = (uint8_t)(n - COOKIE_CLIENT);
  memcpy(c->server, cookie + COOKIE_CLIENT, c->server_len);
  return true;
}

static enum reply_worth prove(const struct exchange *x, const uint8_t *msg, size_t len) {
  return shows_cookie(x, msg, len) ? REPLY_RIGHT : REPLY_NO_COOKIE;
}

/* A reply without the question: a bare header, by which a server says that it understands nothing, the same
 * with OPT, by which it says that it is not EDNS that it means (RFC 6891 section 7), or a failure that shows
 * our cookie, which says more for it than the question would. */
static enum reply_worth judge_without_question(const struct exchange *x, const uint8_t *msg, size_t len) {
  unsigned rcode = msg[3] & DNS_RCODE;
  bool lost = rcode == RCODE_FORMERR || rcode == RCODE_NOTIMP;
  size_t n = 0;
  if (lost && (len == DNS_HEADER || edns_is_in(msg, len))) return prove(x, msg, len);
  if (!x->query_opts.cookie || (!lost && rcode != RCODE_SERVFAIL && rcode != RCODE_REFUSED))
    return REPLY_WRONG;
  bool has_cookie = edns_option(msg, len, OPT_COOKIE, &n) && n > COOKIE_CLIENT;
  return has_cookie && shows_cookie(x, msg, len) ? REPLY_RIGHT : REPLY_WRONG;
}

enum reply_worth exchange_judge(const struct exchange *x, const uint8_t *msg, size_t len) {
  if (len < DNS_HEADER || !(msg[2] & DNS_QR) || msg[2] & DNS_OPCODE || load_u16(msg) != x->id)
    return REPLY_WRONG;
  if (load_u16(msg + 4) == 0) return judge_without_question(x, msg, len);
  const struct question *q = x->question;
  const uint8_t *name = msg + DNS_HEADER;
  size_t end = DNS_HEADER + q->name_len + 4u;
  if (load_u16(msg + 4) != 1 || len < end || !name_equal(name, q->name_len, q->key, q->name_len) ||
      memcmp(name + q->name_len, q->key + q->name_len, 4) != 0) {
    return REPLY_WRONG;
  }

  if (x->query_opts.case_seed) {
    uint8_t name_sent[NAME_MAX_LEN];
    memcpy(name_sent, q->key, q->name_len);
    mix_case(x->query_opts.case_seed, name_sent, q->name_len);
    if (memcmp(name, name_sent, q->name_len) != 0) return REPLY_CASE_MISMATCH;
  }

  return prove(x, msg, len);
}
