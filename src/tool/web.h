/* `jidns check --connect`: fetches a domain's host-meta as a web client would, over HTTPS, and notes why
 * there is none. Each wait, the number of redirects and all octets are bounded. */
#ifndef JIDNS_TOOL_WEB_H
#define JIDNS_TOOL_WEB_H
#include "crypto/tls.h"
#include "tool/facts.h"
#include "tool/host_meta.h"

enum { WEB_REDIRECTS_MAX = 4, WEB_ADDRESSES_MAX = 4 /* of one host that are tried */ };

/* Why there is no document; in the order of the steps. */
enum web_end {
  WEB_GOOD,
  WEB_UNTRIED,      /* nobody has tried, or there was no time left */
  WEB_NO_ADDRESS,   /* the host has none */
  WEB_UNKNOWN,      /* it could not be found out */
  WEB_PRIVATE,      /* none but addresses that are not the world's */
  WEB_NO_WAY,       /* no route from here */
  WEB_REFUSED,      /* connections are */
  WEB_SILENT,       /* in one of the phases */
  WEB_CUT,          /* the server closed the connection too early */
  WEB_TLS_FAILED,   /* `why` has the library's words */
  WEB_ALIEN,        /* it does not speak HTTP */
  WEB_TOO_MUCH,     /* more octets than are taken */
  WEB_STATUS,       /* another status than 200 */
  WEB_BAD_REDIRECT, /* to what is no URL of the web */
  WEB_PLAIN,        /* redirected to http:// */
  WEB_MANY_REDIRECTS,
  WEB_UNREADABLE, /* no document of that form */
  WEB_SYSTEM      /* no socket or memory here */
};

/* A document, and how it was got. */
struct web_document {
  enum host_meta_form form;
  enum web_end end;
  char url[HTTP_URL_TEXT]; /* the last one that was asked for */
  unsigned status, redirects, ms;
  struct address address; /* that was connected to at last; family 0: none */
  char why[TLS_WHY];      /* printable ASCII; "": none */
  bool is_plain;          /* asked for without TLS, since there was none with it */
  bool is_proven;         /* every certificate on the way was trusted and for its host */
  char unproven[TLS_WHY]; /* else what is wrong with one */
  bool is_shared;         /* pages of other origins may read it: Access-Control-Allow-Origin allows them */
  bool speaks_of_xmpp;    /* with WEB_UNREADABLE: it was meant as such a document */
  struct host_meta meta;  /* with WEB_GOOD */
};

struct web_facts {
  bool is_tried;
  struct web_document documents[HOST_META_FORMS];
};

/* What is needed for it; all borrowed. */
struct web {
  struct tls_context *tls;
  struct stream_library *xml;
  bool allow_private;
  unsigned phase_ms, until_ms; /* of one phase; when all is over, by check_now_ms */
  /* Asks for addresses of hosts that redirects lead to; as lookup_run has it. */
  void (*ask)(void *context, struct asked *const *list, size_t n);
  void *ask_context;
};

/* Fetches both forms from the domain, and without TLS where neither is there with it. */
void web_fetch(const struct web *web, const struct facts *f, struct web_facts *out);

/* Does it tell something of the host? Else nobody has tried it, or this machine could not. */
bool web_end_is_of_host(enum web_end end);

/* "refused", "does not speak HTTP": why there is no document, for people. */
const char *web_end_text(enum web_end end);
/* The same with numbers and words: "HTTP status 404". Returns text. */
enum { WEB_TEXT = 256 };
const char *web_result_text(const struct web_document *d, char text[WEB_TEXT]);
#endif
