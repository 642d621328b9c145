/* tls.c: TLS through OpenSSL with memory at both ends, in place of sockets. Exports tls_*. */
#include "crypto/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/library.h"
#include "base/must.h"
#include "config.h"

/* The names are the library's own functions; what its headers make macros of goes through SSL_ctrl and the
 * like. */
/* clang-format off */
#define SSL_FUNCTIONS(F)                                                                                     \
  F(TLS_client_method)                                                                                       \
  F(SSL_CTX_new) F(SSL_CTX_free) F(SSL_CTX_set_default_verify_paths) F(SSL_CTX_load_verify_locations)        \
      F(SSL_new) F(SSL_free) F(SSL_ctrl) F(SSL_set_cipher_list) F(SSL_set_alpn_protos) F(SSL_set_bio) F(SSL_connect) F(SSL_read)    \
          F(SSL_write) F(SSL_get_error) F(SSL_get_verify_result) F(SSL_get_version)                          \
              F(SSL_get0_alpn_selected) F(SSL_set_cert_cb) F(SSL_CTX_dane_enable) F(SSL_dane_enable) F(SSL_dane_tlsa_add) \
 F(SSL_get0_dane) F(SSL_get0_dane_tlsa) F(SSL_CTX_get_cert_store) F(SSL_get_peer_cert_chain) F(SSL_get0_verified_chain)
/* clang-format on */

/* clang-format off */
#define CRYPTO_FUNCTIONS(F)                                                                                  \
  F(BIO_new)                                                                                                 \
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

static const struct library_symbol ssl_symbols[] = {
#define SSL_SYMBOL(name) LIBRARY_SYMBOL(, struct ssl, name)
    SSL_FUNCTIONS(SSL_SYMBOL)};

static const struct library_symbol crypto_symbols[] = {
#define CRYPTO_SYMBOL(name) LIBRARY_SYMBOL(, struct crypto, name)
    CRYPTO_FUNCTIONS(CRYPTO_SYMBOL)};

struct tls_context {
  void *ssl_handle, *crypto_handle;
  struct ssl ssl;
  struct crypto crypto;
  SSL_CTX *context;
};

struct tls {
  struct tls_context *c;
  SSL *ssl;
  BIO *in, *out; /* the SSL's own */
  bool asks_certificate;
  char why[TLS_WHY];
};

/* ---- the library ---- */

static bool fail_setup(struct tls_context *c, FILE *err) {
  c->crypto.ERR_clear_error();
  fputs("OpenSSL can't be set up\n", err);
  return false;
}

static bool set_trust(struct tls_context *c, const char *ca_path, FILE *err) {
  struct stat st;
  if (!ca_path) return c->ssl.SSL_CTX_set_default_verify_paths(c->context) == 1 || fail_setup(c, err);

  bool is_folder = stat(ca_path, &st) == 0 && S_ISDIR(st.st_mode);
  if (c->ssl.SSL_CTX_load_verify_locations(c->context, is_folder ? NULL : ca_path,
                                           is_folder ? ca_path : NULL) == 1)
    return true;
  c->crypto.ERR_clear_error();
  fprintf(err, "%s: can't be read as certificates in PEM\n", ca_path);
  return false;
}

struct tls_context *tls_context_new(const char *ca_path, FILE *err) {
  struct tls_context *c = must_zalloc(sizeof *c);
  c->crypto_handle = library_open(CRYPTO_SONAME, crypto_symbols,
                                  sizeof crypto_symbols / sizeof *crypto_symbols, &c->crypto, err);
  if (c->crypto_handle)
    c->ssl_handle = library_open(OPENSSL_SONAME, ssl_symbols, sizeof ssl_symbols / sizeof *ssl_symbols,
                                 &c->ssl, err);
  if (c->ssl_handle) c->context = c->ssl.SSL_CTX_new(c->ssl.TLS_client_method());
  if (c->ssl_handle && !c->context) fail_setup(c, err);
  if (c->context && c->ssl.SSL_CTX_dane_enable(c->context) == 1 && set_trust(c, ca_path, err)) return c;
  tls_context_free(c);
  return NULL;
}

