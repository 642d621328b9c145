/* query.c: a client's packet read in one pass, and refused. Exports query_read, query_refuse. */
#include "dns/query.h"

#include "dns/answer.h"
#include "dns/edns.h"

/* OPT comes with every other query, so its way is kept in one piece and what is rare out of it: with the
 * cursor in registers it takes a hundred instructions less. */
#define HOT static inline __attribute__((always_inline))
#define RARE static __attribute__((noinline))

/* Where the labels that begin at `at` end: at the root, a pointer, or the first octet behind what a name may
 * have. */
static size_t skip_labels(const uint8_t *msg, size_t at, size_t len) {
  if (len > at + NAME_MAX_LEN) len = at + NAME_MAX_LEN;
  while (at < len && (uint8_t)(msg[at] - 1) < 63) at += 1u + msg[at];
  return at;
}

/* The name of a question stands alone at offset 12: it has nothing before it that a pointer could name. */
static size_t question_name_len(const uint8_t *msg, size_t len) {
  size_t at = skip_labels(msg, DNS_HEADER, len);
  size_t n = at + 1 - DNS_HEADER;
  return at < len && msg[at] == 0 && n <= NAME_MAX_LEN ? n : 0;
}

enum { OPTIONS_MAX = 16 }; /* of EDNS: there are no more in use, and a packet full of them must not be dear */

/* Takes in what is understood; false when it is not as it should be. Of two cookies the first counts. */
RARE bool read_option(struct query_opts *m, uint16_t code, const uint8_t *octets, uint16_t len) {
  if (code == OPT_KEEPALIVE) { /* RFC 7828 section 3.2.1 */
    if (len == 0) m->keepalive = true;
    else m->keepalive_wrong = true;
    return true;
  }
  if (m->cookie_len) return true;
  if (len != 8 && (len < 16 || len > COOKIE_MAX)) return false;
  memcpy(m->cookie, octets, len);
  m->cookie_len = (uint8_t)len;
  return true;
}

HOT enum query_verdict read_opt(struct query_opts *m, struct edns e) {
  if (m->edns) return QUERY_FORMERR;
  m->edns = true;
  m->udp_size = e.udp_size < DNS_UDP_PLAIN ? DNS_UDP_PLAIN : e.udp_size; /* RFC 6891 section 6.2.3 */
  m->dnssec_ok = e.dnssec_ok;
  if (e.version != 0) return QUERY_BADVERS;

  struct edns_option option;
  enum edns_step step;
  for (unsigned count = 0; (step = edns_next(&e, &option)) == EDNS_OPTION; count++) {
    if (count == OPTIONS_MAX) return QUERY_FORMERR;
    bool known = option.code == OPT_COOKIE || option.code == OPT_KEEPALIVE;
    /* its address is not taken, so that it stays in registers */
    if (known && !read_option(m, option.code, option.octets, option.len)) return QUERY_FORMERR;
  }

  return step == EDNS_END ? QUERY_OK : QUERY_FORMERR;
}

/* Steps over an owner name without following where it leads. */
HOT void skip_name(struct wire *w) {
  size_t at = skip_labels(w->msg, w->at, w->len), n = at + 1 - w->at;
  bool pointer = at < w->len && w->msg[at] > 63;
  if (n > NAME_MAX_LEN) w->err = true;
  wire_bytes(w, n + pointer);
}

/* Additional records: OPT is understood, others (TSIG, SIG(0)) are stepped over; anything behind them is
 * wrong. No program sends more than a few: a packet full of them must not be dear. */
enum { ADDITIONAL_MAX = 4 };

HOT enum query_verdict read_record(struct query_opts *m, struct wire *w) {
  bool at_root = w->at < w->len && w->msg[w->at] == 0;
  skip_name(w);
  uint16_t type = wire_u16(w), klass = wire_u16(w);
  uint32_t ttl = wire_u32(w);
  uint16_t rdlen = wire_u16(w);
  const uint8_t *rdata = wire_bytes(w, rdlen);
  if (w->err) return QUERY_FORMERR;
  if (type != TYPE_OPT) return QUERY_OK;
  return at_root ? read_opt(m, edns_from_record(klass, ttl, rdata, rdlen)) : QUERY_FORMERR;
}

HOT enum query_verdict read_additional(struct query_opts *m, struct wire *w, unsigned records) {
  enum query_verdict verdict = QUERY_OK;
  if (records > ADDITIONAL_MAX) return QUERY_FORMERR;
  for (; records > 0 && verdict == QUERY_OK; records--) verdict = read_record(m, w);
  return verdict == QUERY_OK && w->at != w->len ? QUERY_FORMERR : verdict;
}

/* A message that is answered without being read otherwise: its OPT is looked for, since the answer must then
 * have one, and the version is what is told first (RFC 6891 sections 6.1.1 and 6.1.3). Else `verdict`.
 * Sections stand in all opcodes as in QUERY; where they don't there is just no OPT. */
