/* http.c: URLs, requests and responses of HTTP/1.1. Exports http_*. */
#include "tool/http.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config.h"

enum { PORT_HTTP = 80, PORT_HTTPS = 443 };

/* ---- URLs ---- */

static const char host_octets[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";

/* A name, and not an address: those have no certificate that names anybody. */
static bool take_host(const char *text, size_t len, char out[HTTP_HOST]) {
  struct in_addr address;
  if (len == 0 || len >= HTTP_HOST || strspn(text, host_octets) < len) return false;
  for (size_t i = 0; i < len; i++) out[i] = (char)(text[i] | (text[i] >= 'A' && text[i] <= 'Z' ? 0x20 : 0));
  out[len] = 0;
  return inet_aton(out, &address) == 0;
}

/* ":8443"; none is the usual one. */
static bool take_port(const char *text, size_t len, bool https, uint16_t *out) {
  unsigned long port = 0;
  *out = https ? PORT_HTTPS : PORT_HTTP;
  if (len <= 1) return true;
  for (size_t i = 1; i < len; i++) {
    if (text[i] < '0' || text[i] > '9' || len > 6) return false;
    port = port * 10 + (unsigned long)(text[i] - '0');
  }
  *out = (uint16_t)port;
  return port > 0 && port <= UINT16_MAX;
}

/* Printable ASCII without spaces, as far as a fragment. */
static bool take_path(const char *text, char out[HTTP_URL]) {
  size_t len = strcspn(text, "#"), used = 0;
  if (*text != '/') out[used++] = '/';
  if (used + len >= HTTP_URL) return false;
  for (size_t i = 0; i < len; i++) {
    if (text[i] <= ' ' || text[i] > '~') return false;
    out[used++] = text[i];
  }
  out[used] = 0;
  return true;
}

/* What stands behind "https://". */
static bool parse_rest(const char *rest, bool https, struct http_url *out) {
  size_t len = strcspn(rest, "/?#"), host_len = strcspn(rest, ":/?#");
  out->https = https;
  return take_host(rest, host_len, out->host) &&
         take_port(rest + host_len, len - host_len, https, &out->port) && take_path(rest + len, out->path);
}

bool http_url_parse(const char *text, struct http_url *out) {
  if (strncasecmp(text, "https://", 8) == 0) return parse_rest(text + 8, true, out);
  if (strncasecmp(text, "http://", 7) == 0) return parse_rest(text + 7, false, out);
  return false;
}

bool http_url_follow(const struct http_url *base, const char *location, struct http_url *out) {
  char path[2 * HTTP_URL];
  size_t scheme = strcspn(location, ":/?#");
  *out = *base;
  if (strncmp(location, "//", 2) == 0) return parse_rest(location + 2, base->https, out);
  if (location[scheme] == ':') return http_url_parse(location, out);
  if (*location == '/') return take_path(location, out->path);

  size_t kept = strcspn(base->path, "?");
  while (*location != '?' && kept > 0 && base->path[kept - 1] != '/') kept--;
  snprintf(path, sizeof path, "%.*s%s", (int)kept, base->path, location);
  return *location && take_path(path, out->path);
}

const char *http_url_text(const struct http_url *url, char text[HTTP_URL_TEXT]) {
  char port[8] = "";
  if (url->port != (url->https ? PORT_HTTPS : PORT_HTTP)) snprintf(port, sizeof port, ":%u", url->port);
  snprintf(text, HTTP_URL_TEXT, "%s://%s%s%s", url->https ? "https" : "http", url->host, port, url->path);
  return text;
}

size_t http_request(const struct http_url *url, const char *accept, const char *origin, char *text,
                    size_t room) {
  char port[8] = "";
  if (url->port != (url->https ? PORT_HTTPS : PORT_HTTP)) snprintf(port, sizeof port, ":%u", url->port);
  int n = snprintf(text, room,
                   "GET %s HTTP/1.1\r\nHost: %s%s\r\nUser-Agent: jidns/%s\r\nAccept: %s\r\n"
                   "Accept-Encoding: identity\r\nOrigin: %s\r\nConnection: close\r\n\r\n",
                   url->path, url->host, port, PACKAGE_VERSION, accept, origin);
  return n > 0 && (size_t)n < room ? (size_t)n : 0;
}

/* ---- the response's head ---- */

void http_response_init(struct http_response *r) {
  r->state = HTTP_READING;
  r->status = 0;
  r->location[0] = r->allow_origin[0] = 0;
  r->body_len = 0;
  memset(&r->at, 0, sizeof r->at);
}

static void settle(struct http_response *r, enum http_state state) {
  if (r->state == HTTP_READING) r->state = state;
}

/* "HTTP/1.1 200 OK" */
static void take_status(struct http_response *r, const char *line) {
  bool is_one = strncmp(line, "HTTP/1.", 7) == 0 && strspn(line + 7, "0123456789") == 1 && line[8] == ' ' &&
                strspn(line + 9, "0123456789") == 3 && (line[12] == ' ' || line[12] == 0);
  r->status = is_one ? (unsigned)atoi(line + 9) : 0;
  if (r->status < 100 || r->status > 599) {
    r->status = 0;
    settle(r, HTTP_ALIEN);
  }
  r->at.part = HTTP_FIELDS;
}

/* The value of "NAME: value", without space around it; NULL: another field. */
static const char *value_of(char *line, const char *name) {
  size_t len = strlen(name);
  if (strncasecmp(line, name, len) != 0 || line[len] != ':') return NULL;
  char *value = line + len + 1;
  value += strspn(value, " \t");
  size_t end = strlen(value);
  while (end > 0 && (value[end - 1] == ' ' || value[end - 1] == '\t')) value[--end] = 0;
  return value;
}

/* Printable ASCII, whole or not at all. */
static void keep(const char *value, char *to, size_t room) {
  size_t len = strlen(value);
  if (*to || len >= room) return;
  for (size_t i = 0; i < len; i++) {
    if (value[i] < ' ' || value[i] > '~') return;
  }
  memcpy(to, value, len + 1);
}

static void take_length(struct http_response *r, const char *value) {
  size_t digits = strspn(value, "0123456789");
  uint64_t length = digits > 0 && digits < 19 && value[digits] == 0 ? strtoull(value, NULL, 10) : UINT64_MAX;
  bool is_other = r->at.has_length && r->at.length != length;
  if (length == UINT64_MAX || is_other) settle(r, HTTP_ALIEN);
  r->at.has_length = true;
  r->at.length = length;
}

static void take_field(struct http_response *r, char *line) {
  const char *value;
  if ((value = value_of(line, "Content-Length"))) take_length(r, value);
  if ((value = value_of(line, "Access-Control-Allow-Origin")))
    keep(value, r->allow_origin, sizeof r->allow_origin);
  if ((value = value_of(line, "Location")) && !r->at.line_cut) keep(value, r->location, sizeof r->location);
  if ((value = value_of(line, "Transfer-Encoding"))) {
    r->at.chunked = strcasecmp(value, "chunked") == 0;
    if (!r->at.chunked) settle(r, HTTP_ALIEN);
  }
}

/* The head is over: what is to come is known (RFC 9112 section 6.3). */
static void begin_body(struct http_response *r) {
  bool has_none = r->status == 204 || r->status == 304 ||
                  (r->at.has_length && !r->at.chunked && r->at.length == 0);
  if (r->status < 200) {
    /* An interim one; the real one follows. */
    size_t head_len = r->at.head_len;
    http_response_init(r);
    r->at.head_len = head_len;
    return;
  }

  r->at.part = r->at.chunked ? HTTP_CHUNK_SIZE : HTTP_BODY;
  r->at.left = r->at.has_length && !r->at.chunked ? r->at.length : UINT64_MAX;
  if (has_none) settle(r, HTTP_DONE);
}

/* ---- its body ---- */

/* "1a3f", perhaps with extensions. */
static void take_chunk_size(struct http_response *r, const char *line) {
  size_t digits = strspn(line, "0123456789abcdefABCDEF");
  const char *rest = line + digits + strspn(line + digits, " \t");
  if (digits == 0 || digits > 15 || (*rest && *rest != ';')) {
    settle(r, HTTP_ALIEN);
    return;
  }
  r->at.left = strtoull(line, NULL, 16);
  r->at.part = r->at.left > 0 ? HTTP_CHUNK : HTTP_TRAILER;
}

static void take_line(struct http_response *r, char *line) {
  switch (r->at.part) {
  case HTTP_STATUS: take_status(r, line); break;
  case HTTP_FIELDS:
    if (*line) take_field(r, line);
    else begin_body(r);
    break;
  case HTTP_CHUNK_SIZE: take_chunk_size(r, line); break;
  case HTTP_TRAILER:
    if (!*line) settle(r, HTTP_DONE);
    break;
  case HTTP_CHUNK: /* the end of line behind one */
    if (*line) settle(r, HTTP_ALIEN);
    r->at.part = HTTP_CHUNK_SIZE;
    break;
  case HTTP_BODY: break;
  }
}

/* One octet of a line, which ends with LF, mostly after CR. */
static void put_line(struct http_response *r, char octet) {
  char line[HTTP_LINE];
  if (++r->at.head_len > HTTP_HEAD_MAX) {
    settle(r, HTTP_TOO_MUCH);
  } else if (octet != '\n') {
    if (octet == 0) settle(r, HTTP_ALIEN);
    if (r->at.line_len < HTTP_LINE - 1) r->at.line[r->at.line_len++] = octet;
    else r->at.line_cut = true;
  } else {
    size_t len = r->at.line_len;
    if (len > 0 && r->at.line[len - 1] == '\r') len--;
    memcpy(line, r->at.line, len);
    line[len] = 0;
    r->at.line_len = 0;
    take_line(r, line);
    r->at.line_cut = false;
  }
}

/* Returns how many octets belong to the body or chunk. */
static size_t put_body(struct http_response *r, const char *octets, size_t len) {
  if (len > r->at.left) len = (size_t)r->at.left;
  if (len > HTTP_BODY_MAX - r->body_len) {
    settle(r, HTTP_TOO_MUCH);
    return len;
  }
  memcpy(r->body + r->body_len, octets, len);
  r->body_len += len;
  if (r->at.left != UINT64_MAX) r->at.left -= len;
  if (r->at.left == 0 && r->at.part == HTTP_BODY) settle(r, HTTP_DONE);
  return len;
}

enum http_state http_put(struct http_response *r, const char *octets, size_t len) {
  while (len > 0 && r->state == HTTP_READING) {
    bool is_body = r->at.part == HTTP_BODY || (r->at.part == HTTP_CHUNK && r->at.left > 0);
    size_t taken = 1;
    if (is_body) taken = put_body(r, octets, len);
    else put_line(r, *octets);
    octets += taken;
    len -= taken;
  }
  return r->state;
}

bool http_end(struct http_response *r) {
  bool is_whole = r->at.part == HTTP_BODY && r->at.left == UINT64_MAX;
  if (is_whole) settle(r, HTTP_DONE);
  return r->state == HTTP_DONE;
}
