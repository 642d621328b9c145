/* EDNS (RFC 6891): the one reader and the one writer of the OPT record, its options and extended errors (EDE,
 * RFC 8914). Both directions use it: clients' queries and our answers, our queries and upstream's replies. */
#ifndef JIDNS_DNS_EDNS_H
#define JIDNS_DNS_EDNS_H
#include "dns/dns.h"
#include "dns/wire.h"

enum { EDNS_OPTION_HEAD = 4 }; /* octets of an option's code and length, RFC 6891 section 6.1.2 */
enum { EDNS_DO = 0x8000 };     /* the bit in OPT's TTL field, RFC 3225 */

/* ---- reading ---- */

/* What an OPT record says. */
struct edns {
  uint16_t udp_size;       /* octets its sender takes in a datagram, as received */
  uint8_t rcode_high;      /* the upper eight bits of the extended RCODE */
  uint8_t version;         /* 0 is the only one there is */
  bool dnssec_ok;          /* DO */
  const uint8_t *at, *end; /* the options that edns_next has not read yet; borrowed from the message */
};

struct edns_option {
  uint16_t code, len;
  const uint8_t *octets; /* borrowed from the message */
};

/* An OPT record's fields, as a record holds them; rdata is not NULL. */
static inline struct edns edns_from_record(uint16_t klass, uint32_t ttl, const uint8_t *rdata,
                                           uint16_t rdlen) {
  return (struct edns){.udp_size = klass,
                       .rcode_high = (uint8_t)(ttl >> 24),
                       .version = (uint8_t)(ttl >> 16),
                       .dnssec_ok = ttl & EDNS_DO,
                       .at = rdata,
                       .end = rdata + rdlen};
}

enum edns_step { EDNS_END, EDNS_OPTION, EDNS_MALFORMED };

/* Takes the next option off e. EDNS_END: there is none left. EDNS_MALFORMED: what is left is no whole option;
 * e stays as it is. */
static inline enum edns_step edns_next(struct edns *e, struct edns_option *option) {
  size_t left = (size_t)(e->end - e->at);
  if (left == 0) return EDNS_END;
  if (left < EDNS_OPTION_HEAD) return EDNS_MALFORMED;
  option->code = load_u16(e->at);
  option->len = load_u16(e->at + 2);
  option->octets = e->at + EDNS_OPTION_HEAD;
  if (option->len > left - EDNS_OPTION_HEAD) return EDNS_MALFORMED;

  e->at = option->octets + option->len;
  return EDNS_OPTION;
}

/* Finds the OPT record in the additional section of any message. False when there is none, or the message is
 * malformed before it. */
bool edns_read(const uint8_t *msg, size_t len, struct edns *out);

/* Does the message have an OPT record? */
bool edns_is_in(const uint8_t *msg, size_t len);

/* The octets of the first option with that code in the message's OPT, and how many; NULL when there is none.
 */
const uint8_t *edns_option(const uint8_t *msg, size_t len, uint16_t code, size_t *option_len);

/* The RCODE of a message that has a whole header, with the upper bits that its OPT has (RFC 6891 section
 * 6.1.3). */
unsigned edns_rcode(const uint8_t *msg, size_t len);

/* An extended error (RFC 8914): takes options off e until one is an EDE, and gives its code and its text,
 * which is borrowed, may hold any octets, and has no NUL behind it. False: there is none left. */
struct edns_ede {
  uint16_t code, text_len;
  const uint8_t *text;
};
bool edns_next_ede(struct edns *e, struct edns_ede *ede);

/* What an EDE says, "Stale Answer" for 3, as its registry words it; "unassigned" for codes that it does not
 * have, "private use" for those from 49152 on. */
const char *edns_ede_name(unsigned code);

/* ---- writing ---- */

/* An OPT record being written. The caller sees to the space: DNS_OPT octets, and for each option
 * EDNS_OPTION_HEAD and its length. */
struct edns_writer {
  uint8_t *start, *at;
};

/* Begins OPT at `out` with version 0 and no options. */
static inline struct edns_writer edns_start(uint8_t *out, uint16_t udp_size, unsigned rcode, bool dnssec_ok) {
  out[0] = 0;
  store_u16(out + 1, TYPE_OPT);
  store_u16(out + 3, udp_size);
  store_u32(out + 5, (uint32_t)(rcode >> 4) << 24 | (dnssec_ok ? (uint32_t)EDNS_DO : 0));
  return (struct edns_writer){.start = out, .at = out + DNS_OPT};
}

/* Appends an option of `len` octets, and returns where they are to be written. */
static inline uint8_t *edns_add(struct edns_writer *w, uint16_t code, size_t len) {
  uint8_t *octets = w->at + EDNS_OPTION_HEAD;
  store_u16(w->at, code);
  store_u16(w->at + 2, (uint16_t)len);
  w->at = octets + len;
  return octets;
}

/* Ends the record. Returns its octets in all; to count it in the header is the caller's. */
static inline size_t edns_finish(struct edns_writer *w) {
  size_t len = (size_t)(w->at - w->start);
  store_u16(w->start + DNS_OPT - 2, (uint16_t)(len - DNS_OPT));
  return len;
}
#endif
