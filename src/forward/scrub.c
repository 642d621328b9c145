/* scrub.c: takes out of an upstream's reply what answers the question. Exports scrub_reply, scrub_part. */
#include "forward/scrub.h"

#include "dns/form.h"
#include "dns/ttl.h"

enum { WALK_MAX = 4 * ANSWER_RECORDS_MAX }; /* records of one reply, counted in each pass */

struct chain_name {
  uint16_t len;
  uint8_t name[NAME_MAX_LEN];
};

struct check {
  const struct question *q;
  struct scrub_border *border; /* NULL: none */
  uint16_t type, klass;
  bool dnssec_ok;
  struct build build;
  struct chain_name chain[CHAIN_MAX]; /* the asked name, then each CNAME's target */
  unsigned links;                     /* names in chain */
  bool found;                         /* a record of the asked type */
  bool cut;                           /* the chain's last name lies beyond the border */
  bool soa, referral;
  bool skipped;                              /* this pass met a record that may belong further on */
  bool late, last;                           /* records were met that must come last; this pass is for them */
  bool kept;                                 /* this record is in the answer */
  bool lie, dname;                           /* dname: one was kept */
  uint8_t taken[ANSWER_RECORDS_MAX / 8 + 1]; /* a bit for each record of the answer section that was kept */
};

static const struct chain_name *chain_end(const struct check *c) { return &c->chain[c->links - 1]; }

/* Names of the chain that the reply may speak of. */
static unsigned chain_own(const struct check *c) { return c->links - c->cut; }

/* The place of a name in that part of the chain, -1 when it is not there. */
static int chain_place(const struct check *c, const uint8_t *name, size_t len) {
  for (int i = (int)chain_own(c) - 1; i >= 0; i--) {
    if (name_equal(c->chain[i].name, c->chain[i].len, name, len)) return i;
  }
  return -1;
}

static void keep(struct check *c, enum section section, const struct record *r, uint32_t ttl) {
  c->kept = true;
  if (!form_holds(r)) c->lie = true;
  else if (!build_repeats(&c->build, section, r, ttl) && !build_add(&c->build, section, r, ttl))
    c->lie = true;
}

static void follow_cname(struct check *c, const struct record *r) {
  struct chain_name next;
  next.len = (uint16_t)record_target(r, 0, next.name);
  if (!next.len || c->links == CHAIN_MAX || chain_place(c, next.name, next.len) >= 0) {
    c->lie = true;
    return;
  }
  keep(c, SECTION_ANSWER, r, ttl_received(r->ttl));
  c->chain[c->links++] = next;
  c->cut = c->border && c->border->is_beyond(c->border->ctx, c->q, next.name, next.len);
}

static bool lies_below(const struct chain_name *n, const struct record *r) {
  return n->len > r->owner_len && name_is_within(n->name, n->len, r->owner, r->owner_len);
}

/* A name of the chain lies below a DNAME's owner: the CNAME made from it is in the answer too (RFC 6672
 * section 3.1). */
static bool dname_covers(const struct check *c, const struct record *r) {
  for (unsigned i = 0; i < chain_own(c); i++) {
    if (lies_below(&c->chain[i], r)) return true;
  }
  return false;
}

static bool wants_signature(const struct check *c, const struct record *r, int place) {
  if (r->rdlen < 2) return false;
  uint16_t covered = load_u16(record_rdata(r));
  if (covered == TYPE_DNAME) {
    for (unsigned i = 0; i < chain_own(c); i++) {
      if (name_is_within(c->chain[i].name, c->chain[i].len, r->owner, r->owner_len)) return true;
    }
    return false;
  }
  return place >= 0 && (covered == TYPE_CNAME || (covered == c->type && place == (int)c->links - 1));
}

/* OPT, TSIG and the like belong to the message they came in, wherever they stand in it. */
static bool is_of_message(uint16_t type) {
  return type == TYPE_OPT || (type >= TYPE_TKEY && type <= TYPE_ANY);
}

