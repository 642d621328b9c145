/* tls_none.c: what stands in when this was built without OpenSSL. Exports tls_*. */
#include "crypto/tls.h"

struct tls_context *tls_context_new(const char *ca_path, FILE *err) {
  (void)ca_path;
  fprintf(err, "built without OpenSSL\n");
  return NULL;
}

struct tls_context *tls_context_strict(const char *ca_path, enum tls_proof proof, FILE *err) {
  (void)proof;
  return tls_context_new(ca_path, err);
}
struct tls_context *tls_context_hold(struct tls_context *c) {
  return c;
}
bool tls_context_serves(const struct tls_context *c, const char *ca_path, enum tls_proof proof) {
  (void)proof;
  return (void)c, (void)ca_path, false;
}
void tls_context_floor(struct tls_context *c, int64_t floor_s) { (void)c, (void)floor_s; }
int64_t tls_context_floor_s(const struct tls_context *c) { return (void)c, 0; }

/* There is no context, so nobody has a connection. */
void tls_context_free(struct tls_context *c) { (void)c; }
struct tls *tls_new(struct tls_context *c, const char *server_name, const char *alpn) {
  (void)c, (void)server_name, (void)alpn;
  return NULL;
}
void tls_free(struct tls *t) { (void)t; }
bool tls_take_old(struct tls *t) { return (void)t, false; }
bool tls_put(struct tls *t, const void *octets, size_t len) {
  return (void)t, (void)octets, (void)len, false;
}
size_t tls_take(struct tls *t, void *octets, size_t room) { return (void)t, (void)octets, (void)room, 0; }
size_t tls_unsent(const struct tls *t) { return (void)t, 0; }
enum tls_step tls_handshake(struct tls *t) { return (void)t, TLS_FAILED; }
enum tls_step tls_write(struct tls *t, const void *text, size_t len) {
  return (void)t, (void)text, (void)len, TLS_FAILED;
}
enum tls_step tls_read(struct tls *t, void *text, size_t room, size_t *len) {
  (void)t, (void)text, (void)room;
  *len = 0;
  return TLS_FAILED;
}
void tls_end(struct tls *t) { (void)t; }
const char *tls_why(const struct tls *t) { return (void)t, "built without OpenSSL"; }
enum tls_trust tls_trust(const struct tls *t) { return (void)t, TLS_DISTRUSTED; }
const char *tls_trust_text(const struct tls *t) { return (void)t, "built without OpenSSL"; }
const char *tls_version(const struct tls *t) { return (void)t, "none"; }
bool tls_alpn_is(const struct tls *t, const char *alpn) { return (void)t, (void)alpn, false; }
bool tls_peer(const struct tls *t, struct cert *out) { return (void)t, (void)out, false; }
bool tls_tlsa_fits(const struct tls *t, const uint8_t *rdata, size_t len) {
  return (void)t, (void)rdata, (void)len, false;
}

bool tls_asks_certificate(const struct tls *t) { return (void)t, false; }

int tls_dane_usage(const struct tls *t, const struct tls_tlsa *records, size_t n, unsigned *usable) {
  (void)t, (void)records, (void)n;
  *usable = 0;
  return -1;
}
bool tls_expect_peer(struct tls *t, const struct tls_expect *e, const union addr *a, int64_t now_s) {
  return (void)t, (void)e, (void)a, (void)now_s, false;
}
enum err tls_refused(const struct tls *t) { return (void)t, ERR_TLS; }
const struct tls_peer_seen *tls_seen(const struct tls *t) {
  static const struct tls_peer_seen nothing;
  return (void)t, &nothing;
}
void tls_use_ticket(struct tls *t, struct tls_ticket *ticket, int64_t now_s) {
  (void)t, (void)ticket, (void)now_s;
}
void tls_drop_ticket(struct tls_ticket *ticket) { (void)ticket; }
bool tls_is_resumed(const struct tls *t) { return (void)t, false; }
