/* A small made-up zone and the replies that a correct server gives from it. */
#ifndef JIDNS_SCENARIO_ZONE_H
#define JIDNS_SCENARIO_ZONE_H
#include "kit/msg.h"

struct zone_record {
  uint8_t name[NAME_MAX_LEN];
  uint16_t name_len, type;
  uint32_t ttl;
  struct rdata rdata;
};

struct zone {
  struct zone_record *records; /* in the order in which they go into an answer */
  unsigned count, room;
  uint32_t negative_ttl; /* of the SOA, "lab." */
  bool is_signed;        /* answers to DO carry signatures and proofs (of the right form, nothing more) */
  bool no_soa;           /* negative answers come without one, so that nobody may keep them */
};

void zone_init(struct zone *z); /* empty, negative_ttl 300 */
void zone_close(struct zone *z);

void zone_add(struct zone *z, const char *name, uint16_t type, uint32_t ttl, struct rdata rdata);
void zone_remove(struct zone *z, const char *name,
                 uint16_t type); /* all of that name and type; type 0: of any */
void zone_clear(struct zone *z);

/* The records of the domain dNUM.lab., whose shape is one of five:
 * 0 SRV to xmpp.D; 1 SRV to two hosts; 2 no SRV at all; 3 SRV to D itself; 4 xmpps and xmpp SRV to xmpp.D. */
enum { KINDS = 5 };
void zone_add_domain(struct zone *z, unsigned num, uint32_t ttl);

/* Appends answer and authority section for this question, CNAMEs and DNAMEs followed, to a message that
 * holds header and question, and sets its RCODE. */
void zone_answer(const struct zone *z, struct msg *m, const uint8_t *name, size_t len, uint16_t type,
                 bool dnssec_ok);
#endif
