/* What an XMPP server says in its stream until it has told its features (RFC 6120 section 4). Octets in,
 * facts out; Expat reads the XML. Whatever the server sends, depth, text and length are bounded, and there
 * are no entities but XML's own. */
#ifndef JIDNS_TOOL_STREAM_H
#define JIDNS_TOOL_STREAM_H
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum {
  STREAM_WORD = 48,
  STREAM_HOST = 256,
  STREAM_MECHANISMS = 256,
  STREAM_OCTETS_MAX = 65536,
  STREAM_DEPTH_MAX = 16
};

enum stream_state {
  STREAM_OPENING,  /* nothing but perhaps the stream's own start tag */
  STREAM_FEATURES, /* all features have come */
  STREAM_PROCEED,  /* go on with TLS now */
  STREAM_FAILURE,  /* TLS is refused after all */
  STREAM_ERROR,    /* stream:error; its condition is in `error` */
  STREAM_CLOSED,   /* its end tag came before anything else */
  STREAM_MALFORMED /* no XML, no stream, or more than is read */
};

/* What the server has said. */
struct stream_facts {
  bool opened; /* a stream:stream has begun */
  bool starttls, starttls_required, dialback, scram, plain, external, sasl2;
  bool declares_dialback; /* its opening has dialback's namespace: older servers say no more (XEP-0220) */
  char mechanisms[STREAM_MECHANISMS]; /* SASL's, a space between them; those that fit */
  char error[STREAM_WORD];            /* "host-unknown"; "" for none */
  char other_host[STREAM_HOST];       /* with see-other-host: where to; printable ASCII */
};

struct stream_library;                                /* Expat */
struct stream_library *stream_library_new(FILE *err); /* NULL after a line on err */
void stream_library_free(struct stream_library *l);

struct stream;
/* Begins to read a stream; facts: borrowed, filled in as they come; what it has stays. NULL when memory is
 * out. */
struct stream *stream_new(struct stream_library *l, struct stream_facts *facts);
void stream_free(struct stream *s);
/* Reads octets; what follows a state other than STREAM_OPENING is left. After STREAM_FEATURES,
 * stream_expect_answer makes it go on for the answer to <starttls/>. */
enum stream_state stream_put(struct stream *s, const char *octets, size_t len);
void stream_expect_answer(struct stream *s);

/* The start of a stream to a domain, as a client or a server writes it. Returns the length, 0: it does not
 * fit. */
size_t stream_opening(bool server, const char *domain, char *text, size_t room);

extern const char stream_starttls[]; /* <starttls/> */
extern const char stream_closing[];  /* </stream:stream> */
#endif