static bool is_of_class(const struct check *c, const struct record *r) {
  return r->klass == c->klass || c->klass == 255;
}

static void check_answer(struct check *c, const struct record *r) {
  if (!is_of_class(c, r) || is_of_message(r->type)) return;
  int place = chain_place(c, r->owner, r->owner_len);
  bool at_end = place == (int)c->links - 1;

  /* Where the code is NXDOMAIN an alias was followed even for those who ask for it: one made from a DNAME,
   * RFC 6672 section 3.2. */
  bool followed = r->type == TYPE_CNAME && c->build.answer->head.rcode == RCODE_NXDOMAIN;
  if ((r->type == c->type || c->type == TYPE_ANY) && at_end && !followed) {
    keep(c, SECTION_ANSWER, r, ttl_received(r->ttl));
    c->found = true;
  } else if (r->type == TYPE_CNAME && at_end && !c->found) {
    follow_cname(c, r);
  } else if (r->type == TYPE_DNAME && c->found && !c->last) { /* not between the records of an RRset */
    c->late = true;
  } else if (r->type == TYPE_DNAME && dname_covers(c, r)) {
    keep(c, SECTION_ANSWER, r, ttl_received(r->ttl));
    c->dname = true;
  } else if (r->type == TYPE_RRSIG && c->dnssec_ok) {
    c->late = true;
    if (c->last && wants_signature(c, r, place)) keep(c, SECTION_ANSWER, r, ttl_received(r->ttl));
  } else if (place < 0) {
    c->skipped = true;
  }
}

static bool is_proof(uint16_t type) { return type == TYPE_NSEC || type == TYPE_NSEC3; }

static void check_authority(struct check *c, const struct record *r) {
  if (!is_of_class(c, r)) return;
  const struct chain_name *end = chain_end(c);
  if (r->type == TYPE_NS) c->referral = true;
  if (r->type == TYPE_SOA && !c->found && !c->cut && !c->soa && r->rdlen >= 22 &&
      name_is_within(end->name, end->len, r->owner, r->owner_len)) {
    keep(c, SECTION_AUTHORITY, r, ttl_negative(r->ttl, load_u32(record_rdata(r) + r->rdlen - 4)));
    c->soa = true;
  } else if (c->dnssec_ok && is_proof(r->type)) {
    keep(c, SECTION_AUTHORITY, r, ttl_received(r->ttl));
  } else if (c->dnssec_ok && r->type == TYPE_RRSIG && r->rdlen >= 2) {
    uint16_t covered = load_u16(record_rdata(r));
    if (is_proof(covered) || (covered == TYPE_SOA && !c->found && !c->cut))
      keep(c, SECTION_AUTHORITY, r, ttl_received(r->ttl));
  }
}

/* One pass over the answer section; CNAMEs mostly stand in order, so that one is enough. */
static bool walk_answer(struct check *c, struct wire *w, unsigned count) {
  struct record r;
  c->skipped = false;
  for (unsigned i = 0; i < count && !c->lie; i++) {
    if (!record_read(w, &r)) return false;
    if (c->taken[i / 8] & 1u << i % 8) continue;
    c->kept = false;
    check_answer(c, &r);
    if (c->kept) c->taken[i / 8] |= (uint8_t)(1u << i % 8);
  }
  return true;
}

/* Where the chain ends below a DNAME, the reply lacks the CNAME: makes it and goes on as if it had stood
 * there (RFC 6672 sections 3.1, 3.4). A name that would be too long ends the chain with the code of
 * section 2.2. False when there is nothing to go on from. */
