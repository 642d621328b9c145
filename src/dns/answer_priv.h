/* Inside the module: where the records of a kept answer lie, and what goes out of one that does not fit. */
#ifndef JIDNS_DNS_ANSWER_PRIV_H
#define JIDNS_DNS_ANSWER_PRIV_H
#include "dns/answer.h"
#include "dns/ttl.h"

/* Offset of record i's TTL in the body; type and class stand before it, RDLENGTH and RDATA behind it. */
static inline uint16_t answer_ttl_offset(const struct answer_view *v, unsigned i) {
  uint16_t at;
  memcpy(&at, v->ttl_at + 2 * i, sizeof at);
  return at;
}

static inline uint16_t answer_record_type(const struct answer_view *v, unsigned i) {
  return load_u16(v->body + answer_ttl_offset(v, i) - 4);
}

/* Where record i ends: its TTL is followed by RDLENGTH and RDATA. */
static inline size_t answer_record_end(const struct answer_view *v, unsigned i) {
  size_t at = answer_ttl_offset(v, i);
  return at + 6 + load_u16(v->body + at + 4);
}

static inline size_t answer_record_start(const struct answer_view *v, unsigned i) {
  return i ? answer_record_end(v, i - 1) : 0;
}

/* The TTL at p, as stored, becomes what is left of it. */
static inline void answer_age_ttl(uint8_t *p, enum answer_age age, uint32_t age_s) {
  uint32_t ttl = load_u32(p);
  store_u32(p, age == ANSWER_STALE ? TTL_STALE : ttl > age_s ? ttl - age_s : 0);
}

/* The RRset of addresses in an answer with ANSWER_ROTATES: `count` records from `first` on, each of `stride`
 * octets, alike but for their RDATA. Which of them comes first follows from the client's turn. */
struct rotation {
  unsigned first, count, lead;
  size_t start, stride;
};
struct rotation answer_rotation(const struct answer_view *v, uint32_t rotation);

/* How an answer goes out. */
struct answer_opts {
  enum answer_age age;
  uint32_t age_s, rotation;
};

/* Copies into out what of answer and authority fits into `room` octets, record by record, `base` being the
 * body's offset in the message; SRV records by priority, the heavier first, all others in their order,
 * addresses rotated. Lessens v's counts and body_len to what was copied; there are no additional records
 * left. */
void answer_cut(struct answer_view *v, const struct answer_opts *how, size_t base, size_t room, uint8_t *out);
#endif
