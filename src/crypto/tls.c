/* tls.c: TLS through OpenSSL with memory at both ends, in place of sockets. Exports tls_*, but for what
 * tls_prove.c does. */
#include "crypto/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/must.h"
#include "base/readable.h"
#include "config.h"
#include "crypto/tls_priv.h"

static const struct library_symbol ssl_symbols[] = {
#define SSL_SYMBOL(name) LIBRARY_SYMBOL(, struct ssl, name)
    SSL_FUNCTIONS(SSL_SYMBOL)};

static const struct library_symbol crypto_symbols[] = {
#define CRYPTO_SYMBOL(name) LIBRARY_SYMBOL(, struct crypto, name)
    CRYPTO_FUNCTIONS(CRYPTO_SYMBOL)};

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

/* With the library, trusting nobody yet. NULL after a line on err. */
static struct tls_context *context_load(uint64_t options, FILE *err) {
  struct tls_context *c = must_zalloc(sizeof *c);
  c->users = 1;
  c->crypto_handle = library_open(CRYPTO_SONAME, crypto_symbols,
                                  sizeof crypto_symbols / sizeof *crypto_symbols, &c->crypto, err);
  if (c->crypto_handle)
    c->ssl_handle = library_open(OPENSSL_SONAME, ssl_symbols, sizeof ssl_symbols / sizeof *ssl_symbols,
                                 &c->ssl, err);
  if (c->ssl_handle) c->ssl.OPENSSL_init_ssl(options, NULL);
  if (c->ssl_handle) c->context = c->ssl.SSL_CTX_new(c->ssl.TLS_client_method());
  if (c->ssl_handle && !c->context) fail_setup(c, err);
  if (c->context) return c;
  tls_context_free(c);
  return NULL;
}

struct tls_context *tls_context_new(const char *ca_path, FILE *err) {
  struct tls_context *c = context_load(0, err);
  if (c && c->ssl.SSL_CTX_dane_enable(c->context) == 1 && set_trust(c, ca_path, err)) return c;
  tls_context_free(c);
  return NULL;
}

static const char *trust_path(const struct tls_context *c, const char *ca_path) {
  return ca_path && *ca_path ? ca_path : c->crypto.X509_get_default_cert_dir();
}

/* No folder, no certificates in PEM, or no right to read them. */
static void say_untrusted(const char *path, bool is_there, FILE *err) {
  char text[READABLE_WHY];
  const char *why = is_there ? "can't be read as certificates in PEM" : "there are no certificates to trust";
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno != ENOENT) why = readable_why(errno, text);
  if (fd >= 0) close(fd);
  fprintf(err, "%s: --tls-ca: %s: %s\n", program_invocation_short_name, path, why);
}

/* A folder's certificates are looked for when they are needed: reading all that a system trusts costs
 * megabytes. */
static bool set_strict_trust(struct tls_context *c, const char *ca_path, enum tls_proof proof, FILE *err) {
  struct stat st;
  const char *path = trust_path(c, ca_path);
  c->ca_path = strdup(ca_path ? ca_path : "");
  must(c->ca_path);
  bool is_there = stat(path, &st) == 0, is_folder = is_there && S_ISDIR(st.st_mode);
  bool good = is_folder  ? c->ssl.SSL_CTX_load_verify_dir(c->context, path) == 1
              : is_there ? c->ssl.SSL_CTX_load_verify_file(c->context, path) == 1
                         : false;
  if (is_there) c->ca_seen = st;
  bool may_lack = proof == TLS_PROOF_NONE && !*c->ca_path;
  if (good || (!is_there && may_lack)) return true;
  c->crypto.ERR_clear_error();
  say_untrusted(path, is_there, err);
  return false;
}

struct tls_context *tls_context_strict(const char *ca_path, enum tls_proof proof, FILE *err) {
  /* the library's own file of settings, for all programs, is no part of jidnsd's */
  uint64_t options = OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_LOAD_SSL_STRINGS |
                     OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS; /* a quarter of a megabyte: see reason_text */
  struct tls_context *c = context_load(options, err);
  if (c && tls_prove_prepare(c) && set_strict_trust(c, ca_path, proof, err)) return c;
  tls_context_free(c);
  return NULL;
}

bool tls_context_serves(const struct tls_context *c, const char *ca_path, enum tls_proof proof) {
  struct stat st;
  if (strcmp(c->ca_path, ca_path ? ca_path : "") != 0) return false;
  /* the library keeps what it has found in a folder, too */
  const struct stat *seen = &c->ca_seen;
  if (stat(trust_path(c, ca_path), &st) != 0) return proof == TLS_PROOF_NONE && !*c->ca_path && !seen->st_ino;
  return st.st_ino == seen->st_ino && st.st_size == seen->st_size &&
         st.st_mtim.tv_sec == seen->st_mtim.tv_sec && st.st_mtim.tv_nsec == seen->st_mtim.tv_nsec;
}

