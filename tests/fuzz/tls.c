/* tls.c: fuzz target: the other end of a TLS connection: octets in place of a server, or a server whose
 * certificate has any subjectAltName; and TLSA records beside it. Where the peer has to prove who it is, none
 * does but by its pinned key, unless no proof is asked for.
 *
 * Input: an octet of how, two of length and a TLSA record's RDATA, then the octets or the DER of the names.
 */
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "crypto/tls.h"
#include "fuzz/fuzz.h"

enum {
  HOW_SERVER = 1,
  HOW_OLD = 2,
  HOW_ALPN = 4,
  HOW_NO_NAME = 8,
  HOW_STRICT = 16,
  HOW_PINNED = 32,
  HOW_UNPROVEN = 64
};
enum { ROUNDS = 8, PIECE = 4096 };

/* Made once: keys take time, and only the names are the input's. */
static struct tls_context *context, *strict;
static struct tls_expect expects_pin, expects_name = {.name = "d.chat"},
                                      expects_nobody = {.proof = TLS_PROOF_NONE};
static EVP_PKEY *key;

static void start(void) {
  context = tls_context_new(NULL, stderr);
  key = EVP_EC_gen("P-256");
  strict = tls_context_strict("/", TLS_PROOF_NEEDED, stderr); /* where nobody is trusted */
  must(context && strict && key);
  unsigned char *der = NULL;
  int len = i2d_PUBKEY(key, &der);
  must(len > 0 && EVP_Digest(der, (size_t)len, expects_pin.pins[0], NULL, EVP_sha256(), NULL) == 1);
  OPENSSL_free(der);
  expects_pin.pin_count = 1;
}

/* The client's end; strict: whom it expects, too. */
static struct tls *client_new(uint8_t how) {
  static const union addr anywhere = {.v4 = {.sin_family = AF_INET}};
  struct tls *t = tls_new(how & HOW_STRICT ? strict : context, how & HOW_NO_NAME ? NULL : "d.chat",
                          how & HOW_ALPN ? "xmpp-client" : NULL);
  must(t);
  const struct tls_expect *e = how & HOW_UNPROVEN ? &expects_nobody
                               : how & HOW_PINNED ? &expects_pin
                                                  : &expects_name;
  if (how & HOW_STRICT) must(tls_expect_peer(t, e, &anywhere, 2000000000));
  else if (how & HOW_OLD) must(tls_take_old(t));
  return t;
}

static X509 *make_cert(const uint8_t *names, size_t len) {
  X509 *cert = X509_new();
  ASN1_OCTET_STRING *der = ASN1_OCTET_STRING_new();
  must(cert && der && ASN1_OCTET_STRING_set(der, names, (int)len) == 1);
  X509_EXTENSION *extension = X509_EXTENSION_create_by_NID(NULL, NID_subject_alt_name, 0, der);
  must(extension && X509_set_version(cert, 2) == 1 && X509_add_ext(cert, extension, -1) == 1);
  X509_gmtime_adj(X509_getm_notBefore(cert), -60);
  X509_gmtime_adj(X509_getm_notAfter(cert), 60);
  must(X509_set_pubkey(cert, key) == 1 && X509_sign(cert, key, EVP_sha256()) > 0);
  X509_EXTENSION_free(extension);
  ASN1_OCTET_STRING_free(der);
  return cert;
}

/* All that a peer may be asked. */
static void look_at(struct tls *t, const uint8_t *tlsa, size_t tlsa_len) {
  struct cert cert;
  (void)tls_trust(t);
  must(tls_trust_text(t) && tls_version(t));
  (void)tls_tlsa_fits(t, tlsa, tlsa_len);
  if (!tls_peer(t, &cert)) return;
  must(cert.count <= CERT_NAMES_MAX);
  for (size_t i = 0; i < cert.count; i++) {
    const struct cert_name *n = &cert.names[i];
    must(n->form != CERT_NOT && memchr(n->text, 0, sizeof n->text));
    for (const char *c = n->text; *c; c++) must((unsigned char)*c > ' ' && *c != 0x7f);
  }
  (void)cert_is_for(&cert, "d.chat", "_xmpp-client");
  (void)cert_is_for(&cert, "xn--bcher-kva.chat", NULL);
}

static void carry(struct tls *t, SSL *server, BIO *in, BIO *out) {
  uint8_t octets[PIECE];
  size_t len;
  int n;
  while ((len = tls_take(t, octets, sizeof octets)) > 0) must(BIO_write(in, octets, (int)len) == (int)len);
  SSL_do_handshake(server);
  while ((n = BIO_read(out, octets, sizeof octets)) > 0) {
    if (!tls_put(t, octets, (size_t)n)) return; /* a certificate larger than any is */
  }
}

/* True: the handshake has ended well. */
static bool meet_server(struct tls *t, const uint8_t *names, size_t len) {
  enum tls_step step = TLS_WANT;
  SSL_CTX *server_context = SSL_CTX_new(TLS_server_method());
  X509 *cert = make_cert(names, len);
  must(server_context && SSL_CTX_use_PrivateKey(server_context, key) == 1);
  if (SSL_CTX_use_certificate(server_context, cert) == 1) {
    SSL *server = SSL_new(server_context);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    must(server && in && out);
    SSL_set_bio(server, in, out);
    SSL_set_accept_state(server);
    for (unsigned i = 0; i < ROUNDS && (step = tls_handshake(t)) == TLS_WANT; i++) carry(t, server, in, out);
    SSL_free(server);
  }
  X509_free(cert);
  SSL_CTX_free(server_context);
  return step == TLS_DONE;
}

static void meet_octets(struct tls *t, const uint8_t *octets, size_t len) {
  uint8_t text[PIECE];
  size_t n;
  enum tls_step step = tls_handshake(t);
  must(step == TLS_WANT);
  if (!tls_put(t, octets, len)) return; /* too much before the end of the handshake */
  step = tls_handshake(t);
  while (tls_take(t, text, sizeof text) > 0) continue;
  if (step == TLS_DONE) (void)tls_read(t, text, sizeof text, &n);
  const char *why = tls_why(t);
  for (; *why; why++) must(*why >= ' ' && *why <= '~');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct wire in = feed(data, size);
  uint8_t how = feed_u8(&in);
  size_t tlsa_len, len, room = feed_u16(&in);
  const uint8_t *tlsa = feed_octets(&in, room, &tlsa_len), *rest = feed_octets(&in, size, &len);
  if (!context) start();

  struct tls *t = client_new(how);
  if (how & HOW_SERVER) {
    bool good = meet_server(t, rest, len);
    if (how & HOW_STRICT) must(!good || how & (HOW_PINNED | HOW_UNPROVEN));
    if (how & HOW_STRICT && !good) must(tls_refused(t) != ERR_NONE);
    else look_at(t, tlsa, tlsa_len);
  } else {
    meet_octets(t, rest, len);
  }

  tls_free(t);
  return 0;
}
