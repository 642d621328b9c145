/* tls_prove.c: peers that prove who they are within the handshake, and sessions that are resumed. Exports
 * tls_expect_peer, tls_refused, tls_seen, tls_use_ticket, tls_drop_ticket, tls_is_resumed,
 * tls_context_floor, tls_prove_prepare. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/must.h"
#include "crypto/tls_priv.h"

enum { OURS = 0 }; /* the SSL's place for our own pointer */

/* ---- whether it is who it should be ---- */

static enum err refusal_of(const struct tls *t, int verdict) {
  switch (verdict) {
  case X509_V_ERR_CERT_HAS_EXPIRED: return t->clock_is_wrong ? ERR_CERT_CLOCK : ERR_CERT_EXPIRED;
  case X509_V_ERR_CERT_NOT_YET_VALID: return t->clock_is_wrong ? ERR_CERT_CLOCK : ERR_CERT_EARLY;
  case X509_V_ERR_HOSTNAME_MISMATCH:
  case X509_V_ERR_IP_ADDRESS_MISMATCH: return ERR_CERT_NAME;
  case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
  case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
  case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
  case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
  case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE: return ERR_CERT_CA;
  default: return ERR_CERT_BAD;
  }
}

/* What the log and the pins need to know of the peer's own certificate. */
static void note_peer(struct tls *t, X509 *own) {
  const struct crypto *c = &t->c->crypto;
  unsigned char *key = NULL;
  unsigned len = 0;
  int n = c->i2d_X509_PUBKEY(c->X509_get_X509_PUBKEY(own), &key);
  t->peer.has_pin = n > 0 && c->EVP_Digest(key, (size_t)n, t->peer.pin, &len, c->EVP_sha256(), NULL) == 1 &&
                    len == TLS_PIN;
  c->CRYPTO_free(key, "", 0);
  t->peer.from_s = tls_time_of(c, c->X509_get0_notBefore(own));
  t->peer.until_s = tls_time_of(c, c->X509_get0_notAfter(own));
}

static bool has_pinned_key(const struct tls *t) {
  for (unsigned i = 0; i < t->expect->pin_count; i++) {
    if (t->peer.has_pin && memcmp(t->peer.pin, t->expect->pins[i], TLS_PIN) == 0) return true;
  }
  return false;
}

/* By the floor it has expired, and the clock says otherwise: whoever set the floor may have had a clock that
 * was ahead. The next handshake goes by the clock, if that can be right. */
static void doubt_floor(struct tls *t, int64_t floor_s) {
  bool is_floor_wrong = t->clock_is_wrong && t->clock_is_likely;
  if (is_floor_wrong) atomic_compare_exchange_strong(&t->c->floor_s, &floor_s, clock_floor_of_build());
}

/* The library's question in the midst of the handshake, in place of its own check: 1 lets it go on. That the
 * peer has the key of the certificate it shows is checked by the handshake itself. */
static int on_certificate(X509_STORE_CTX *x, void *arg) {
  struct tls_context *context = arg;
  const struct crypto *c = &context->crypto;
  SSL *ssl = c->X509_STORE_CTX_get_ex_data(x, context->ssl.SSL_get_ex_data_X509_STORE_CTX_idx());
  struct tls *t = context->ssl.SSL_get_ex_data(ssl, OURS);
  X509 *own = c->X509_STORE_CTX_get0_cert(x);
  must(t && t->expect);
  if (own) note_peer(t, own);
  if (t->expect->proof == TLS_PROOF_NONE) {
    c->X509_STORE_CTX_set_error(x, X509_V_OK);
    return 1;
  }

  if (t->expect->pin_count) {
    bool pinned = own && has_pinned_key(t);
    t->refused = pinned ? ERR_NONE : ERR_CERT_PIN;
    c->X509_STORE_CTX_set_error(x, pinned ? X509_V_OK : X509_V_ERR_APPLICATION_VERIFICATION);
    return pinned;
  }

  int64_t floor_s = context->floor_s;
  bool good = own && c->X509_verify_cert(x) == 1;
  int verdict = c->X509_STORE_CTX_get_error(x);
  if (!good) {
    if (verdict == X509_V_ERR_CERT_HAS_EXPIRED) doubt_floor(t, floor_s);
    t->refused = refusal_of(t, verdict);
    snprintf(t->why, sizeof t->why, "%s", c->X509_verify_cert_error_string(verdict));
  }
  return good;
}

