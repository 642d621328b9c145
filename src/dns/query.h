/* A client's packet: read once, from the first octet to the last. */
#ifndef JIDNS_DNS_QUERY_H
#define JIDNS_DNS_QUERY_H
#include "dns/question.h"

/* What a packet is worth. All but QUERY_OK and QUERY_SILENT are answered with an RCODE, by query_refuse. */
enum query_verdict {
  QUERY_OK,
  QUERY_SILENT,  /* shorter than a header, or an answer itself (QR=1): answering those makes servers ping-pong
                  */
  QUERY_FORMERR, /* RFC 1035; QDCOUNT other than 1: RFC 9619; two OPT: RFC 6891 section 6.1.1; a cookie's
                    length: RFC 7873 5.2.2 */
  QUERY_NOTIMP,  /* opcode other than QUERY; MAILA and MAILB */
  QUERY_BADVERS, /* EDNS version other than 0, RFC 6891 section 6.1.3 */
  QUERY_REFUSED, /* zone transfers, TKEY and the like, class CH */
  QUERY_COOKIE,  /* no question, but a cookie: wants a server's (RFC 7873 section 5.4). NOERROR */
  QUERY_BADCOOKIE /* query_read never says so: for whoever looks at cookies, RFC 7873 section 5.2.3 */
};

enum { COOKIE_MAX = 40 }; /* octets: 8 of the client and 8 to 32 of the server, RFC 7873 section 4 */

/* How a client asked: all that making its answer needs to know of it. */
struct query_opts {
  const uint8_t *qname_wire; /* borrowed: the question section as written, name_len + 4 octets; NULL if it
                                can't be read */
  uint16_t name_len;
  uint16_t id;
  uint16_t udp_size; /* what the client takes in a datagram, 512 to 65535 */
  uint16_t udp_ours; /* what it is told that we take; query_read says what is usual */
  uint8_t opcode_rd; /* the header's third octet: opcode and RD, to be given back */
  bool cd, ad, edns, dnssec_ok;
  bool keepalive;       /* it asked how long its connection may be idle, RFC 7828 */
  bool keepalive_wrong; /* or said so itself: over TCP a format error, over UDP nothing (section 3.3.1) */
  uint16_t idle_x100ms; /* what it is told; 0: nothing. Not set by query_read */
  uint32_t rotation;    /* which of several addresses comes first in its answer; 0: the first. Not set by
                           query_read */
  uint8_t cookie_len;   /* of the cookie it showed, later of the one it is answered with; 0: none */
  uint8_t cookie[COOKIE_MAX];
};

struct query {
  struct question question;
  struct query_opts query_opts;
};

/* Reads len octets at msg, which must outlive the use of manner.qname_wire. q->question holds only when the
 * verdict is QUERY_OK, q->query_opts unless it is QUERY_SILENT. `seed` is the process's hash seed. */
enum query_verdict query_read(struct query *q, const uint8_t *msg, size_t len, uint64_t seed);

/* Writes the short answer that tells the client of a verdict: header, the question where it could be read,
 * OPT if the client sent one (also where the rest was not read, RFC 6891 section 6.1.1), and in it why, where
 * there is a code for that (RFC 8914). out holds at least DNS_UDP_PLAIN octets. Returns the length, 0 for
 * QUERY_SILENT. */
size_t query_refuse(const struct query_opts *m, enum query_verdict verdict, uint8_t *out);
#endif
