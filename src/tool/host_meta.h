/* What a host-meta document says of ways to connect to an XMPP domain: links to WebSocket and BOSH
 * (XEP-0156), ports for direct TLS (XEP-0487). Pure: text in, links out; bounded whatever the text is. */
#ifndef JIDNS_TOOL_HOST_META_H
#define JIDNS_TOOL_HOST_META_H
#include "tool/http.h"
#include "tool/lookup.h"

enum { HOST_META_LINKS_MAX = 16, HOST_META_IPS_MAX = 16, HOST_META_DEPTH_MAX = 16 };

enum host_meta_form { HOST_META_XML, HOST_META_JSON, HOST_META_FORMS };

enum host_meta_kind {
  HOST_META_WEBSOCKET,
  HOST_META_BOSH,
  HOST_META_TLS,     /* clients' direct TLS */
  HOST_META_S2S_TLS, /* servers' */
  HOST_META_KINDS    /* others are not looked at */
};

struct host_meta_link {
  enum host_meta_kind kind;
  char href[HTTP_URL]; /* of WebSocket and BOSH; printable ASCII, "?" in place of other octets */
  uint16_t port;       /* of direct TLS; 0: none that is one */
  struct address ips[HOST_META_IPS_MAX];
  size_t ip_count;
};

struct host_meta {
  struct host_meta_link links[HOST_META_LINKS_MAX];
  size_t count; /* those that did not fit are left off */
};

/* The XRD of RFC 6415 section 3, read through the Expat of `l`. False: it is none. */
struct stream_library;
bool host_meta_read_xml(struct stream_library *l, const char *text, size_t len, struct host_meta *out);
/* The same as JSON (RFC 6415 appendix A). False: it is none, or this jidns was built without jansson. */
bool host_meta_read_json(const char *text, size_t len, struct host_meta *out);

/* A link with that relation, or NULL: it is of no kind, or there are too many. href may be NULL. */
struct host_meta_link *host_meta_add(struct host_meta *m, const char *relation, const char *href);

/* "websocket": for people and for programs. */
const char *host_meta_word(enum host_meta_kind kind);
/* ".well-known/host-meta.json" and its media type. */
const char *host_meta_path(enum host_meta_form form);
const char *host_meta_type(enum host_meta_form form);

/* The link is for programs in a browser: WebSocket or BOSH. */
static inline bool host_meta_is_for_web(const struct host_meta_link *l) { return l->kind <= HOST_META_BOSH; }
/* Such a link leads through TLS. */
bool host_meta_is_secure(const struct host_meta_link *l);
/* There is a link for the web. */
bool host_meta_has_web(const struct host_meta *m);
#endif