bool tls_expect_peer(struct tls *t, const struct tls_expect *e, const union addr *a, int64_t now_s) {
  const struct ssl *ssl = &t->c->ssl;
  const struct crypto *c = &t->c->crypto;
  X509_VERIFY_PARAM *param = ssl->SSL_get0_param(t->ssl);
  int64_t floor_s = t->c->floor_s;

  t->expect = e;
  t->clock_is_wrong = now_s < floor_s;
  t->clock_is_likely = now_s >= clock_floor_of_build();
  if (ssl->SSL_set_ex_data(t->ssl, OURS, t) != 1) return false;
  ssl->SSL_set_verify(t->ssl, SSL_VERIFY_PEER, NULL);
  c->X509_VERIFY_PARAM_set_time(param, (time_t)(now_s > floor_s ? now_s : floor_s));
  c->X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                                X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  /* what the operator trusts himself need not be a root */
  c->X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
  if (e->proof == TLS_PROOF_NONE) return true;
  if (*e->name) return c->X509_VERIFY_PARAM_set1_host(param, e->name, 0) == 1;
  bool is_v4 = a->any.sa_family == AF_INET;
  const void *octets = is_v4 ? (const void *)&a->v4.sin_addr : (const void *)&a->v6.sin6_addr;
  return c->X509_VERIFY_PARAM_set1_ip(param, octets,
                                      is_v4 ? sizeof a->v4.sin_addr : sizeof a->v6.sin6_addr) == 1;
}

enum err tls_refused(const struct tls *t) { return t->refused == ERR_NONE ? ERR_TLS : t->refused; }
const struct tls_peer_seen *tls_seen(const struct tls *t) { return &t->peer; }

void tls_context_floor(struct tls_context *c, int64_t floor_s) {
  c->floor_s = clock_floor_raise(c->floor_s, floor_s);
}

int64_t tls_context_floor_s(const struct tls_context *c) { return c->floor_s; }

/* ---- sessions ---- */

void tls_keep_session(struct tls *t) {
  const struct ssl *ssl = &t->c->ssl;
  if (!t->ticket || !t->is_open) return;
  SSL_SESSION *session = ssl->SSL_get1_session(t->ssl);
  if (!session || !ssl->SSL_SESSION_is_resumable(session)) {
    if (session) ssl->SSL_SESSION_free(session);
    return;
  }

  tls_drop_ticket(t->ticket);
  *t->ticket = (struct tls_ticket){.context = t->c, .session = session, .peer = t->peer};
}

void tls_use_ticket(struct tls *t, struct tls_ticket *ticket, int64_t now_s) {
  t->ticket = ticket;
  if (ticket->session && (ticket->peer.until_s < now_s || ticket->context != t->c)) tls_drop_ticket(ticket);
  if (!ticket->session || t->c->ssl.SSL_set_session(t->ssl, ticket->session) != 1) return;
  t->peer = ticket->peer;
}

void tls_drop_ticket(struct tls_ticket *ticket) {
  if (ticket->session) ticket->context->ssl.SSL_SESSION_free(ticket->session);
  *ticket = (struct tls_ticket){0};
}

bool tls_is_resumed(const struct tls *t) { return t->c->ssl.SSL_session_reused(t->ssl) == 1; }

/* ---- the context ---- */

bool tls_prove_prepare(struct tls_context *c) {
  const struct ssl *ssl = &c->ssl;
  c->floor_s = clock_floor_of_build();
  ssl->SSL_CTX_set_options(c->context, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  ssl->SSL_CTX_ctrl(c->context, SSL_CTRL_MODE, SSL_MODE_RELEASE_BUFFERS, NULL);
  ssl->SSL_CTX_ctrl(c->context, SSL_CTRL_SET_SESS_CACHE_MODE,
                    SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL, NULL);
  ssl->SSL_CTX_set_cert_verify_callback(c->context, on_certificate, c);
  return ssl->SSL_CTX_ctrl(c->context, SSL_CTRL_SET_MIN_PROTO_VERSION, TLS1_2_VERSION, NULL) == 1;
}
