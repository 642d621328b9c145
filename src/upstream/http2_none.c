/* http2_none.c: what stands in when this was built without nghttp2. Exports http2_*. */
#include "upstream/http2.h"

struct http2_library *http2_load(FILE *err) {
  fputs("built without nghttp2\n", err);
  return NULL;
}

/* There is no library, so nobody has a connection. */
void http2_unload(struct http2_library *l) { (void)l; }
struct http2 *http2_new(const struct http2_library *l, const struct http2_target *target) {
  return (void)l, (void)target, NULL;
}
void http2_free(struct http2 *h) { (void)h; }
void http2_ask(struct http2 *h, struct http2_request *r) { (void)h, (void)r; }
void http2_drop(struct http2 *h, struct http2_request *r) { (void)h, (void)r; }
void http2_ping(struct http2 *h) { (void)h; }
void http2_abandon(struct http2 *h) { (void)h; }
bool http2_put(struct http2 *h, const uint8_t *octets, size_t len) {
  return (void)h, (void)octets, (void)len, false;
}
const uint8_t *http2_take(struct http2 *h, size_t *len) {
  (void)h;
  *len = 0;
  return NULL;
}
struct http2_request *http2_finished(struct http2 *h) {
  return (void)h, NULL;
}
void http2_request_free(struct http2_request *r) { (void)r; }
bool http2_is_leaving(const struct http2 *h) { return (void)h, true; }
bool http2_is_over(const struct http2 *h) { return (void)h, true; }
unsigned http2_open(const struct http2 *h) { return (void)h, 0; }
unsigned http2_sent(const struct http2 *h) { return (void)h, 0; }
bool http2_has_finished(const struct http2 *h) { return (void)h, false; }
const char *http2_why(const struct http2 *h) { return (void)h, "built without nghttp2"; }
void http2_read_field(struct http2_request *r, const char *name, size_t name_len, const char *value,
                      size_t value_len) {
  (void)r, (void)name, (void)name_len, (void)value, (void)value_len;
}