static bool make_cname(struct check *c, struct wire w, unsigned count) {
  const struct chain_name *end = chain_end(c);
  struct answer_head *h = &c->build.answer->head;
  uint8_t target[NAME_MAX_LEN];
  struct record r;

  if (!c->dname || c->found || c->cut || h->rcode == RCODE_YXDOMAIN) return false;
  do {
    if (count-- == 0 || !record_read(&w, &r)) return false;
  } while (r.type != TYPE_DNAME || !is_of_class(c, &r) || !lies_below(end, &r));
  r.rdlen = (uint16_t)record_rename(&r, end->name, end->len, target);
  if (!r.rdlen) {
    h->rcode = RCODE_YXDOMAIN;
    return false;
  }

  r.type = TYPE_CNAME; /* in the DNAME's class and TTL */
  r.msg = target;
  r.msg_len = r.rdlen;
  r.rdata_at = 0;
  r.owner_len = end->len;
  memcpy(r.owner, end->name, end->len);
  check_answer(c, &r);
  return true;
}

/* Walks again while a pass has made the chain longer and left records over: they stand out of order; and
 * behind each CNAME that it makes. Signatures come last, when the chain is known: they must not stand between
 * the records of an RRset. What would take more than a few passes over a whole message is no answer but an
 * attempt to keep this thread busy. */
static bool read_answer(struct check *c, struct wire *w, unsigned count) {
  const struct wire answer = *w;
  size_t start = w->at;
  unsigned links, walked = 0;

  if (count > ANSWER_RECORDS_MAX) return false;
  memset(c->taken, 0, count / 8 + 1);
  do {
    links = c->links;
    w->at = start;
    walked += count;
    if (walked > WALK_MAX || !walk_answer(c, w, count)) return false;
  } while (!c->lie && ((c->skipped && c->links > links) || make_cname(c, answer, count)));
  if (c->lie || !c->late) return true;
  c->last = true;
  w->at = start;
  return walk_answer(c, w, count);
}

/* Does the chain go where r sends the names below its owner (RFC 6672 section 2.2)? */
static bool dname_agrees(const struct check *c, const struct record *r) {
  uint8_t renamed[NAME_MAX_LEN];
  for (unsigned i = 0; i + 1 < c->links; i++) {
    const struct chain_name *from = &c->chain[i], *to = &c->chain[i + 1];
    if (lies_below(from, r) &&
        !name_equal(to->name, to->len, renamed, record_rename(r, from->name, from->len, renamed)))
      return false;
  }
  return true;
}

/* The CNAMEs beside DNAMEs are those that follow from them. */
static bool dnames_agree(const struct check *c, struct wire w, unsigned count) {
  struct record r;
  for (; count > 0 && record_read(&w, &r); count--) {
    bool counts = r.type == TYPE_DNAME && is_of_class(c, &r) && dname_covers(c, &r);
    if (counts && !dname_agrees(c, &r)) return false;
  }
  return true;
}

static bool read_additional(struct wire *w, unsigned count, unsigned *extended_rcode) {
  struct record r;
  for (; count > 0; count--) {
    if (!record_read(w, &r)) return false;
    if (r.type == TYPE_OPT) *extended_rcode = r.ttl >> 24;
  }
  return true;
}

static enum err judge_rcode(unsigned rcode) {
  switch (rcode) {
  case RCODE_NOERROR:
  case RCODE_NXDOMAIN:
  case RCODE_YXDOMAIN: return ERR_NONE;
  case RCODE_SERVFAIL: return ERR_SERVFAIL;
  case RCODE_REFUSED: return ERR_REFUSED;
  default: return ERR_RCODE;
  }
}

/* Who recurses, or is the name's own authority, refers nobody to other servers: name servers beside nothing
 * are decoration. */
static bool speaks_for_itself(const uint8_t *msg) { return msg[3] & DNS_RA || msg[2] & DNS_AA; }

static enum err read_reply(struct check *c, const uint8_t *msg, size_t len) {
  struct wire w = wire_read(msg, len);
  unsigned extended = 0, an = load_u16(msg + 6), ns = load_u16(msg + 8), ar = load_u16(msg + 10);
  struct record r;

  w.at = DNS_HEADER + c->q->name_len + 4u;
  struct wire answer = w;
  if (w.at > len || !read_answer(c, &w, an) || (c->dname && !dnames_agree(c, answer, an)))
    return ERR_BAD_REPLY;
  for (; ns > 0 && !c->lie; ns--) {
    if (!record_read(&w, &r)) return ERR_BAD_REPLY;
    check_authority(c, &r);
  }

