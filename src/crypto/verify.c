/* verify.c: digests and signatures of DNSSEC through OpenSSL. Exports verifier_*, public_key_*. */
#include <openssl/core_names.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "config.h"
#include "crypto/verify_known.h"
#include "crypto/verify_priv.h"

static const struct library_symbol symbols[] = {
#define SYMBOL(name) LIBRARY_SYMBOL(, struct verify_functions, name)
    VERIFY_FUNCTIONS(SYMBOL)};

enum { RSA_LEAST = 64, RSA_MOST = 512, EXPONENT_MOST = 5 /* octets */, BITS_OF_A_COST = 640 };

/* What is known of an algorithm (IANA's number). */
struct algorithm {
  uint8_t number;
  const char *kind, *group;
  unsigned digest;                 /* NO_DIGEST: the algorithm takes the octets themselves */
  unsigned octets;                 /* of a coordinate, or of a raw key; 0: RSA */
  unsigned signature_octets, cost; /* RSA: by the key */
};
static const struct algorithm algorithms[] = {
    {8, "RSA", NULL, DIGEST_SHA256, 0, 0, 1},           {10, "RSA", NULL, SHA512, 0, 0, 1},
    {13, "EC", "prime256v1", DIGEST_SHA256, 32, 64, 1}, {14, "EC", "secp384r1", DIGEST_SHA384, 48, 96, 9},
    {15, "ED25519", NULL, NO_DIGEST, 32, 64, 2},        {16, "ED448", NULL, NO_DIGEST, 57, 114, 5}};

struct public_key {
  const struct algorithm *algorithm;
  EVP_PKEY *key;
  EVP_PKEY_CTX *verifies; /* set up once: to look for the algorithm takes a sixth of a verification */
  unsigned cost;
};

/* ---- the library ---- */

static bool has_digests(struct verifier *v, FILE *err) {
  static const char *const names[DIGESTS] = {"SHA1", "SHA256", "SHA384", "SHA512"};
  for (unsigned i = 0; i < DIGESTS; i++) v->digests[i] = v->f.EVP_MD_fetch(NULL, names[i], NULL);
  v->f.ERR_clear_error();
  if (!v->digests[DIGEST_SHA256] || !v->digests[DIGEST_SHA384]) {
    fputs("OpenSSL lacks SHA-2 or is not allowed to use it: nothing can be validated\n", err);
    return false;
  }
  if (!v->digests[DIGEST_SHA1])
    fputs("OpenSSL lacks SHA-1 or is not allowed to use it: zones with NSEC3 count as unsigned\n", err);
  return true;
}

static bool verifies_known(const struct verifier *v, const struct known_answer *a) {
  static const uint8_t octets[] = {'j', 'i', 'd', 'n', 's'};
  struct public_key *k = public_key_new(v, a->algorithm, a->key, a->key_len);
  bool verifies = k && public_key_verifies(v, k, octets, sizeof octets, a->signature, a->signature_len);
  public_key_free(v, k);
  return verifies;
}

/* Tries each algorithm. Without those that nearly all zones are signed by, this is no validator. */
static bool has_algorithms(struct verifier *v, FILE *err) {
  for (unsigned i = 0; i < sizeof known_answers / sizeof *known_answers; i++) {
    const struct known_answer *a = &known_answers[i];
    bool is_needed = a->algorithm == 8 || a->algorithm == 13;
    if (verifies_known(v, a)) v->algorithms |= UINT32_C(1) << a->algorithm;
    else if (is_needed) {
      fprintf(err, "OpenSSL can't verify %s or is not allowed to: nothing can be validated\n", a->name);
      return false;
    } else fprintf(err, "OpenSSL can't verify %s: zones signed by it alone count as unsigned\n", a->name);
  }
  return true;
}

struct verifier *verifier_new(FILE *err) {
  struct verifier *v = must_zalloc(sizeof *v);
  v->handle = library_open(CRYPTO_SONAME, symbols, sizeof symbols / sizeof *symbols, &v->f, err);
  if (v->handle && has_digests(v, err) && has_algorithms(v, err)) return v;
  verifier_free(v);
  return NULL;
}

bool verifier_knows(const struct verifier *v, uint8_t algorithm) {
  return algorithm < 32 && (v->algorithms >> algorithm & 1);
}

bool verifier_has_digest(const struct verifier *v, enum digest which) { return v->digests[which]; }

void verifier_free(struct verifier *v) {
  if (!v) return;
  for (unsigned i = 0; i < DIGESTS; i++)
    if (v->digests[i]) v->f.EVP_MD_free(v->digests[i]);
  library_close(v->handle);
  free(v);
}