void tls_context_free(struct tls_context *c) {
  if (!c) return;
  if (c->context) c->ssl.SSL_CTX_free(c->context);
  library_close(c->ssl_handle);
  library_close(c->crypto_handle);
  free(c);
}

/* ---- the machine ---- */

/* One protocol as a list of one: its length before it (RFC 7301 section 3.1). */
static bool set_alpn(struct tls *t, const char *alpn) {
  unsigned char list[256];
  size_t len = strlen(alpn);
  if (len == 0 || len > 255) return false;
  list[0] = (unsigned char)len;
  memcpy(list + 1, alpn, len);
  return t->c->ssl.SSL_set_alpn_protos(t->ssl, list, (unsigned)len + 1) == 0;
}

static bool set_name(struct tls *t, const char *name) {
  char text[CERT_NAME_TEXT];
  snprintf(text, sizeof text, "%s", name);
  return t->c->ssl.SSL_ctrl(t->ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, text) == 1;
}

/* Called when the peer asks for a certificate: it gets none, and the handshake goes on. */
static int on_certificate_request(SSL *ssl, void *context) {
  struct tls *t = context;
  (void)ssl;
  t->asks_certificate = true;
  return 1;
}

struct tls *tls_new(struct tls_context *c, const char *server_name, const char *alpn) {
  struct tls *t = calloc(1, sizeof *t);
  if (!t) return NULL;
  t->c = c;
  t->ssl = c->ssl.SSL_new(c->context);
  t->in = c->crypto.BIO_new(c->crypto.BIO_s_mem());
  t->out = c->crypto.BIO_new(c->crypto.BIO_s_mem());
  if (!t->ssl || !t->in || !t->out) {
    if (t->in) c->crypto.BIO_free(t->in);
    if (t->out) c->crypto.BIO_free(t->out);
    t->in = t->out = NULL;
    tls_free(t);
    return NULL;
  }

  /* An empty buffer means "later", not the end. */
  c->crypto.BIO_ctrl(t->in, BIO_C_SET_BUF_MEM_EOF_RETURN, -1, NULL);
  c->ssl.SSL_set_bio(t->ssl, t->in, t->out);
  c->ssl.SSL_set_cert_cb(t->ssl, on_certificate_request, t);
  if ((server_name && !set_name(t, server_name)) || (alpn && !set_alpn(t, alpn))) {
    tls_free(t);
    return NULL;
  }

  return t;
}

bool tls_take_old(struct tls *t) {
  return t->c->ssl.SSL_ctrl(t->ssl, SSL_CTRL_SET_MIN_PROTO_VERSION, 0, NULL) == 1 &&
         t->c->ssl.SSL_set_cipher_list(t->ssl, "DEFAULT@SECLEVEL=0") == 1;
}

void tls_free(struct tls *t) {
  if (!t) return;
  if (t->ssl) t->c->ssl.SSL_free(t->ssl);
  free(t);
}

bool tls_put(struct tls *t, const void *octets, size_t len) {
  return len <= INT32_MAX && t->c->crypto.BIO_write(t->in, octets, (int)len) == (int)len;
}

size_t tls_take(struct tls *t, void *octets, size_t room) {
  int n = t->c->crypto.BIO_read(t->out, octets, room > INT32_MAX ? INT32_MAX : (int)room);
  return n > 0 ? (size_t)n : 0;
}

/* What a call of the library that returned n comes to. */
static enum tls_step step_of(struct tls *t, int n) {
  int error = t->c->ssl.SSL_get_error(t->ssl, n);
  if (n > 0) return TLS_DONE;
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return TLS_WANT;
  if (error == SSL_ERROR_ZERO_RETURN) return TLS_CLOSED;

