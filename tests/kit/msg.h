/* DNS messages made field by field, so that a test says exactly which octets it means: right ones, and wrong
 * ones too.
 *
 * Names are given in presentation form. Nothing here knows limits: a message may grow past 65535 octets, a
 * name past 255 when put as octets, and counts may be made to lie. What has no room aborts the test. */
#ifndef JIDNS_KIT_MSG_H
#define JIDNS_KIT_MSG_H
#include "dns/build.h"

enum { MSG_ROOM = DNS_MSG_MAX + 4096, MSG_ID = 0x4a49 };

struct msg {
  size_t len;
  uint8_t octets[MSG_ROOM];
};

/* ---- RDATA, made on the stack ---- */

struct rdata {
  uint16_t len;
  uint8_t octets[1024];
};
struct rdata rd_octets(const void *octets, size_t n);
struct rdata rd_a(const char *text);    /* "192.0.2.1" */
struct rdata rd_aaaa(const char *text); /* "2001:db8::1" */
struct rdata rd_name(const char *name); /* NS, CNAME, PTR, DNAME */
struct rdata rd_mx(uint16_t preference, const char *name);
struct rdata rd_srv(uint16_t priority, uint16_t weight, uint16_t port, const char *target);
struct rdata rd_soa(const char *mname, const char *rname, uint32_t minimum);
struct rdata rd_txt(const char *text); /* at most 255 octets */
struct rdata rd_fill(uint8_t octet, size_t n);

/* ---- the message ---- */

/* A header with id MSG_ID, these 16 bits of flags (QR is 0x8000, RD 0x0100, RCODE the low four), all counts
 * 0. */
void msg_start(struct msg *m, uint16_t flags);

/* Octets as they are; counts stay. */
void msg_put(struct msg *m, const void *octets, size_t n);
void msg_put_u16(struct msg *m, uint16_t v);
void msg_put_name(struct msg *m, const char *name);

/* What follows adds to its section's count. */
void msg_question(struct msg *m, const char *name, uint16_t type, uint16_t klass);
void msg_record(struct msg *m, enum section section, const char *owner, uint16_t type, uint32_t ttl,
                struct rdata rd);
void msg_opt(struct msg *m, uint16_t udp_size, uint8_t version, bool dnssec_ok, const void *options,
             size_t n);

/* Sets a count: which is 0 for QDCOUNT to 3 for ARCOUNT. */
void msg_set_count(struct msg *m, unsigned which, uint16_t count);
uint16_t msg_count(const struct msg *m, unsigned which);

/* The usual ones: a query with RD and one question of class IN, and the header and question of an answer to
 * it. */
void msg_query(struct msg *m, const char *name, uint16_t type);
void msg_answer(struct msg *m, const char *name, uint16_t type, unsigned rcode);

/* A copy in memory of exactly n octets, so that a sanitizer sees the first octet read beyond; to be freed. */
uint8_t *exact(const void *octets, size_t n);
#endif