struct tls_context *tls_context_hold(struct tls_context *c) {
  if (c) atomic_fetch_add(&c->users, 1);
  return c;
}

void tls_context_free(struct tls_context *c) {
  if (!c || atomic_fetch_sub(&c->users, 1) > 1) return;
  if (c->context) c->ssl.SSL_CTX_free(c->context);
  library_close(c->ssl_handle);
  library_close(c->crypto_handle);
  free(c->ca_path);
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

void tls_end(struct tls *t) {
  if (!t->is_open) return;
  t->c->crypto.ERR_clear_error();
  t->c->ssl.SSL_shutdown(t->ssl);
}

void tls_free(struct tls *t) {
  if (!t) return;
  tls_keep_session(t);
  /* else the library takes the session for a bad one */
  if (t->ticket) t->c->ssl.SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  if (t->ssl) t->c->ssl.SSL_free(t->ssl);
  free(t);
}

bool tls_put(struct tls *t, const void *octets, size_t len) {
  if (!t->is_open && (t->early += len) > TLS_EARLY_MAX) {
    snprintf(t->why, sizeof t->why, "it sends too much before the handshake is over");
    return false;
  }
  return len <= INT32_MAX && t->c->crypto.BIO_write(t->in, octets, (int)len) == (int)len;
}

size_t tls_take(struct tls *t, void *octets, size_t room) {
  int n = t->c->crypto.BIO_read(t->out, octets, room > INT32_MAX ? INT32_MAX : (int)room);
  return n > 0 ? (size_t)n : 0;
}

/* The usual reasons where the library has not loaded its own words. */
static const char *reason_text(const struct crypto *c, unsigned long code) {
  const char *words = code ? c->ERR_reason_error_string(code) : NULL;
  if (words) return words;
  switch (code ? ERR_GET_REASON(code) : 0) {
  case 0: return "the connection was cut off";
  case SSL_R_WRONG_VERSION_NUMBER:
  case SSL_R_HTTP_REQUEST: return "what comes from there is no TLS";
  case SSL_R_UNSUPPORTED_PROTOCOL:
  case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION: return "it speaks no TLS 1.2 or later";
  case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE: return "it finds no cipher or certificate that suits";
  case SSL_R_TLSV1_UNRECOGNIZED_NAME: return "it does not know that name";
  case SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL: return "it does not speak the protocol that is asked for";
  case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED: return "it wants a certificate from its clients";
  default: return "the octets that came break the protocol";
  }
}

/* What a call of the library that returned n comes to. */
static enum tls_step step_of(struct tls *t, int n) {
  int error = t->c->ssl.SSL_get_error(t->ssl, n);
  if (n > 0) return TLS_DONE;
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return TLS_WANT;
  if (error == SSL_ERROR_ZERO_RETURN) return TLS_CLOSED;

  if (t->refused != ERR_NONE) return TLS_FAILED; /* why is known already */
  unsigned long code = t->c->crypto.ERR_get_error();
  snprintf(t->why, sizeof t->why, "%s", reason_text(&t->c->crypto, code));
  return TLS_FAILED;
}

size_t tls_unsent(const struct tls *t) {
  return (size_t)t->c->crypto.BIO_ctrl(t->out, BIO_CTRL_PENDING, 0, NULL);
}

enum tls_step tls_handshake(struct tls *t) {
  t->c->crypto.ERR_clear_error();
  enum tls_step step = step_of(t, t->c->ssl.SSL_connect(t->ssl));
  t->is_open = step == TLS_DONE;
  return step;
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
  if (tls_unsent(t) > TLS_UNSENT_MAX) {
    snprintf(t->why, sizeof t->why, "it has too much answered at once");
    return TLS_FAILED;
  }
  bool is_first = n > 0 && !t->has_text;
  t->has_text |= n > 0;
  if (is_first) tls_keep_session(t); /* for a connection beside this one */
  enum tls_step step = step_of(t, n);
  /* behind a ticket the library keeps its buffer for one more record, 16 kB */
  if (step == TLS_WANT) t->c->ssl.SSL_free_buffers(t->ssl);
  return step;
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

int64_t tls_time_of(const struct crypto *c, const ASN1_TIME *time) {
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

  out->from_s = tls_time_of(c, c->X509_get0_notBefore(x));
  out->until_s = tls_time_of(c, c->X509_get0_notAfter(x));
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
