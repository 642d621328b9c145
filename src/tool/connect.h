/* `jidns check --connect`: goes to the targets as a client or server would, as far as what comes before a
 * login, and notes in which phase it ends. Several connections at once; each phase and the whole are bounded
 * in time and octets. */
#ifndef JIDNS_TOOL_CONNECT_H
#define JIDNS_TOOL_CONNECT_H
#include <stdio.h>

#include "crypto/cert.h"
#include "crypto/tls.h"
#include "tool/caa.h"
#include "tool/facts.h"
#include "tool/stream.h"
#include "tool/web.h"

enum {
  CONNECT_MAX = 64,            /* connections for one domain */
  CONNECT_COMPONENTS_MAX = 32, /* for its components */
  CONNECT_AT_ONCE = 8,         /* of them */
  CONNECT_WHOLE_MS = 60000,    /* of one domain */
  CONNECT_OCTETS_MAX = 262144  /* taken in from one connection */
};

/* In the order in which they follow; with direct TLS, TLS comes before STREAM. */
enum connect_phase { PHASE_CONNECT, PHASE_STREAM, PHASE_STARTTLS, PHASE_TLS, PHASE_FEATURES, PHASE_DONE };

/* Why a connection ended before PHASE_DONE. */
enum connect_end {
  END_GOOD,
  END_PRIVATE, /* not tried: the address is none of the world's */
  END_NO_TIME, /* not tried: the time for the whole was over */
  END_NO_WAY,  /* no route from here, or no such address family */
  END_REFUSED,
  END_SILENT,      /* the phase's time was over */
  END_CUT,         /* the peer closed the connection */
  END_NOT_XMPP,    /* it speaks something else */
  END_XML_FIRST,   /* where TLS should begin at once, it speaks XML: a STARTTLS port */
  END_TLS_FIRST,   /* where XML should come, it speaks TLS */
  END_NO_STARTTLS, /* not among the features */
  END_TLS_FAILED,
  END_HOST_UNKNOWN, /* stream error host-unknown or host-gone */
  END_SEE_OTHER,    /* ... see-other-host: stream.other_host */
  END_STREAM_ERROR, /* another one */
  END_SYSTEM        /* no socket or memory here */
};

/* A way to one address, and what became of it. */
struct connection {
  enum lookup_side side;
  bool direct_tls;
  const struct component *component; /* whom it is for, borrowed from the facts; NULL: the domain itself */
  const struct host *host;           /* borrowed from the facts */
  uint16_t port;
  struct address address;

  enum connect_phase phase; /* the one that it ended in; PHASE_DONE: none failed */
  enum connect_end end;
  char why[TLS_WHY]; /* the library's or server's words, printable ASCII; "": none */
  unsigned connect_ms, tls_ms;
  bool starttls_required; /* said before TLS */

  bool has_tls;     /* the handshake came to its end; what follows is known */
  char version[16]; /* without has_tls: the old one that a second handshake has shown; "": none */
  enum tls_trust trust;
  bool has_certificate;
  enum cert_form form;                 /* in which the certificate names the domain */
  int64_t from_s, until_s;             /* of the certificate, seconds since 1970 */
  char names[256];                     /* the first of its names, for people */
  char issuer[64];                     /* the organisation that issued it */
  uint8_t digest[CERT_DIGEST];         /* SHA-256 of it */
  bool is_for_domain_alone;            /* a dNSName is the domain, not a wildcard */
  bool asks_certificate;               /* the server wants one of ours, too */
  bool needs_alpn, needs_sni;          /* without it the way is not good */
  bool alpn;                           /* the server chose it */
  bool names_host;                     /* ... and the target, as dNSName */
  unsigned tlsa_records, tlsa_fitting; /* at the target's name and port */
  bool dane;       /* one that is known securely vouches without an authority: usage 2 or 3 */
  bool dane_fails; /* there are such that could be used, of any usage, and none vouches */

  struct stream_facts stream; /* the last stream's: after TLS, where it came so far */
};

struct connections {
  struct connection list[CONNECT_MAX];
  size_t count;
  struct connection of_components[CONNECT_COMPONENTS_MAX];
  size_t component_count; /* of these */
  bool too_many;          /* ways were left out */
  int64_t now_s;          /* when it was looked at */
  struct caa caa;         /* looked for where the issuer of a certificate is known by name */
  struct web_facts web;   /* host-meta; not tried where nobody asks for clients */
};

struct connect_options {
  bool allow_private;
  const char *ca_path;                                             /* NULL: the system's */
  unsigned phase_ms;                                               /* of one phase, at least 1 */
  void (*ask)(void *context, struct asked *const *list, size_t n); /* for hosts that redirects lead to */
  void *ask_context;
};

/* The libraries; NULL after a line on err that says which is missing. Freed with connect_close. */
struct connector;
struct connector *connect_open(const struct connect_options *o, FILE *err);
void connect_close(struct connector *c);

/* Connects to all that the plans of the domain name, in their order. Freed with free(). */
struct connections *connect_all(struct connector *c, const struct facts *f);

/* In which form a certificate names the domain (ASCII, without a final dot). Names with octets above ASCII
 * become what IDNA makes of them; those that stand for none are CERT_NOT afterwards, with "?" in them. */
enum cert_form connect_form_of(struct cert *cert, const char *domain, enum lookup_side side);

/* "connect", "refused": for programs and for people. */
const char *connect_phase_word(enum connect_phase p);
const char *connect_end_text(enum connect_end e);

/* The connection came as far as a stream over TLS. */
static inline bool connect_is_good(const struct connection *c) { return c->phase == PHASE_DONE; }
/* Programs get in this way. Clients insist on the certificate; servers may make do with dialback. */
static inline bool connect_lets_in(const struct connection *c) {
  if (c->end == END_SEE_OTHER) return true; /* those that go on get in there */
  bool proven = c->form != CERT_NOT && (c->trust == TLS_TRUSTED || c->dane);
  return connect_is_good(c) && (c->side == LOOKUP_S2S || proven);
}
/* It was tried at all. */
static inline bool connect_is_tried(const struct connection *c) {
  return c->end != END_PRIVATE && c->end != END_NO_TIME && c->end != END_NO_WAY && c->end != END_SYSTEM;
}
#endif