static size_t digest(const struct verifier *v, unsigned which, const uint8_t *a, size_t a_len,
                     const uint8_t *b, size_t b_len, uint8_t *out) {
  if (!v->digests[which]) return 0;
  EVP_MD_CTX *c = v->f.EVP_MD_CTX_new();
  unsigned len = 0;
  bool is_made = c && v->f.EVP_DigestInit_ex(c, v->digests[which], NULL) == 1 &&
                 v->f.EVP_DigestUpdate(c, a, a_len) == 1 &&
                 (!b_len || v->f.EVP_DigestUpdate(c, b, b_len) == 1) &&
                 v->f.EVP_DigestFinal_ex(c, out, &len) == 1;
  v->f.EVP_MD_CTX_free(c);
  if (!is_made) v->f.ERR_clear_error();
  return is_made ? len : 0;
}

size_t verifier_digest(const struct verifier *v, enum digest which, const uint8_t *a, size_t a_len,
                       const uint8_t *b, size_t b_len, uint8_t out[DIGEST_MOST]) {
  return digest(v, which, a, a_len, b, b_len, out);
}

/* ---- keys ---- */

static const struct algorithm *algorithm_of(uint8_t number) {
  for (unsigned i = 0; i < sizeof algorithms / sizeof *algorithms; i++)
    if (algorithms[i].number == number) return &algorithms[i];
  return NULL;
}

static EVP_PKEY *key_from(const struct verifier *v, const char *kind, OSSL_PARAM *params) {
  EVP_PKEY *key = NULL;
  EVP_PKEY_CTX *c = v->f.EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
  if (c && v->f.EVP_PKEY_fromdata_init(c) == 1) v->f.EVP_PKEY_fromdata(c, &key, EVP_PKEY_PUBLIC_KEY, params);
  v->f.EVP_PKEY_CTX_free(c);
  v->f.ERR_clear_error();
  return key;
}

static OSSL_PARAM param(const char *name, unsigned type, void *data, size_t len) {
  return (OSSL_PARAM){
      .key = name, .data_type = type, .data = data, .data_size = len, .return_size = SIZE_MAX};
}

/* The library takes numbers in the machine's order. */
static void native_order(uint8_t *out, const uint8_t *number, size_t len) {
  static const uint16_t one = 1;
  uint8_t low_first;
  memcpy(&low_first, &one, 1);
  for (size_t i = 0; i < len; i++) out[i] = number[low_first ? len - 1 - i : i];
}

/* A number without the zeros in front of it. */
struct number {
  const uint8_t *octets;
  size_t len;
};
static struct number number_of(const uint8_t *octets, size_t len) {
  for (; len && !*octets; len--) octets++;
  return (struct number){octets, len};
}

static unsigned bits_of(struct number n) {
  unsigned bits = (unsigned)n.len * 8;
  for (uint8_t first = n.octets[0]; !(first & 0x80); first = (uint8_t)(first << 1)) bits--;
  return bits;
}

/* Takes a key apart (RFC 3110 section 2). */
static bool rsa_read(const uint8_t *octets, size_t len, struct number *exponent, struct number *modulus) {
  size_t head = len && octets[0] ? 1 : 3;
  if (len < head) return false;
  size_t exponent_len = head == 1 ? octets[0] : (size_t)octets[1] << 8 | octets[2];
  if (len - head <= exponent_len) return false;
  *exponent = number_of(octets + head, exponent_len);
  *modulus = number_of(octets + head + exponent_len, len - head - exponent_len);
  return exponent->len && exponent->len <= EXPONENT_MOST && modulus->len >= RSA_LEAST &&
         modulus->len <= RSA_MOST;
}

/* For each bit of the exponent the modulus is multiplied with itself. */
static unsigned rsa_cost(struct number exponent, struct number modulus) {
  unsigned words = (unsigned)(modulus.len + 63) / 64;
  return 1 + bits_of(exponent) * words * words / BITS_OF_A_COST;
}

static EVP_PKEY *rsa_key(const struct verifier *v, const uint8_t *octets, size_t len, unsigned *cost) {
  uint8_t e[EXPONENT_MOST], n[RSA_MOST];
  struct number exponent, modulus;
  if (!rsa_read(octets, len, &exponent, &modulus)) return NULL;
  *cost = rsa_cost(exponent, modulus);
  native_order(e, exponent.octets, exponent.len);
  native_order(n, modulus.octets, modulus.len);
  OSSL_PARAM params[] = {param(OSSL_PKEY_PARAM_RSA_N, OSSL_PARAM_UNSIGNED_INTEGER, n, modulus.len),
                         param(OSSL_PKEY_PARAM_RSA_E, OSSL_PARAM_UNSIGNED_INTEGER, e, exponent.len),
                         {0}};
  return key_from(v, "RSA", params);
}