  unsigned long code = t->c->crypto.ERR_get_error();
  const char *reason = code ? t->c->crypto.ERR_reason_error_string(code) : NULL;
  snprintf(t->why, sizeof t->why, "%s", reason ? reason : "the connection was cut off");
  return TLS_FAILED;
}

enum tls_step tls_handshake(struct tls *t) {
  t->c->crypto.ERR_clear_error();
  return step_of(t, t->c->ssl.SSL_connect(t->ssl));
}

enum tls_step tls_write(struct tls *t, const void *text, size_t len) {
  if (len == 0) return TLS_DONE;
  if (len > INT32_MAX) return TLS_FAILED;
  t->c->crypto.ERR_clear_error();
  return step_of(t, t->c->ssl.SSL_write(t->ssl, text, (int)len));
}

enum tls_step tls_read(struct tls *t, void *text, size_t room, size_t *len) {
  t->c->crypto.ERR_clear_error();
  int n = t->c->ssl.SSL_read(t->ssl, text, room > INT32_MAX ? INT32_MAX : (int)room);
  *len = n > 0 ? (size_t)n : 0;
  return step_of(t, n);
}

const char *tls_why(const struct tls *t) { return t->why; }

/* ---- the peer ---- */

enum tls_trust tls_trust(const struct tls *t) {
  switch (t->c->ssl.SSL_get_verify_result(t->ssl)) {
  case X509_V_OK: return TLS_TRUSTED;
  case X509_V_ERR_CERT_HAS_EXPIRED: return TLS_EXPIRED;
  case X509_V_ERR_CERT_NOT_YET_VALID: return TLS_NOT_YET;
  case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
  case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN: return TLS_SELF_SIGNED;
  case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
  case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
  case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE: return TLS_INCOMPLETE;
  default: return TLS_DISTRUSTED;
  }
}

const char *tls_trust_text(const struct tls *t) {
  return t->c->crypto.X509_verify_cert_error_string(t->c->ssl.SSL_get_verify_result(t->ssl));
}

bool tls_asks_certificate(const struct tls *t) { return t->asks_certificate; }

const char *tls_version(const struct tls *t) { return t->c->ssl.SSL_get_version(t->ssl); }

bool tls_alpn_is(const struct tls *t, const char *alpn) {
  const unsigned char *chosen = NULL;
  unsigned len = 0;
  t->c->ssl.SSL_get0_alpn_selected(t->ssl, &chosen, &len);
  return len == strlen(alpn) && len > 0 && memcmp(chosen, alpn, len) == 0;
}

/* Of a chain, the peer's own certificate first; NULL: there are not so many. */
static X509 *chain_at(const struct tls *t, const STACK_OF(X509) * of, int i) {
  const OPENSSL_STACK *chain = (const OPENSSL_STACK *)of;
  if (!chain || i >= t->c->crypto.OPENSSL_sk_num(chain) || i >= TLS_CHAIN_MAX) return NULL;
  return t->c->crypto.OPENSSL_sk_value(chain, i);
}

static const STACK_OF(X509) * sent_chain(const struct tls *t) {
  return t->c->ssl.SSL_get_peer_cert_chain(t->ssl);
}

static int64_t time_of(const struct crypto *c, const ASN1_TIME *time) {
  struct tm utc;
  return time && c->ASN1_TIME_to_tm(time, &utc) == 1 ? (int64_t)timegm(&utc) : 0;
}

/* False: it has octets that no name has. */
static bool copy_name(const struct crypto *c, const ASN1_STRING *from, bool ascii, char to[CERT_NAME_TEXT]) {
  int len = c->ASN1_STRING_length(from);
  const unsigned char *octets = c->ASN1_STRING_get0_data(from);
  if (len <= 0 || len >= CERT_NAME_TEXT) return false;
  for (int i = 0; i < len; i++) {
    if (octets[i] <= ' ' || octets[i] == 0x7f || (ascii && octets[i] > 0x7f)) return false;
  }
  memcpy(to, octets, (size_t)len);
  to[len] = 0;
  return true;
}