  if (c->lie || !read_additional(&w, ar, &extended)) return ERR_BAD_REPLY;
  if (extended) return ERR_RCODE;
  const struct answer_head *h = &c->build.answer->head;

  /* at most signatures of what is not there */
  if (an > 0 && !c->found && !c->dname && c->links == 1) return ERR_BAD_REPLY;
  if (c->found && h->rcode == RCODE_NXDOMAIN) return ERR_BAD_REPLY;
  bool for_alias = c->type == TYPE_CNAME || c->type == TYPE_ANY; /* only a DNAME's is followed for them */
  if (for_alias && h->rcode == RCODE_NXDOMAIN && c->links > 1 && !c->dname) return ERR_BAD_REPLY;
  if (h->rcode == RCODE_NOERROR && h->an == 0 && c->referral && !c->soa && !speaks_for_itself(msg))
    return ERR_LAME;
  return ERR_NONE;
}

/* Where the chain goes on with other servers, these have said all they may. */
static void stop_at_border(struct check *c) {
  const struct chain_name *end = chain_end(c);
  /* for those an alias is the answer */
  bool followed = c->cut && c->type != TYPE_CNAME && c->type != TYPE_ANY;
  c->border->target_len = followed ? end->len : 0;
  memcpy(c->border->target, end->name, c->border->target_len);
  if (c->cut) c->build.answer->head.rcode = RCODE_NOERROR;
}

static void start_check(struct check *c, const struct question *q, struct scrub_border *border,
                        unsigned rcode, struct answer *out) {
  c->q = q; /* not cleared whole: the chain is large */
  c->border = border;
  c->type = question_type(q);
  c->klass = question_class(q);
  c->dnssec_ok = question_flags(q) & KEY_DO;
  c->links = 1;
  c->chain[0].len = q->name_len;
  memcpy(c->chain[0].name, q->key, q->name_len);
  c->found = c->cut = c->soa = c->referral = c->skipped = c->late = c->last = c->lie = c->dname = false;
  build_start(&c->build, out, q, (uint8_t)rcode);
}

enum err scrub_reply(const struct question *q, const uint8_t *msg, size_t len, struct scrub_border *border,
                     struct answer *out) {
  struct check c;
  unsigned rcode = msg[3] & DNS_RCODE;
  enum err e = judge_rcode(rcode);
  if (e != ERR_NONE) return e;
  start_check(&c, q, border, rcode, out);
  e = read_reply(&c, msg, len);
  if (e != ERR_NONE) return e;
  if (border) stop_at_border(&c);
  struct answer_view v = answer_view(out);
  bool keepable = c.soa || c.found || c.cut; /* a chain to nothing is a negative answer, RFC 2308 section 5 */
  out->ttl_s = keepable ? answer_least_ttl(&v, 0, (unsigned)out->head.an + out->head.ns) : 0;
  return ERR_NONE;
}

static unsigned whole_records(struct wire w, unsigned most) {
  struct record r;
  unsigned n = 0;
  while (n < most && record_read(&w, &r)) n++;
  return n;
}

enum err scrub_part(const struct question *q, const uint8_t *msg, size_t len, struct scrub_border *border,
                    struct answer *out) {
  struct check c;
  struct wire w = wire_read(msg, len);
  w.at = DNS_HEADER + q->name_len + 4u;
  if (w.at > len || (msg[3] & DNS_RCODE) != RCODE_NOERROR) return ERR_BAD_REPLY;
  const struct wire answer = w;
  unsigned an = whole_records(w, load_u16(msg + 6));
  start_check(&c, q, border, RCODE_NOERROR, out);
  if (!read_answer(&c, &w, an) || c.lie || !c.found || (c.dname && !dnames_agree(&c, answer, an)))
    return ERR_BAD_REPLY;
  out->ttl_s = 0;
  return ERR_NONE;
}