static EVP_PKEY *curve_key(const struct verifier *v, const struct algorithm *a, const uint8_t *octets,
                           size_t len) {
  uint8_t point[1 + 2 * 57];
  char group[16];
  bool is_edwards = !a->group;
  if (len != (is_edwards ? a->octets : 2 * a->octets)) return NULL;
  point[0] = 4; /* not compressed */
  memcpy(point + !is_edwards, octets, len);
  snprintf(group, sizeof group, "%s", is_edwards ? "" : a->group);
  OSSL_PARAM params[] = {param(OSSL_PKEY_PARAM_PUB_KEY, OSSL_PARAM_OCTET_STRING, point, len + !is_edwards),
                         param(OSSL_PKEY_PARAM_GROUP_NAME, OSSL_PARAM_UTF8_STRING, group, strlen(group)),
                         {0}};
  if (is_edwards) params[1] = (OSSL_PARAM){0};
  return key_from(v, a->kind, params);
}

/* Gets ready to verify digests. EdDSA does without: it takes the octets, and has no such state to keep. */
static bool set_up(const struct verifier *v, struct public_key *k) {
  const struct algorithm *a = k->algorithm;
  if (a->digest == NO_DIGEST) return true;
  k->verifies = v->f.EVP_PKEY_CTX_new_from_pkey(NULL, k->key, NULL);
  return k->verifies && v->f.EVP_PKEY_verify_init(k->verifies) == 1 &&
         (a->octets || v->f.EVP_PKEY_CTX_set_rsa_padding(k->verifies, RSA_PKCS1_PADDING) == 1) &&
         v->f.EVP_PKEY_CTX_set_signature_md(k->verifies, v->digests[a->digest]) == 1;
}

struct public_key *public_key_new(const struct verifier *v, uint8_t algorithm, const uint8_t *key,
                                  size_t len) {
  const struct algorithm *a = algorithm_of(algorithm);
  struct public_key *k = a ? calloc(1, sizeof *k) : NULL;
  if (!k) return NULL;
  k->algorithm = a;
  k->cost = a->cost;
  k->key = a->octets ? curve_key(v, a, key, len) : rsa_key(v, key, len, &k->cost);
  if (k->key && set_up(v, k)) return k;
  public_key_free(v, k);
  v->f.ERR_clear_error();
  return NULL;
}

void public_key_free(const struct verifier *v, struct public_key *k) {
  if (!k) return;
  v->f.EVP_PKEY_CTX_free(k->verifies);
  v->f.EVP_PKEY_free(k->key);
  free(k);
}

unsigned public_key_cost(const struct public_key *k) { return k->cost; }

/* ---- signatures ---- */

/* Writes one number of an ECDSA signature in DER. */
static size_t put_number(uint8_t *out, const uint8_t *number, size_t len) {
  for (; len > 1 && !*number; len--) number++;
  size_t pad = *number >> 7;
  out[0] = 2;
  out[1] = (uint8_t)(len + pad);
  out[2] = 0;
  memcpy(out + 2 + pad, number, len);
  return 2 + pad + len;
}

static size_t ecdsa_signature(uint8_t *out, const uint8_t *signature, size_t half) {
  size_t at = 2;
  at += put_number(out + at, signature, half);
  at += put_number(out + at, signature + half, half);
  out[0] = 0x30;
  out[1] = (uint8_t)(at - 2); /* at most 102 */
  return at;
}

static bool verifies_octets(const struct verifier *v, const struct public_key *k, const uint8_t *octets,
                            size_t len, const uint8_t *signature, size_t signature_len) {
  EVP_MD_CTX *c = v->f.EVP_MD_CTX_new();
  bool verifies = c && v->f.EVP_DigestVerifyInit_ex(c, NULL, NULL, NULL, NULL, k->key, NULL) == 1 &&
                  v->f.EVP_DigestVerify(c, signature, signature_len, octets, len) == 1;
  v->f.EVP_MD_CTX_free(c);
  return verifies;
}

static bool verifies_digest(const struct verifier *v, const struct public_key *k, const uint8_t *octets,
                            size_t len, const uint8_t *signature, size_t signature_len) {
  uint8_t der[128], digested[EVP_MAX_MD_SIZE];
  size_t digest_len = digest(v, k->algorithm->digest, octets, len, NULL, 0, digested);
  if (k->algorithm->group) {
    signature_len = ecdsa_signature(der, signature, k->algorithm->octets);
    signature = der;
  }
  return digest_len && v->f.EVP_PKEY_verify(k->verifies, signature, signature_len, digested, digest_len) == 1;
}

bool public_key_verifies(const struct verifier *v, const struct public_key *k, const uint8_t *octets,
                         size_t len, const uint8_t *signature, size_t signature_len) {
  const struct algorithm *a = k->algorithm;
  if (a->signature_octets && signature_len != a->signature_octets) return false;
  bool verifies = a->digest == NO_DIGEST ? verifies_octets(v, k, octets, len, signature, signature_len)
                                         : verifies_digest(v, k, octets, len, signature, signature_len);
  if (!verifies) v->f.ERR_clear_error();
  return verifies;
}
