/* DANE in a lookup: TLSA at each endpoint that it leads to, and what follows (xmpp/dane.h). What is secure is
 * what the server that was asked says so of (AD). Does no I/O of its own. */
#ifndef JIDNS_TOOL_LOOKUP_DANE_H
#define JIDNS_TOOL_LOOKUP_DANE_H
#include "tool/lookup.h"
#include "tool/term.h"
#include "xmpp/dane.h"

enum {
  LOOKUP_ENDS_MAX = 64,
  LOOKUP_TLSA_MAX = 32 /* records of an endpoint that are looked at */
};

/* A host and port that a service leads to. */
struct lookup_end {
  const struct service *service; /* NULL: the domain itself, as there is no SRV record */
  enum lookup_side side;
  bool direct_tls;
  const struct host *host;
  uint16_t port;
  const struct asked *tlsa;                   /* several ends may share it */
  struct dane_rdata records[LOOKUP_TLSA_MAX]; /* they lie in its answer */
  struct dane_endpoint seen;
  struct dane_verdict verdict;
};

/* A question that was answered with SERVFAIL, asked again with CD: an answer then is one that does not
 * validate. */
struct lookup_unchecked {
  const struct asked *of;
  struct asked asked;
};

struct lookup_dane {
  const struct lookup *lookup; /* borrowed */
  struct lookup_end ends[LOOKUP_ENDS_MAX];
  size_t end_count;
  bool too_many; /* there are more */
  struct asked tlsa[LOOKUP_ENDS_MAX];
  size_t tlsa_count;
  struct asked root; /* SOA of the root, which is signed: AD tells whether the server validates */

  struct lookup_unchecked **unchecked;
  size_t unchecked_count, unchecked_room;
};

/* Asks, in two round trips at most, as lookup_run does; l has been run. Never NULL. */
struct lookup_dane *lookup_dane_new(const struct lookup *l,
                                    void (*ask)(void *context, struct asked *const *list, size_t n),
                                    void *context);
void lookup_dane_free(struct lookup_dane *d);

/* At one endpoint at least a program that does DANE can verify the certificate; a question failed. */
bool lookup_dane_is_usable(const struct lookup_dane *d);
bool lookup_dane_is_incomplete(const struct lookup_dane *d);

/* The server said AD of nothing that is signed for sure. */
bool lookup_dane_is_unvalidated(const struct lookup_dane *d);

/* "secure", "not secure", "bogus", "failed". */
const char *lookup_dane_proof_text(enum dane_proof p);

/* What a name of the certificate looks like: "example.org", "_xmpp-server.example.org". Returns text. */
const char *lookup_dane_name_text(const struct lookup_end *e, const struct dane_name *n,
                                  char text[NAME_TEXT + 16]);

/* For people: a section of what `jidns lookup` prints. */
void lookup_dane_show(const struct lookup_dane *d, const struct term *t, FILE *out);
#endif
