/* A message as whoever gets it sees it: read with the readers of src/dns where they are trusted (their own
 * tests come first), checked to be whole, without an octet left over. */
#ifndef JIDNS_KIT_SEEN_H
#define JIDNS_KIT_SEEN_H
#include "kit/msg.h"

enum { SEEN_MAX = 600 };

struct seen {
  const char *why; /* when seen_read is false */
  uint16_t id;
  uint8_t high, low;       /* the header's third and fourth octet */
  unsigned rcode;          /* with EDNS's upper bits */
  unsigned count[4];       /* as the header says, OPT included */
  const uint8_t *question; /* borrowed, NULL if QDCOUNT is 0; with type and class */
  size_t question_len;
  unsigned an, ns, ar; /* records, without OPT */
  bool edns, dnssec_ok;
  uint16_t udp_size;
  const uint8_t *options; /* OPT's RDATA; borrows the message */
  size_t options_len;
  int ede; /* -1: there is none */
  char ede_text[256];
  struct record records[SEEN_MAX]; /* in their order, without OPT; borrow the message */
};

/* False, with the reason in `why`, when the message is not well-formed from its first octet to its last, has
 * more than one question or OPT, or an RDATA without its type's form. */
bool seen_read(struct seen *s, const uint8_t *msg, size_t len);

/* Record i of a section (0 based). */
const struct record *seen_record(const struct seen *s, enum section section, unsigned i);

/* The same owner (case aside), type, class, and RDATA compared without compression; TTLs are not compared. */
bool same_record(const struct record *a, const struct record *b);

/* `made` is the CNAME that follows from the DNAME for a name below it (RFC 6672 section 3.1); TTLs are not
 * compared. */
bool follows_from(const struct record *dname, const struct record *made);
#endif
