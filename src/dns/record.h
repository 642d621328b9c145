/* One resource record as it stands in a message, and what is inside its RDATA. */
#ifndef JIDNS_DNS_RECORD_H
#define JIDNS_DNS_RECORD_H
#include "dns/name.h"

struct record {
  const uint8_t *msg; /* borrowed: the message, for compression pointers inside RDATA */
  size_t msg_len, rdata_at;
  uint32_t ttl; /* as received */
  uint16_t type, klass, rdlen, owner_len;
  uint8_t owner[NAME_MAX_LEN]; /* without compression, spelling kept */
};

/* The cursor at the first record of a message with one question; in error when that is cut short. */
struct wire record_start(const uint8_t *msg, size_t len);

/* Reads the record at the cursor. False and w->err when it is cut short or its owner is no name. */
bool record_read(struct wire *w, struct record *r);

static inline const uint8_t *record_rdata(const struct record *r) { return r->msg + r->rdata_at; }

/* The parts of an RDATA: runs of plain octets and names. Types whose names may be compressed in messages (RFC
 * 3597 section 4) are taken apart as their form says (dns/form.h), and some others; the rest are one run. */
enum rdata_part_kind {
  PART_END,
  PART_OCTETS,
  PART_NAME,
  PART_NAME_PLAIN /* never to be compressed when sent */,
  PART_BAD
};
struct rdata_part {
  enum rdata_part_kind kind;
  const uint8_t *bytes; /* octets, or the name without compression (lies in `name`) */
  size_t len;
  uint8_t name[NAME_MAX_LEN];
};
struct rdata_parts {
  struct wire w;
  size_t end;
  const char *layout; /* what is still to come, in the letters of forms.def */
};
struct rdata_parts record_parts(const struct record *r);

/* The next part; PART_END behind the last; PART_BAD when RDATA does not have its type's form. */
enum rdata_part_kind record_next_part(struct rdata_parts *p, struct rdata_part *out);

/* The name that an RDATA starts with or has behind `skip` octets: a CNAME's (0) or an SRV's (6) target. 0 if
 * it is none. */
size_t record_target(const struct record *r, size_t skip, uint8_t out[NAME_MAX_LEN]);

/* What a name below a DNAME's owner becomes (RFC 6672 section 2.2). Returns the length, 0 when that would be
 * too long. */
size_t record_rename(const struct record *dname, const uint8_t *name, size_t len, uint8_t out[NAME_MAX_LEN]);

/* Takes age_s from every TTL of a message with one question, down to 0: it has been in a cache for so long
 * that says so by itself. What can't be read is left as it is. */
void record_age(uint8_t *msg, size_t len, uint32_t age_s);
#endif
