/* replies.c: good upstream replies, and bad ones made of them. Exports reply_make, reply_mutate. */
#include "forward/replies.h"

static void put_signature(struct msg *m, enum section section, const char *owner, uint16_t covered) {
  struct rdata rd = rd_fill(9, 18 + 5 + 32);
  store_u16(rd.octets, covered);
  memcpy(rd.octets + 18, "\003lab", 5);
  msg_record(m, section, owner, TYPE_RRSIG, 300, rd);
}

static void put_soa(struct msg *m) {
  msg_record(m, SECTION_AUTHORITY, "lab.", TYPE_SOA, 300, rd_soa("ns.lab.", "host.lab.", 60));
}

static void put_proof(struct msg *m, const char *owner) {
  msg_record(m, SECTION_AUTHORITY, owner, TYPE_NSEC, 300, rd_octets("\003lab\0\0\1\2", 8));
  put_signature(m, SECTION_AUTHORITY, owner, TYPE_NSEC);
}

/* An owner written as a pointer to the question, a target as a pointer into it: what most servers send. */
static void put_compressed_srv(struct msg *m, uint8_t weight) {
  const uint8_t srv[] = {0xc0, DNS_HEADER, 0,      TYPE_SRV, 0,    CLASS_IN, 0,   0,   1,   44,  0,    13, 0,
                         5,    0,          weight, 0x14,     0x95, 4,        'x', 'm', 'p', 'p', 0xc0, 30};
  msg_put(m, srv, sizeof srv);
  msg_set_count(m, 1, (uint16_t)(msg_count(m, 1) + 1));
}

static void fill(unsigned i, struct msg *m) {
  static const char srv[] = "_xmpp-server._tcp.d.lab.";
  switch (i) {
  case 0:
    for (unsigned k = 1; k <= 3; k++)
      msg_record(m, SECTION_ANSWER, "a.lab.", TYPE_A, 60 * k, rd_fill((uint8_t)k, 4));
    break;
  case 1:
    msg_record(m, SECTION_ANSWER, srv, TYPE_SRV, 300, rd_srv(1, 2, 5269, "x.d.lab."));
    msg_record(m, SECTION_ANSWER, srv, TYPE_SRV, 300, rd_srv(1, 3, 5269, "y.d.lab."));
    msg_record(m, SECTION_ADDITIONAL, "x.d.lab.", TYPE_A, 300, rd_a("192.0.2.1"));
    break;
  case 2:
    for (uint8_t k = 0; k < 3; k++) put_compressed_srv(m, k);
    break;
  case 3:
    msg_record(m, SECTION_ANSWER, "l0.lab.", TYPE_CNAME, 300, rd_name("l1.lab."));
    msg_record(m, SECTION_ANSWER, "l1.lab.", TYPE_CNAME, 60, rd_name("l2.lab."));
    msg_record(m, SECTION_ANSWER, "l2.lab.", TYPE_AAAA, 60, rd_aaaa("2001:db8::1"));
    break;
  case 4:
    msg_record(m, SECTION_ANSWER, "old.lab.", TYPE_DNAME, 300, rd_name("new.lab."));
    msg_record(m, SECTION_ANSWER, "x.old.lab.", TYPE_CNAME, 0, rd_name("x.new.lab."));
    msg_record(m, SECTION_ANSWER, "x.new.lab.", TYPE_A, 60, rd_a("192.0.2.1"));
    break;
  case 5: put_soa(m); break; /* NXDOMAIN */
  case 6: put_soa(m); break; /* NODATA */
  case 7:                    /* signed NODATA */
    put_soa(m);
    put_signature(m, SECTION_AUTHORITY, "lab.", TYPE_SOA);
    put_proof(m, "a.lab.");
    break;
  case 8: /* signed, through an alias and a wildcard */
    msg_record(m, SECTION_ANSWER, "l0.lab.", TYPE_CNAME, 300, rd_name("l1.lab."));
    put_signature(m, SECTION_ANSWER, "l0.lab.", TYPE_CNAME);
    msg_record(m, SECTION_ANSWER, "l1.lab.", TYPE_A, 60, rd_a("192.0.2.1"));
    put_signature(m, SECTION_ANSWER, "l1.lab.", TYPE_A);
    put_proof(m, "k.lab.");
    break;
  case 9:
    msg_record(m, SECTION_ANSWER, "_xmppconnect.lab.", TYPE_TXT, 60,
               rd_txt("_xmpp-client-xbosh=https://b.lab/"));
    break;
  case 10: /* an alias to nothing */
    msg_record(m, SECTION_ANSWER, "l0.lab.", TYPE_CNAME, 300, rd_name("l1.lab."));
    put_soa(m);
    break;
  case 11: /* DNAMEs without the CNAMEs made from them, the later one first */
    msg_record(m, SECTION_ANSWER, "new.lab.", TYPE_DNAME, 120, rd_name("newer.lab."));
    msg_record(m, SECTION_ANSWER, "old.lab.", TYPE_DNAME, 300, rd_name("new.lab."));
    msg_record(m, SECTION_ANSWER, "x.newer.lab.", TYPE_A, 180, rd_a("192.0.2.1"));
    break;
  case 12:
    msg_record(m, SECTION_ANSWER, "old.lab.", TYPE_DNAME, 300, rd_name("new.lab."));
    put_signature(m, SECTION_ANSWER, "old.lab.", TYPE_DNAME);
    put_soa(m);
    break;
  default: /* ANY */
    msg_record(m, SECTION_ANSWER, "a.lab.", TYPE_MX, 60, rd_mx(10, "mx.lab."));
    msg_record(m, SECTION_ANSWER, "a.lab.", TYPE_NS, 60, rd_name("ns.lab."));
    msg_record(m, SECTION_ANSWER, "a.lab.", TYPE_A, 60, rd_a("192.0.2.1"));
    msg_record(m, SECTION_AUTHORITY, "lab.", TYPE_NS, 60, rd_name("ns.lab."));
  }
}

