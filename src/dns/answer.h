/* An answer as jidns keeps it, and how it becomes this client's: id, spelling, TTLs, size, EDNS.
 *
 * The body is the answer, authority and additional records as they stand on the wire behind header and
 * question. Its compression pointers count from the message's start; they hold for every client because a
 * question's length does not depend on its spelling. No OPT, never a truncated answer. */
#ifndef JIDNS_DNS_ANSWER_H
#define JIDNS_DNS_ANSWER_H
#include "base/err.h"
#include "dns/query.h"

/* Flags. ANSWER_AD: it is authentic: proven here, or the upstream is trusted and said AD. ANSWER_JUDGED: it
 * was put in while answers were validated. ANSWER_ROTATES: the answer section has one RRset
 * of several addresses, whose order changes from client to client (answer_note_rotation). */
enum { ANSWER_AD = 1, ANSWER_ROTATES = 2, ANSWER_JUDGED = 4 };
enum { ANSWER_RECORDS_MAX = DNS_MSG_MAX / 12 }; /* a record is at least a pointer and ten octets */

/* What is kept before the octets; 16 octets in memory. */
struct answer_head {
  uint32_t stored_at;  /* tick at which the TTLs in the body held */
  uint32_t refresh_at; /* tick from which a hit needs more than a copy: expired, or an address about to be */
  uint16_t an, body_len;
  uint8_t ns, ar, rcode, flags;
};

/* An answer lying somewhere: in a cache entry or in a struct answer. ttl_at: for each record, in order, a
 * uint16_t in host order, not aligned, the offset of its TTL from the body's start. */
struct answer_view {
  struct answer_head head;
  const uint8_t *ttl_at, *body;
};

/* An answer being made or taken apart; large, one a thread. */
struct answer {
  struct answer_head head;
  uint32_t
      ttl_s; /* how long it may be kept: the least TTL of the answer section, or the negative TTL; 0: not */
  uint16_t ttl_at[ANSWER_RECORDS_MAX];
  uint8_t body[DNS_MSG_MAX];
};

static inline unsigned answer_records(const struct answer_head *h) { return (unsigned)h->an + h->ns + h->ar; }
static inline struct answer_view answer_view(const struct answer *a) {
  return (struct answer_view){.head = a->head, .ttl_at = (const uint8_t *)a->ttl_at, .body = a->body};
}

enum answer_age {
  ANSWER_FRESH,
  ANSWER_DUE,  /* past `refresh_at`, not expired: additional records that ran out are left off */
  ANSWER_STALE /* expired: TTL_STALE on every record, no additional ones, no AD, EDE 3 or 19 (RFC 8767) */
};

/* Writes the answer for this client into out, at most `limit` octets (what transport and client take, at
 * least DNS_UDP_PLAIN). What does not fit: additional records are left off from the end, whole RRsets; when
 * the others don't fit either, TC is set (RFC 2181 section 9) and whole records of them go out as far as they
 * fit, SRV by priority: who has no TCP can use them. Several addresses begin with another one from turn to
 * turn (m->rotation). Returns the length. */
size_t answer_write(const struct answer_view *v, const struct query_opts *m, enum answer_age age,
                    uint32_t tick, size_t limit, uint8_t *out);

/* Sets or clears ANSWER_ROTATES: to be called once all records are there. The addresses must be neighbours in
 * the answer section and alike but for their RDATA, as build_add makes them. */
void answer_note_rotation(struct answer *a);

/* Lowers all TTLs, and how long the answer may be kept, to at most this many seconds; 0: no limit. */
void answer_limit_ttl(struct answer *a, uint32_t most_s);

/* Header, the question where it is known, OPT if the client sent one, and this RCODE (extended ones need
 * EDNS: without it only the low four bits go out). Below DNS_UDP_PLAIN octets. */
size_t answer_rcode(const struct query_opts *m, unsigned rcode, uint8_t *out);

/* The same, saying more in an EDE (RFC 8914) if the client sent OPT: its code and a text of at most 100
 * octets. Below DNS_UDP_PLAIN octets. */
size_t answer_error(const struct query_opts *m, unsigned rcode, int ede, const char *text, uint8_t *out);

/* The same in at most `most` octets, where that is no less than the query had: what does not fit is left off,
 * first the cookie and the keepalive, then the EDE. */
size_t answer_error_within(const struct query_opts *m, unsigned rcode, int ede, const char *text, size_t most,
                           uint8_t *out);

/* SERVFAIL, or an answer without records for ERR_REBIND, that says why in an EDE (RFC 8914) if the client
 * sent OPT. Below DNS_UDP_PLAIN octets. */
size_t answer_fail(const struct query_opts *m, enum err why, uint8_t *out);

/* The answer as a whole message with its TTLs as they are kept, for reading its records. Returns the length,
 * 0 when it would be longer than DNS_MSG_MAX. */
size_t answer_message(const struct question *q, const struct answer *a, uint8_t out[DNS_MSG_MAX]);
size_t answer_view_message(const struct question *q, const struct answer_view *v, uint8_t out[DNS_MSG_MAX]);

/* The least TTL among records [from, to) of a kept answer, as stored; UINT32_MAX when there are none. */
uint32_t answer_least_ttl(const struct answer_view *v, unsigned from, unsigned to);

/* What the client takes: over UDP what its OPT says, within 512 and DNS_UDP_MAX. */
static inline size_t answer_udp_limit(const struct query_opts *m) {
  return m->udp_size < DNS_UDP_MAX ? m->udp_size : DNS_UDP_MAX;
}
#endif