static enum cert_form other_name_form(const struct crypto *c, const OTHERNAME *other) {
  char oid[64];
  if (c->OBJ_obj2txt(oid, sizeof oid, other->type_id, 1) <= 0) return CERT_NOT;
  if (strcmp(oid, "1.3.6.1.5.5.7.8.7") == 0) return CERT_SRV;  /* id-on-dnsSRV, RFC 4985 */
  if (strcmp(oid, "1.3.6.1.5.5.7.8.5") == 0) return CERT_XMPP; /* id-on-xmppAddr, RFC 6120 */
  return CERT_NOT;
}

static void add_name(const struct crypto *c, const GENERAL_NAME *name, struct cert *out) {
  struct cert_name *to = &out->names[out->count];
  const ASN1_STRING *text = NULL;
  if (name->type == GEN_DNS) {
    to->form = CERT_DNS;
    text = name->d.dNSName;
  } else if (name->type == GEN_OTHERNAME) {
    const ASN1_TYPE *value = name->d.otherName->value;
    to->form = other_name_form(c, name->d.otherName);
    if (value && (value->type == V_ASN1_IA5STRING || value->type == V_ASN1_UTF8STRING))
      text = value->value.asn1_string;
    if (to->form == CERT_NOT) text = NULL;
  }
  if (text && copy_name(c, text, to->form != CERT_XMPP, to->text)) out->count++;
}

/* The organisation; "" for none. */
static void copy_issuer(const struct crypto *c, const X509 *x, char to[CERT_NAME_TEXT]) {
  int len = c->X509_NAME_get_text_by_NID(c->X509_get_issuer_name(x), NID_organizationName, to,
                                         CERT_NAME_TEXT);
  if (len < 0) *to = 0;
  for (; *to; to++) *to = *to < ' ' || *to > '~' ? '?' : *to;
}

bool tls_peer(const struct tls *t, struct cert *out) {
  const struct crypto *c = &t->c->crypto;
  X509 *x = chain_at(t, sent_chain(t), 0);
  *out = (struct cert){.count = 0};
  if (!x) return false;

  out->from_s = time_of(c, c->X509_get0_notBefore(x));
  out->until_s = time_of(c, c->X509_get0_notAfter(x));
  copy_issuer(c, x, out->issuer);
  (void)c->X509_digest(x, c->EVP_sha256(), out->digest, NULL);

  GENERAL_NAMES *names = c->X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
  int count = names ? c->OPENSSL_sk_num((const OPENSSL_STACK *)names) : 0;
  for (int i = 0; i < count && out->count < CERT_NAMES_MAX; i++)
    add_name(c, c->OPENSSL_sk_value((const OPENSSL_STACK *)names, i), out);
  c->GENERAL_NAMES_free(names);
  return true;
}

/* ---- TLSA ---- */

enum { TLSA_FIXED = 3, SELECTOR_KEY = 1, MATCHING_EXACT = 0, MATCHING_SHA256 = 1, MATCHING_SHA512 = 2 };

static bool octets_fit(const struct crypto *c, unsigned matching, const uint8_t *octets, size_t octets_len,
                       const uint8_t *wanted, size_t len) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned digest_len = 0;
  if (matching == MATCHING_EXACT) return octets_len == len && memcmp(octets, wanted, len) == 0;
  if (matching != MATCHING_SHA256 && matching != MATCHING_SHA512) return false;

  const EVP_MD *kind = matching == MATCHING_SHA256 ? c->EVP_sha256() : c->EVP_sha512();
  return c->EVP_Digest(octets, octets_len, digest, &digest_len, kind, NULL) == 1 && digest_len == len &&
         memcmp(digest, wanted, len) == 0;
}

