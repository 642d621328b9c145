/* As much of HTTP/1.1 as one GET needs (RFC 9112): URLs, the request, and a reader of the response that takes
 * octets as they come. Pure: no I/O. Whatever a server sends, head and body are bounded.
 *
 * No library: libcurl has a resolver, connections and TLS of its own, while addresses are to be judged and
 * certificates to be read here; of the parsers alone none is looked after and packaged. */
#ifndef JIDNS_TOOL_HTTP_H
#define JIDNS_TOOL_HTTP_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  HTTP_URL = 512,
  HTTP_HOST = 254,
  HTTP_URL_TEXT = HTTP_URL + HTTP_HOST + 16,
  HTTP_VALUE = 128,      /* of a field that is shown or compared */
  HTTP_LINE = 1024,      /* octets of a line that are looked at; what is longer is skipped */
  HTTP_HEAD_MAX = 32768, /* octets before the body, all lines together */
  HTTP_BODY_MAX = 65536
};

/* A URL of the web, taken apart. */
struct http_url {
  bool https;           /* else http */
  char host[HTTP_HOST]; /* a name in lower case, never an address */
  uint16_t port;
  char path[HTTP_URL]; /* with its query, without fragment; begins with "/" */
};

/* Reads "https://host[:port][/path]". False: it is none, is too long, or has a user, an address in place of a
 * name or octets that no URL has. */
bool http_url_parse(const char *text, struct http_url *out);
/* Where a Location leads from a URL (RFC 3986 section 4.2): a whole URL, "//host/path", "/path". A path that
 * does not begin with "/" replaces the last part of the base's. False as above. */
bool http_url_follow(const struct http_url *base, const char *location, struct http_url *out);
/* As text again; the port only where it is not the usual one. Returns text. */
const char *http_url_text(const struct http_url *url, char text[HTTP_URL_TEXT]);

/* The request of a page at another origin. Returns its length; 0: it does not fit. */
size_t http_request(const struct http_url *url, const char *accept, const char *origin, char *text,
                    size_t room);

enum http_state {
  HTTP_READING,
  HTTP_DONE,
  HTTP_ALIEN,   /* no HTTP, or in a coding that was not asked for */
  HTTP_TOO_MUCH /* more than is taken */
};

/* What the server has said. */
struct http_response {
  enum http_state state;
  unsigned status;               /* 0: none yet */
  char location[HTTP_URL];       /* "": none, or one that is too long */
  char allow_origin[HTTP_VALUE]; /* Access-Control-Allow-Origin; "": none */
  size_t body_len;
  char body[HTTP_BODY_MAX];

  /* Inside http.c. */
  struct {
    enum http_part { HTTP_STATUS, HTTP_FIELDS, HTTP_BODY, HTTP_CHUNK_SIZE, HTTP_CHUNK, HTTP_TRAILER } part;
    char line[HTTP_LINE];
    size_t line_len, head_len;
    bool line_cut, chunked, has_length;
    uint64_t length, left; /* of the body; of it or of the chunk what is still to come */
  } at;
};

void http_response_init(struct http_response *r);
/* Reads octets; what follows the response is left. */
enum http_state http_put(struct http_response *r, const char *octets, size_t len);
/* The server has closed the connection: that may be the end of the body, or too early. False: too early. */
bool http_end(struct http_response *r);
#endif
