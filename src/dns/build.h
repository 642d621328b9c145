/* Makes an answer record by record in one normal form: names compressed against the question and what was
 * written before, each RRset with one TTL. */
#ifndef JIDNS_DNS_BUILD_H
#define JIDNS_DNS_BUILD_H
#include "dns/answer.h"
#include "dns/record.h"

enum section { SECTION_ANSWER, SECTION_AUTHORITY, SECTION_ADDITIONAL };
enum { BUILD_NAMES = 64, BUILD_SEEN = 128 };

struct build {
  struct answer *answer;           /* borrowed: what is being made */
  const struct question *question; /* borrowed */
  uint16_t names[BUILD_NAMES];     /* message offsets of names that can be pointed at */
  uint8_t
      name_lens[BUILD_NAMES]; /* their octets without compression: only names of one length are compared */
  unsigned name_count;
  uint16_t run_owner, run_type,
      run_klass; /* the RRset being written: its first owner's offset, its type and class */
  enum section run_section;
  unsigned run_from;         /* its first record's number */
  uint64_t seen[BUILD_SEEN]; /* hashes of the last records, so that none is written twice */
  unsigned seen_count;
};

/* Starts an answer with no records; head.stored_at, head.refresh_at and ttl_s are left to the caller. */
void build_start(struct build *b, struct answer *a, const struct question *q, uint8_t rcode);

/* Appends a copy of r with this TTL; sections come in their order. False when it is malformed, does not fit
 * into a message, or is the 256th of authority or additional: the answer is then as it was. */
bool build_add(struct build *b, enum section section, const struct record *r, uint32_t ttl);

/* Appends the records of a message with one question, with their TTLs, of its sections from `first` to
 * `last`; OPT is left out. False when it is malformed, or they don't fit: additional ones that don't are left
 * off. */
bool build_add_message(struct build *b, const uint8_t *msg, size_t len, enum section first,
                       enum section last);

/* Is r there already? It should then not be added (RFC 2181 section 5); its TTL counts for the RRset when
 * that was written last. */
bool build_repeats(struct build *b, enum section section, const struct record *r, uint32_t ttl);
#endif
