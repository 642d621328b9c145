/* Questions, clients and stored answers, made for tests of what works on them. */
#ifndef JIDNS_KIT_MADE_H
#define JIDNS_KIT_MADE_H
#include "kit/msg.h"

enum { KIT_SEED = 0x5eed };

/* A question of class IN, no key flags, hashed with KIT_SEED. */
void question_of(struct question *q, const char *name, uint16_t type);

/* A client's query: the packet, and what query_read makes of it. Not to be copied: `query` points into `msg`.
 */
struct asked {
  struct query query;
  struct msg msg;
};

/* Without EDNS, and with an OPT that says udp_size and DO. */
void asked_plain(struct asked *a, const char *name, uint16_t type);
void asked_edns(struct asked *a, const char *name, uint16_t type, uint16_t udp_size, bool dnssec_ok);
/* What query_read says of a->msg as it stands now; must be QUERY_OK. */
void asked_again(struct asked *a);

/* An answer as jidns keeps it, made with build_add from records given as text. */
struct made {
  struct question question;
  struct answer answer;
  struct build build;
};
void made_start(struct made *m, const char *name, uint16_t type, uint8_t rcode);
/* False when build_add refuses. */
bool made_try(struct made *m, enum section section, const char *owner, uint16_t type, uint32_t ttl,
              struct rdata rd);
/* Aborts when build_add refuses. */
void made_add(struct made *m, enum section section, const char *owner, uint16_t type, uint32_t ttl,
              struct rdata rd);
/* Its birth, and ttl_s: the least TTL of answer and authority section. */
void made_done(struct made *m, uint32_t stored_at);

/* The whole of a small one: `count` A records with this TTL, born at this tick. */
void made_a(struct made *m, const char *name, uint32_t ttl, unsigned count, uint32_t stored_at);
#endif