/* A certificate, or its public key alone, against the rest of the record. */
static bool cert_fits(const struct crypto *c, X509 *x, const uint8_t *rdata, size_t len) {
  unsigned char *octets = NULL;
  int n = rdata[1] == SELECTOR_KEY ? c->i2d_X509_PUBKEY(c->X509_get_X509_PUBKEY(x), &octets)
                                   : c->i2d_X509(x, &octets);
  bool fits = n > 0 && octets_fit(c, rdata[2], octets, (size_t)n, rdata + TLSA_FIXED, len - TLSA_FIXED);
  c->CRYPTO_free(octets, "", 0);
  return fits;
}

static bool is_above(const struct tls *t, const STACK_OF(X509) * chain, const uint8_t *rdata, size_t len) {
  X509 *x;
  for (int i = 1; (x = chain_at(t, chain, i)); i++) {
    if (cert_fits(&t->c->crypto, x, rdata, len)) return true;
  }
  return false;
}

bool tls_tlsa_fits(const struct tls *t, const uint8_t *rdata, size_t len) {
  if (len <= TLSA_FIXED || rdata[0] > TLSA_DANE_EE || rdata[1] > SELECTOR_KEY) return false;
  if (rdata[0] == TLSA_PKIX_EE || rdata[0] == TLSA_DANE_EE) {
    X509 *own = chain_at(t, sent_chain(t), 0);
    return own && cert_fits(&t->c->crypto, own, rdata, len);
  }

  /* A root is seldom sent: it is known where the chain leads to it. */
  bool is_trusted = tls_trust(t) == TLS_TRUSTED;
  return is_above(t, sent_chain(t), rdata, len) ||
         (is_trusted && is_above(t, t->c->ssl.SSL_get0_verified_chain(t->ssl), rdata, len));
}

/* Verifies the peer's chain by the records alone, and by the authorities here where their usage wants it. The
 * handshake has judged it without them, so that both results are known. */
static bool verify_dane(const struct tls *t, SSL *dane) {
  const struct crypto *c = &t->c->crypto;
  X509 *own = chain_at(t, sent_chain(t), 0);
  X509_STORE_CTX *store = c->X509_STORE_CTX_new();
  bool is_good = own && store &&
                 c->X509_STORE_CTX_init(store, t->c->ssl.SSL_CTX_get_cert_store(t->c->context), own,
                                        t->c->ssl.SSL_get_peer_cert_chain(t->ssl)) == 1;
  if (is_good) {
    c->X509_STORE_CTX_set_default(store, "ssl_server");
    c->X509_STORE_CTX_set0_dane(store, t->c->ssl.SSL_get0_dane(dane));
    is_good = c->X509_verify_cert(store) == 1;
  }
  c->X509_STORE_CTX_free(store);
  return is_good;
}

int tls_dane_usage(const struct tls *t, const struct tls_tlsa *records, size_t n, unsigned *usable) {
  const struct ssl *s = &t->c->ssl;
  uint8_t usage = 0;
  int result = -1;

  /* A connection that is never made holds the records. */
  SSL *dane = s->SSL_new(t->c->context);
  bool is_ready = dane && s->SSL_dane_enable(dane, "dane.invalid") == 1;
  *usable = 0;
  for (size_t i = 0; is_ready && i < n; i++) {
    const uint8_t *rdata = records[i].rdata;
    *usable += records[i].len > TLSA_FIXED &&
               s->SSL_dane_tlsa_add(dane, rdata[0], rdata[1], rdata[2], rdata + TLSA_FIXED,
                                    records[i].len - TLSA_FIXED) == 1;
  }

  if (*usable > 0 && verify_dane(t, dane) && s->SSL_get0_dane_tlsa(dane, &usage, NULL, NULL, NULL, NULL) >= 0)
    result = usage;
  if (dane) s->SSL_free(dane);
  t->c->crypto.ERR_clear_error();
  return result;
}
