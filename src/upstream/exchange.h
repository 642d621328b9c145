/* One question put to one server over one channel, until one named outcome. */
#ifndef JIDNS_UPSTREAM_EXCHANGE_H
#define JIDNS_UPSTREAM_EXCHANGE_H
#include "base/err.h"
#include "base/list.h"
#include "dns/question.h"
#include "dns/transport.h"

struct channel;

enum { COOKIE_CLIENT = 8, COOKIE_SERVER_MIN = 8, COOKIE_SERVER_MAX = 32 }; /* octets, RFC 7873 section 4 */

/* DNS cookies with one server: what it is shown, and what its replies must show. */
struct server_cookie {
  uint64_t renew_ms;             /* when ours is to be replaced by a new one; 0: there is none yet */
  uint8_t client[COOKIE_CLIENT]; /* ours, for this server alone */
  uint8_t server[COOKIE_SERVER_MAX], server_len; /* what it gave last; 0: it never gave one */
  bool unanswered;                               /* ours was shown, and a reply came without its own */
};

/* How a question is put. */
struct exchange_opts {
  bool edns, dnssec_ok; /* dnssec_ok: DO, whether or not the question has KEY_DO */
  bool ad;           /* ad: it is to say whether it holds the answer for authentic (RFC 6840 section 5.7) */
  uint16_t udp_size; /* octets of a reply in a datagram; 0: DNS_UDP_OURS */
  enum transport transport;
  uint64_t case_seed; /* 0x20: chooses capitals, which the reply must repeat; 0: none */
  struct server_cookie
      *cookie; /* borrowed; NULL: none is shown, as always over a stream, where it would prove nothing */
  uint8_t shown[COOKIE_CLIENT]; /* of it, should it be replaced meanwhile */
};

struct exchange {
  struct list link;                /* the channel's */
  struct channel *channel;         /* NULL when not under way */
  void *waits_on;                  /* the channel's: the socket or connection it waits on */
  const struct question *question; /* borrowed until done or dropped */
  struct exchange_opts query_opts;
  uint16_t id;      /* given by the channel: unpredictable, unique on its socket */
  uint32_t rto_ms;  /* set by who asks: so long it waits for a server that is there */
  bool connects;    /* set by the channel: it waits, or has waited, for a connection to be made */
  uint64_t told_ns; /* since 1970: when it was asked, if dnstap was told of it; 0: it was not */
  /* Called once, never from within ask: ERR_NONE with a whole reply to this question (any RCODE, TC possible;
   * valid during the call), or what failed, with msg NULL. The exchange may be asked again or freed from
   * here. */
  void (*done)(struct exchange *x, enum err outcome, const uint8_t *msg, size_t len, uint64_t now_ms);
};

enum { EXCHANGE_PADDED = 128 }; /* octets that an encrypted question has, or a multiple (RFC 8467) */

enum {
  /* of an encrypted question, which shows no cookie: keepalive and padding */
  EXCHANGE_OPTIONS_MAX = 4 + 4 + EXCHANGE_PADDED - 1,
  EXCHANGE_QUERY_MAX = DNS_HEADER + NAME_MAX_LEN + 4 + DNS_OPT + EXCHANGE_OPTIONS_MAX
};

/* Writes the question for upstream: RD, CD and DO as in its key, OPT (RFC 6891) if m->edns, nothing of the
 * client's; what is encrypted is padded, so that its length does not tell the name. The channel fills in the
 * id. Returns the length. */
size_t exchange_write(const struct question *q, const struct exchange_opts *m,
                      uint8_t out[EXCHANGE_QUERY_MAX]);

enum reply_worth {
  REPLY_WRONG,         /* not to this exchange, or forged: as if it had not come */
  REPLY_NO_COOKIE,     /* right but for the cookie: forged, or of a box that hands out other clients' */
  REPLY_CASE_MISMATCH, /* right but for the capitals: forged, or of a server that does not repeat them */
  REPLY_RIGHT
};

/* Does this packet answer the exchange? QR, opcode, id, the question (RFC 5452 section 9.1) and the cookie
 * must be right; a bare header is taken for FORMERR and NOTIMP, which is how servers say that they don't
 * understand, and one with our cookie for any failure: so NSD refuses classes. Keeps the server's cookie. */
enum reply_worth exchange_judge(const struct exchange *x, const uint8_t *msg, size_t len);
#endif