RARE enum query_verdict unread(struct query_opts *m, const uint8_t *msg, size_t len,
                               enum query_verdict verdict) {
  enum { RECORDS_MAX = 8 };
  struct wire w = wire_read(msg, len);
  unsigned questions = load_u16(msg + 4),
           records = (unsigned)load_u16(msg + 6) + load_u16(msg + 8) + load_u16(msg + 10);
  w.at = DNS_HEADER;
  if (questions + records > RECORDS_MAX || load_u16(msg + 10) == 0) return verdict;
  for (; questions > 0; questions--) {
    skip_name(&w);
    wire_bytes(&w, 4);
  }
  for (; records > 0 && !m->edns && !w.err; records--) {
    if (read_record(m, &w) == QUERY_BADVERS) return QUERY_BADVERS;
  }
  return verdict;
}

/* Without a question: a cookie is asked for, or nothing that makes sense. */
RARE enum query_verdict read_no_question(struct query_opts *m, const uint8_t *msg, size_t len) {
  struct wire w = wire_read(msg, len);
  w.at = DNS_HEADER;
  if (load_u16(msg + 6) || load_u16(msg + 8)) return unread(m, msg, len, QUERY_FORMERR);
  enum query_verdict verdict = read_additional(m, &w, load_u16(msg + 10));
  if (verdict != QUERY_OK) return verdict;
  return m->cookie_len ? QUERY_COOKIE : QUERY_FORMERR;
}

/* Types that nobody can ask for: they stand for something else than records. */
static bool is_no_question(uint16_t type) { return type == TYPE_OPT || type == TYPE_NXNAME || type == 0; }

static enum query_verdict judge_type(uint16_t type, uint16_t klass) {
  if (is_no_question(type)) return QUERY_FORMERR;
  if (type >= TYPE_TKEY && type <= TYPE_AXFR) return QUERY_REFUSED;
  if (type == TYPE_MAILB || type == TYPE_MAILA) return QUERY_NOTIMP;
  return klass == CLASS_CH ? QUERY_REFUSED : QUERY_OK;
}

enum query_verdict query_read(struct query *q, const uint8_t *msg, size_t len, uint64_t seed) {
  if (len < DNS_HEADER || msg[2] & DNS_QR) return QUERY_SILENT;
  struct query_opts *m = &q->query_opts;
  m->id = load_u16(msg);
  m->opcode_rd = msg[2] & (DNS_OPCODE | DNS_RD);
  m->cd = msg[3] & DNS_CD;
  m->ad = msg[3] & DNS_AD;
  m->qname_wire = NULL;
  m->edns = m->dnssec_ok = m->keepalive = m->keepalive_wrong = false;
  m->idle_x100ms = 0;
  m->rotation = 0;
  m->cookie_len = 0;
  m->udp_size = DNS_UDP_PLAIN;
  m->udp_ours = DNS_UDP_OURS;
  m->name_len = 0;
  if (msg[2] & DNS_OPCODE) return unread(m, msg, len, QUERY_NOTIMP);
  if (load_u16(msg + 4) != 1)
    return load_u16(msg + 4) ? unread(m, msg, len, QUERY_FORMERR) : read_no_question(m, msg, len);
  size_t name_len = question_name_len(msg, len);
  size_t end = DNS_HEADER + name_len + 4;
  if (!name_len || end > len) return unread(m, msg, len, QUERY_FORMERR);
  m->qname_wire = msg + DNS_HEADER;
  m->name_len = (uint16_t)name_len;
  uint16_t type = load_u16(msg + end - 4), klass = load_u16(msg + end - 2);

  /* before the counts: it has a SOA in its authority section */
  if (type == TYPE_IXFR) return unread(m, msg, len, QUERY_REFUSED);
  if (load_u16(msg + 6) || load_u16(msg + 8)) return unread(m, msg, len, QUERY_FORMERR);
  unsigned additional = load_u16(msg + 10);
  if (additional || end != len) {
    struct wire w = wire_read(msg, len);
    w.at = end;
    enum query_verdict verdict = read_additional(m, &w, additional);
    if (verdict != QUERY_OK) return verdict;
  }

  enum query_verdict verdict = judge_type(type, klass);
  if (verdict == QUERY_OK) {
    uint8_t flags = (uint8_t)((m->dnssec_ok ? KEY_DO : 0) | (m->cd ? KEY_CD : 0));
    question_make(&q->question, m->qname_wire, name_len, type, klass, flags, seed);
  }

  return verdict;
}

size_t query_refuse(const struct query_opts *m, enum query_verdict verdict, uint8_t *out) {
  static const uint8_t rcodes[] = {
      [QUERY_FORMERR] = RCODE_FORMERR, [QUERY_NOTIMP] = RCODE_NOTIMP,  [QUERY_BADVERS] = RCODE_BADVERS,
      [QUERY_REFUSED] = RCODE_REFUSED, [QUERY_COOKIE] = RCODE_NOERROR, [QUERY_BADCOOKIE] = RCODE_BADCOOKIE};
  if (verdict == QUERY_SILENT || verdict == QUERY_OK) return 0;
  int ede = verdict == QUERY_NOTIMP || verdict == QUERY_REFUSED ? EDE_NOT_SUPPORTED : EDE_NONE;
  if (verdict == QUERY_FORMERR && m->qname_wire && is_no_question(load_u16(m->qname_wire + m->name_len)))
    ede = EDE_INVALID_TYPE;
  return answer_error(m, rcodes[verdict], ede, "", out);
}
