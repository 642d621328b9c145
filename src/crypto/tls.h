/* TLS as a client, as a machine without sockets and clocks: octets from the peer go in, octets for the peer
 * come out, and the plain text is between them. OpenSSL does the work; it is loaded when somebody asks for
 * it.
 *
 *   tls_handshake until TLS_DONE or TLS_FAILED, then tls_write and tls_read; after each of them and whenever
 * octets came in: send what tls_take gives. The handshake ends well whoever the peer is: tls_trust and
 * cert_is_for say whether to go on. */
#ifndef JIDNS_CRYPTO_TLS_H
#define JIDNS_CRYPTO_TLS_H
#include <stdio.h>

#include "base/addr.h"
#include "base/err.h"
#include "crypto/cert.h"
#include "crypto/expect.h"

enum { TLS_WHY = 160, TLS_CHAIN_MAX = 16 };

enum {
  TLS_EARLY_MAX = 65536,  /* octets that a peer may send before the handshake is over */
  TLS_UNSENT_MAX = 262144 /* of ours that its messages may make wait */
};

struct tls_context; /* the library, and whom to trust */
struct tls;         /* one connection */

/* Loads the library. ca_path: a file of certificates in PEM, or a folder of them (by hash), to trust instead
 * of what the system trusts; NULL: the system's. NULL after a line on err. Freed with tls_context_free, after
 * its connections. */
struct tls_context *tls_context_new(const char *ca_path, FILE *err);

/* For peers that have to prove who they are (tls_expect_peer), whoever they are. TLS 1.2 at least, without
 * renegotiation and early data. ca_path as above, but NULL and "" are the system's folder alone, of which
 * only what is needed is read, when it is needed. Threads may share it. TLS_PROOF_NONE: it does not matter if
 * the system has no such folder; nobody is trusted then. */
struct tls_context *tls_context_strict(const char *ca_path, enum tls_proof proof, FILE *err);
struct tls_context *tls_context_hold(struct tls_context *c); /* one more that frees it; NULL is fine */
void tls_context_free(struct tls_context *c);                /* the last one does */

/* Is it what tls_context_strict would make of ca_path now? Not when another file is there since, or
 * the folder has changed. */
bool tls_context_serves(const struct tls_context *c, const char *ca_path, enum tls_proof proof);
/* Seconds since 1970 before which it can't be, whatever the clock says; at first the day of the build. Goes
 * up, as clock_floor_raise does. Once a certificate has expired by it and the clock is not before the day of
 * the build, it is that day again. */
void tls_context_floor(struct tls_context *c, int64_t floor_s);
int64_t tls_context_floor_s(const struct tls_context *c);

/* server_name: for SNI, NULL for none. alpn: one protocol, such as "xmpp-client", or NULL. NULL when memory
 * is out. */
struct tls *tls_new(struct tls_context *c, const char *server_name, const char *alpn);
void tls_free(struct tls *t);
/* Before the handshake: takes every version and strength that the library knows, to find out what a peer has.
 */
bool tls_take_old(struct tls *t);

enum tls_step {
  TLS_DONE,
  TLS_WANT,   /* nothing more without octets from the peer */
  TLS_CLOSED, /* the peer has ended the connection in order */
  TLS_FAILED  /* for good; tls_why says why */
};

/* Octets from the peer: all are taken. False when memory is out, or before the end of the handshake there are
 * too many: tls_why. */
bool tls_put(struct tls *t, const void *octets, size_t len);
/* Octets for the peer, at most `room` of them. Returns how many; 0: there are none. */
size_t tls_take(struct tls *t, void *octets, size_t room);
/* How many there are. */
size_t tls_unsent(const struct tls *t);

enum tls_step tls_handshake(struct tls *t);
/* All of text is taken, or it fails. */
enum tls_step tls_write(struct tls *t, const void *text, size_t len);
/* At most `room` octets, *len of them with TLS_DONE. */
enum tls_step tls_read(struct tls *t, void *text, size_t room, size_t *len);

