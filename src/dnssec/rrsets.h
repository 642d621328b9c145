/* The records of an answer as sets, each with its signatures. */
#ifndef JIDNS_DNSSEC_RRSETS_H
#define JIDNS_DNSSEC_RRSETS_H
#include "dns/build.h"
#include "dnssec/dnssec.h"

enum { RRSETS_MAX = 96, RRSETS_RECORDS = 2048 };

struct rrset {
  enum section section; /* SECTION_ANSWER or SECTION_AUTHORITY */
  uint16_t type, klass, owner_len;
  uint16_t first, count;                /* its records: places in rrsets.records */
  uint16_t first_signature, signatures; /* its RRSIGs: the same */
  uint8_t owner[NAME_MAX_LEN];          /* in lower case */
};

struct rrset_record {
  uint16_t rdata_at, rdlen; /* in the message, as they stand there */
  uint32_t ttl;
};

/* Of one message; large, one a thread. Nothing in it outlives a wait: it is read anew from the octets. */
struct rrsets {
  const uint8_t *msg; /* borrowed */
  size_t len;
  unsigned count, record_count;
  struct rrset sets[RRSETS_MAX];
  struct rrset_record records[RRSETS_RECORDS];
};

/* Reads the answer and authority sections of a message with one question. RRSIGs go to the set that they
 * cover (owner, class, type, section); those that cover none are left out, as OPT is. ERR_BAD_REPLY:
 * malformed, an RRSIG or a record of DNSSEC that has not its type's form; ERR_TOO_COSTLY: more than the
 * bounds above. */
enum err rrsets_read(struct rrsets *s, const uint8_t *msg, size_t len);

/* The set of class IN. NULL: there is none. Names in any case. */
const struct rrset *rrsets_find(const struct rrsets *s, enum section section, const uint8_t *owner,
                                size_t owner_len, uint16_t type);

static inline const uint8_t *rrset_rdata(const struct rrsets *s, const struct rrset *set, unsigned i) {
  return s->msg + s->records[set->first + i].rdata_at;
}
static inline unsigned rrset_rdlen(const struct rrsets *s, const struct rrset *set, unsigned i) {
  return s->records[set->first + i].rdlen;
}

/* One RRSIG taken apart (RFC 4034 section 3.1); points into the message. */
struct rrsig {
  uint16_t covered, tag, signer_len, signature_len;
  uint8_t algorithm, labels;
  uint32_t original_ttl, expires, begins; /* serial numbers (RFC 1982) */
  uint8_t signer[NAME_MAX_LEN];           /* in lower case */
  const uint8_t *signature;
};
/* The i-th of a set's signatures; false: it has not the form. */
bool rrset_signature(const struct rrsets *s, const struct rrset *set, unsigned i, struct rrsig *out);
#endif
