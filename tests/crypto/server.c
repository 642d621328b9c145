/* server.c: a TLS server in memory. */
#include "server.h"

#include <criterion/criterion.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

static void add_names(X509 *cert, const char *names) {
  char text[1024];
  snprintf(text, sizeof text, "%s", names);
  X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, text);
  cr_assert_not_null(extension, "%s", names);
  X509_add_ext(cert, extension, -1);
  X509_EXTENSION_free(extension);
}

static void add_ca(X509 *cert) {
  X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
  cr_assert_not_null(extension);
  X509_add_ext(cert, extension, -1);
  X509_EXTENSION_free(extension);
}

struct made make_cert(const char *common_name, const char *names, long from_s, long until_s,
                      const struct made *signer) {
  static long serial = 1;
  struct made m = {.cert = X509_new(), .key = EVP_EC_gen("P-256")};

  cr_assert(m.cert && m.key);
  X509_set_version(m.cert, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(m.cert), serial++);
  X509_gmtime_adj(X509_getm_notBefore(m.cert), from_s);
  X509_gmtime_adj(X509_getm_notAfter(m.cert), until_s);
  X509_set_pubkey(m.cert, m.key);

  X509_NAME *name = X509_get_subject_name(m.cert);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)common_name, -1, -1, 0);
  X509_set_issuer_name(m.cert, signer ? X509_get_subject_name(signer->cert) : name);
  if (names) add_names(m.cert, names);
  else add_ca(m.cert);
  cr_assert(X509_sign(m.cert, signer ? signer->key : m.key, EVP_sha256()) > 0);
  return m;
}

void made_free(struct made *m) {
  X509_free(m->cert);
  EVP_PKEY_free(m->key);
}

static int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
                       unsigned in_len, void *wanted) {
  (void)ssl;
  size_t len = strlen(wanted);
  if (in_len != len + 1 || memcmp(in + 1, wanted, len) != 0) return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = in + 1;
  *out_len = (unsigned char)len;
  return SSL_TLSEXT_ERR_OK;
}

void server_open(struct nameserver *s, const struct made *own, const struct made *chain, const char *alpn) {
  *s = (struct nameserver){.context = SSL_CTX_new(TLS_server_method())};
  cr_assert(SSL_CTX_use_certificate(s->context, own->cert) == 1 &&
            SSL_CTX_use_PrivateKey(s->context, own->key) == 1);
  if (chain) cr_assert(SSL_CTX_add1_chain_cert(s->context, chain->cert) == 1);
  s->alpn = alpn ? strdup(alpn) : NULL;
  if (alpn) SSL_CTX_set_alpn_select_cb(s->context, choose_alpn, s->alpn);
  s->ssl = SSL_new(s->context);
  s->in = BIO_new(BIO_s_mem());
  s->out = BIO_new(BIO_s_mem());
  SSL_set_bio(s->ssl, s->in, s->out);
  SSL_set_accept_state(s->ssl);
}

void server_close(struct nameserver *s) {
  SSL_free(s->ssl);
  SSL_CTX_free(s->context);
  free(s->alpn);
}

void server_carry(struct nameserver *s, struct tls *client) {
  unsigned char octets[4096];
  size_t len;
  int n;
  while ((len = tls_take(client, octets, sizeof octets)) > 0) BIO_write(s->in, octets, (int)len);
  if (!SSL_is_init_finished(s->ssl)) SSL_do_handshake(s->ssl);
  while ((n = BIO_read(s->out, octets, sizeof octets)) > 0) cr_assert(tls_put(client, octets, (size_t)n));
}

enum tls_step server_shake(struct nameserver *s, struct tls *client) {
  enum tls_step step = TLS_WANT;
  for (int i = 0; i < 8 && step == TLS_WANT; i++) {
    step = tls_handshake(client);
    server_carry(s, client);
  }
  return step;
}