void reply_make(unsigned i, struct question *q, struct msg *reply) {
  static const struct {
    const char *name;
    uint16_t type;
    uint8_t rcode, key_flags;
  } rows[REPLIES] = {{"a.lab.", TYPE_A, 0, 0},
                     {"_xmpp-server._tcp.d.lab.", TYPE_SRV, 0, 0},
                     {"_xmpp-server._tcp.d.lab.", TYPE_SRV, 0, 0},
                     {"l0.lab.", TYPE_AAAA, 0, 0},
                     {"x.old.lab.", TYPE_A, 0, 0},
                     {"_xmpps-server._tcp.d.lab.", TYPE_SRV, RCODE_NXDOMAIN, 0},
                     {"a.lab.", TYPE_SRV, 0, 0},
                     {"a.lab.", TYPE_SRV, 0, KEY_DO},
                     {"l0.lab.", TYPE_A, 0, KEY_DO},
                     {"_xmppconnect.lab.", TYPE_TXT, 0, 0},
                     {"l0.lab.", TYPE_A, RCODE_NXDOMAIN, 0},
                     {"x.old.lab.", TYPE_A, 0, 0},
                     {"x.old.lab.", TYPE_A, RCODE_NXDOMAIN, KEY_DO},
                     {"a.lab.", TYPE_ANY, 0, 0}};
  uint8_t name[NAME_MAX_LEN];
  size_t len = name_parse(rows[i].name, name);
  question_make(q, name, len, rows[i].type, CLASS_IN, rows[i].key_flags, KIT_SEED);
  msg_answer(reply, rows[i].name, rows[i].type, rows[i].rcode);
  fill(i, reply);
  msg_opt(reply, 1232, 0, rows[i].key_flags & KEY_DO, NULL, 0);
}

static const uint8_t odd[] = {0, 1, 2, 5, 12, 33, 39, 41, 46, 63, 64, 0x7f, 0x80, 0xbf, 0xc0, 0xff};

static void move_piece(struct msg *m, size_t from, struct rng *r) {
  uint8_t piece[64];
  size_t body = m->len - from, at = from + rng_below(r, body), n = 1 + rng_below(r, sizeof piece);

  if (n > m->len - at) n = m->len - at;
  memcpy(piece, m->octets + at, n);
  size_t to = from + rng_below(r, body);
  switch (rng_below(r, 3)) {
  case 0: /* cut out */
    memmove(m->octets + at, m->octets + at + n, m->len - at - n);
    m->len -= n;
    break;
  case 1: /* doubled */
    memmove(m->octets + to + n, m->octets + to, m->len - to);
    memcpy(m->octets + to, piece, n);
    m->len += n;
    break;
  default: /* written over something else */
    if (n > m->len - to) n = m->len - to;
    memcpy(m->octets + to, piece, n);
  }
}

static void mutate_once(struct msg *m, size_t from, struct rng *r) {
  if (m->len <= from + 1) return;
  size_t at = from + rng_below(r, m->len - from);
  switch (rng_below(r, 8)) {
  case 0: m->octets[at] = (uint8_t)rng_next(r); break;
  case 1: m->octets[at] = odd[rng_below(r, sizeof odd)]; break;
  case 2: m->octets[at] ^= (uint8_t)(1u << rng_below(r, 8)); break;
  case 3:
    m->octets[6 + rng_below(r, 6)] = rng_below(r, 4) ? (uint8_t)rng_below(r, 8) : (uint8_t)rng_next(r);
    break;
  case 4: m->octets[3] = (uint8_t)((m->octets[3] & 0xf0) | rng_below(r, 16)); break;
  case 5:
    if (at + 1 < m->len) store_u16(m->octets + at, (uint16_t)(0xc000 | rng_below(r, m->len + 4)));
    break;
  case 6: m->len = rng_below(r, 4) ? m->len : at; break;
  default: move_piece(m, from, r);
  }
}

void reply_mutate(struct msg *m, size_t question_end, struct rng *r) {
  for (uint64_t n = 1 + rng_below(r, 4); n > 0; n--) mutate_once(m, question_end, r);
}