/* We have nothing more to say: what tls_take then gives tells the peer so. */
void tls_end(struct tls *t);

/* What went wrong, "wrong version number": the library's words. */
const char *tls_why(const struct tls *t);

/* ---- a peer that has to prove who it is ---- */

/* What was seen of it by then. */
struct tls_peer_seen {
  bool has_pin;
  uint8_t pin[TLS_PIN];
  int64_t from_s, until_s; /* its certificate's, since 1970; 0: none was seen */
};

/* What a server gave to resume a session by; all zero: nothing. */
struct tls_ticket {
  struct tls_context *context;
  void *session;
  struct tls_peer_seen peer;
};

/* Before the handshake of a connection of a strict context: it then ends well only if the peer is whom e
 * (borrowed) describes, at that address, by the wall clock's now_s or by the context's floor, whichever is
 * later. False when memory is out. */
bool tls_expect_peer(struct tls *t, const struct tls_expect *e, const union addr *a, int64_t now_s);
/* Why the handshake failed: how the peer failed to prove itself; ERR_TLS: otherwise, tls_why says how. */
enum err tls_refused(const struct tls *t);
const struct tls_peer_seen *tls_seen(const struct tls *t);

/* Before the handshake: resumes by what is in the ticket, if its certificate is still good at now_s, and
 * keeps there what the peer gives. Borrowed for t's life. */
void tls_use_ticket(struct tls *t, struct tls_ticket *ticket, int64_t now_s);
void tls_drop_ticket(struct tls_ticket *ticket);
bool tls_is_resumed(const struct tls *t);

/* ---- after the handshake ---- */

/* Whether the peer's chain leads to somebody who is trusted; names are another matter. */
enum tls_trust {
  TLS_TRUSTED,
  TLS_EXPIRED,     /* a certificate of the chain */
  TLS_NOT_YET,     /* one becomes valid later */
  TLS_SELF_SIGNED, /* the peer's own, or the last one of the chain */
  TLS_INCOMPLETE,  /* who issued the last one is not known: an intermediate lacks, or the authority is no
                      public one */
  TLS_DISTRUSTED   /* anything else; tls_trust_text says what */
};
enum tls_trust tls_trust(const struct tls *t);
const char *tls_trust_text(const struct tls *t); /* the library's words */

const char *tls_version(const struct tls *t);            /* "TLSv1.3" */
bool tls_alpn_is(const struct tls *t, const char *alpn); /* the peer has chosen it */
bool tls_peer(const struct tls *t, struct cert *out);    /* false: it has shown none */
bool tls_asks_certificate(const struct tls *t); /* the peer has asked for one of ours, which there is not */

/* Usages of TLSA records: those above PKIX_EE vouch without an authority that is known here. */
enum { TLSA_PKIX_TA, TLSA_PKIX_EE, TLSA_DANE_TA, TLSA_DANE_EE };

/* A TLSA record's RDATA fits the peer's chain (RFC 6698 section 2.1, RFC 7671): usages 1 and 3 its own
 * certificate, 0 and 2 any of those above it, sent or, where the chain is trusted, known here. Whether the
 * chain is trusted (0 and 1), and whether one above has signed the own (2), is another matter: only with
 * usage 3 does a fit say whose certificate it is. */
bool tls_tlsa_fits(const struct tls *t, const uint8_t *rdata, size_t len);
/* A record's RDATA. */
struct tls_tlsa {
  const uint8_t *rdata;
  size_t len;
};

/* The usage of one of n records by which the peer's chain is good (RFC 7671): signatures, validity and, with
 * usages 0 and 1, a known authority are checked, with usage 3 the key alone; names are not. -1: by none.
 * usable: how many could be taken at all. Only for records that are known securely. */
int tls_dane_usage(const struct tls *t, const struct tls_tlsa *records, size_t n, unsigned *usable);
#endif
