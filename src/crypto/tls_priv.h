/* Inside crypto: the library's functions, and what a connection is. */
#ifndef JIDNS_CRYPTO_TLS_PRIV_H
#define JIDNS_CRYPTO_TLS_PRIV_H
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "base/library.h"
#include "crypto/tls.h"

/* The names are the library's own functions; what its headers make macros of goes through SSL_ctrl and the
 * like. */
/* clang-format off */
#define SSL_FUNCTIONS(F)                                                                                     \
  F(TLS_client_method)                                                                                       \
  F(OPENSSL_init_ssl) F(SSL_CTX_new) F(SSL_CTX_free) F(SSL_CTX_ctrl) F(SSL_CTX_set_options) \
 F(SSL_CTX_load_verify_dir) F(SSL_CTX_load_verify_file) F(SSL_CTX_set_cert_verify_callback) F(SSL_get1_session) F(SSL_SESSION_is_resumable) F(SSL_set_shutdown) F(SSL_shutdown) \
 F(SSL_set_verify) F(SSL_get0_param) F(SSL_set_ex_data) F(SSL_get_ex_data) F(SSL_get_ex_data_X509_STORE_CTX_idx) \
 F(SSL_set_session) F(SSL_SESSION_free) F(SSL_session_reused) F(SSL_CTX_set_default_verify_paths) F(SSL_CTX_load_verify_locations)        \
      F(SSL_new) F(SSL_free) F(SSL_ctrl) F(SSL_set_cipher_list) F(SSL_set_alpn_protos) F(SSL_set_bio) F(SSL_connect) F(SSL_read)    \
          F(SSL_write) F(SSL_free_buffers) F(SSL_get_error) F(SSL_get_verify_result) F(SSL_get_version)                          \
              F(SSL_get0_alpn_selected) F(SSL_set_cert_cb) F(SSL_CTX_dane_enable) F(SSL_dane_enable) F(SSL_dane_tlsa_add) \
 F(SSL_get0_dane) F(SSL_get0_dane_tlsa) F(SSL_CTX_get_cert_store) F(SSL_get_peer_cert_chain) F(SSL_get0_verified_chain)
/* clang-format on */

/* clang-format off */
#define CRYPTO_FUNCTIONS(F)                                                                                  \
  F(X509_get_default_cert_dir) F(X509_STORE_CTX_get0_cert) F(X509_STORE_CTX_get_error) F(X509_STORE_CTX_set_error) \
 F(X509_STORE_CTX_get_ex_data) F(X509_VERIFY_PARAM_set1_host) F(X509_VERIFY_PARAM_set1_ip) F(X509_VERIFY_PARAM_set_hostflags) \
 F(X509_VERIFY_PARAM_set_flags) F(X509_VERIFY_PARAM_set_time) F(BIO_new)                                                                                                 \
  F(BIO_s_mem) F(BIO_read) F(BIO_write) F(BIO_ctrl) F(BIO_free) F(ERR_get_error) F(ERR_clear_error)          \
      F(ERR_reason_error_string) F(OPENSSL_sk_num) F(OPENSSL_sk_value) F(X509_get_ext_d2i)                   \
          F(X509_get0_notAfter) F(X509_get0_notBefore) F(X509_get_issuer_name) F(X509_NAME_get_text_by_NID) F(X509_digest) F(X509_STORE_CTX_new) F(X509_STORE_CTX_free) F(X509_STORE_CTX_init) F(X509_STORE_CTX_set0_dane) \
 F(X509_STORE_CTX_set_default) F(X509_verify_cert)      \
              F(X509_get_X509_PUBKEY) F(X509_verify_cert_error_string) \
                  F(ASN1_TIME_to_tm) F(ASN1_STRING_length) F(ASN1_STRING_get0_data) F(GENERAL_NAMES_free)    \
                      F(OBJ_obj2txt) F(i2d_X509) F(i2d_X509_PUBKEY) F(CRYPTO_free) F(EVP_Digest)             \
                          F(EVP_sha256) F(EVP_sha512)
/* clang-format on */

struct ssl {
#define MEMBER(name) LIBRARY_MEMBER(, name)
  SSL_FUNCTIONS(MEMBER)
};

struct crypto {
  CRYPTO_FUNCTIONS(MEMBER)
};

struct tls_context {
  void *ssl_handle, *crypto_handle;
  struct ssl ssl;
  struct crypto crypto;
  SSL_CTX *context;
  char *ca_path; /* of a strict one, and that file or folder as it was */
  struct stat ca_seen;
  atomic_uint users;
  _Atomic int64_t floor_s; /* no time before this is believed */
};

struct tls {
  struct tls_context *c;
  SSL *ssl;
  BIO *in, *out; /* the SSL's own */
  bool asks_certificate;
  bool has_text; /* some has come */
  bool is_open;  /* the handshake is over */
  size_t early;  /* octets that the peer sent before it was */
  struct tls_peer_seen peer;
  enum err refused;                /* how the peer failed to prove itself; ERR_NONE: it did not */
  const struct tls_expect *expect; /* borrowed; NULL: whoever the peer is */
  bool clock_is_wrong;             /* the time it is proven by is not the clock's */
  bool clock_is_likely;            /* but the clock is not before the day of the build */
  struct tls_ticket *ticket;       /* borrowed: where to keep its own; NULL: nowhere */
  char why[TLS_WHY];
};

/* When a certificate ends or begins, in seconds since 1970. */
int64_t tls_time_of(const struct crypto *c, const ASN1_TIME *time);
/* tls_prove.c */
void tls_keep_session(struct tls *t); /* in its ticket, if the peer has given one */
bool tls_prove_prepare(struct tls_context *c);
#endif
