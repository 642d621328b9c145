/* signer.c: makes signed answers, and drives the judge through them. */
#include "dnssec/signer.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"
#include "crypto/verify.h"

enum { DEPTH = 40, SIGNATURE_HEAD = 18, SIGNATURE_MOST = 512 };

/* ---- keys ---- */

/* As dear as can be: 4096 bits, and an exponent of 40. */
static EVP_PKEY *rsa_make(void) {
  EVP_PKEY *key = NULL;
  BIGNUM *exponent = NULL;
  EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
  must(c && EVP_PKEY_keygen_init(c) == 1 && EVP_PKEY_CTX_set_rsa_keygen_bits(c, 4096) == 1);
  must(BN_hex2bn(&exponent, "ffffffffef") && EVP_PKEY_CTX_set1_rsa_keygen_pubexp(c, exponent) == 1);
  must(EVP_PKEY_generate(c, &key) == 1);
  BN_free(exponent);
  EVP_PKEY_CTX_free(c);
  return key;
}

/* The key as a DNSKEY has it (RFC 3110 section 2). */
static size_t rsa_octets(EVP_PKEY *key, uint8_t out[600]) {
  BIGNUM *e = NULL, *n = NULL;
  must(EVP_PKEY_get_bn_param(key, "e", &e) == 1 && EVP_PKEY_get_bn_param(key, "n", &n) == 1);
  out[0] = (uint8_t)BN_num_bytes(e);
  size_t len = 1 + (size_t)BN_bn2bin(e, out + 1);
  len += (size_t)BN_bn2bin(n, out + len);
  BN_free(e);
  BN_free(n);
  return len;
}

static void key_make(struct signer_zone *z, struct signer_key *k, uint8_t algorithm) {
  uint8_t octets[600], head[4] = {1, 1, DNSKEY_PROTOCOL, algorithm};
  size_t len = sizeof octets;
  EVP_PKEY_free(k->key);
  k->algorithm = algorithm;
  if (algorithm == ALGORITHM_ED25519) {
    uint8_t secret[32] = {0};
    for (unsigned i = 0; i < z->name_len; i++) secret[i % 32] ^= (uint8_t)(z->name[i] + i);
    secret[31] ^= (uint8_t)z->rolls;
    k->key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret, sizeof secret);
    must(k->key && EVP_PKEY_get_raw_public_key(k->key, octets, &len) == 1);
  } else if (algorithm == ALGORITHM_RSASHA256) {
    k->key = rsa_make();
    len = rsa_octets(k->key, octets);
  } else {
    k->key = EVP_EC_gen(algorithm == ALGORITHM_ECDSAP384 ? "P-384" : "P-256");
    must(k->key && EVP_PKEY_get_octet_string_param(k->key, "pub", octets, sizeof octets, &len) == 1);
    memmove(octets, octets + 1, --len);
  }
  z->rolls++;
  k->dnskey = rd_octets(head, sizeof head);
  memcpy(k->dnskey.octets + k->dnskey.len, octets, len);
  k->dnskey.len = (uint16_t)(k->dnskey.len + len);
}

static size_t sign(const struct signer_key *z, const uint8_t *octets, size_t len,
                   uint8_t out[SIGNATURE_MOST]) {
  uint8_t der[SIGNATURE_MOST];
  size_t der_len = sizeof der;
  bool is_p384 = z->algorithm == ALGORITHM_ECDSAP384, is_eddsa = z->algorithm == ALGORITHM_ED25519;
  unsigned half = is_p384 ? 48 : 32;
  EVP_MD_CTX *c = EVP_MD_CTX_new();
  must(c && EVP_DigestSignInit_ex(c, NULL,
                                  is_eddsa  ? NULL
                                  : is_p384 ? "SHA384"
                                            : "SHA256",
                                  NULL, NULL, z->key, NULL) == 1);
  must(EVP_DigestSign(c, der, &der_len, octets, len) == 1);
  EVP_MD_CTX_free(c);
  if (is_eddsa || z->algorithm == ALGORITHM_RSASHA256) {
    memcpy(out, der, der_len);
    return der_len;
  }

  /* Two numbers in DER, each of half the octets at most and one for its sign. */
  memset(out, 0, 2 * half);
  const uint8_t *at = der + 2;
  for (unsigned i = 0; i < 2; i++) {
    unsigned n = at[1], skip = n > half ? n - half : 0;
    memcpy(out + half * i + half - (n - skip), at + 2 + skip, n - skip);
    at += 2 + n;
  }
  return 2 * half;
}

/* ---- zones ---- */

static struct signer_zone *zone_at(struct signer *w, const uint8_t *name, size_t len) {
  for (unsigned i = 0; i < w->zone_count; i++)
    if (name_equal(w->zones[i].name, w->zones[i].name_len, name, len)) return &w->zones[i];
  return NULL;
}

static struct signer_zone *zone_named(struct signer *w, const char *text) {
  uint8_t name[NAME_MAX_LEN];
  size_t len = name_parse(text, name);
  struct signer_zone *z = zone_at(w, name, len);
  must(z);
  return z;
}

/* The zone in which a name lies that is the root's no more; its own is left out. */
static struct signer_zone *zone_above(struct signer *w, const uint8_t *name, size_t len) {
  for (;;) {
    size_t skip = 1u + name[0];
    name += skip;
    len -= skip;
    struct signer_zone *z = zone_at(w, name, len);
    if (z) return z;
    must(len > 1);
  }
}

static struct signer_zone *zone_add(struct signer *w) {
  if (w->zone_count == w->zone_room) {
    w->zone_room = w->zone_room ? 2 * w->zone_room : 16;
    must(w->zones = realloc(w->zones, w->zone_room * sizeof *w->zones));
  }
  struct signer_zone *z = &w->zones[w->zone_count++];
  *z = (struct signer_zone){0};
  return z;
}

void signer_zone(struct signer *w, const char *name, enum signer_zone_kind kind) {
  signer_zone_by(w, name, kind, w->zones[0].key.algorithm);
}

void signer_zone_by(struct signer *w, const char *name, enum signer_zone_kind kind, uint8_t algorithm) {
  struct signer_zone *z = zone_add(w);
  z->kind = kind;
  z->name_len = (uint16_t)name_parse(name, z->name);
  name_format(z->name, z->name_len, z->text);
  key_make(z, &z->key, algorithm);
}

void signer_roll(struct signer *w, const char *name) {
  struct signer_zone *z = zone_named(w, name);
  key_make(z, &z->key, z->key.algorithm);
}

void signer_roll_data_key(struct signer *w, const char *name) {
  struct signer_zone *z = zone_named(w, name);
  key_make(z, &z->data, z->key.algorithm);
}

const struct signer_zone *signer_zone_of(struct signer *w, const uint8_t *name, size_t len, uint16_t type) {
  const struct signer_zone *z = type == TYPE_DS ? NULL : zone_at(w, name, len);
  return z ? z : zone_above(w, name, len);
}

struct rdata signer_ds(struct signer *w, const char *zone) {
  const struct signer_zone *z = zone_named(w, zone);
  uint8_t head[4 + DIGEST_MOST];
  const struct rdata *dnskey = &z->key.dnskey;
  store_u16(head, keys_tag(dnskey->octets, dnskey->len));
  head[2] = z->kind == SIGNER_STRANGE ? 200 : z->key.algorithm;
  head[3] = 2;
  size_t len = verifier_digest(w->verifier, DIGEST_SHA256, z->name, z->name_len, dnskey->octets, dnskey->len,
                               head + 4);
  return rd_octets(head, 4 + len);
}

void signer_anchor(struct signer *w, const char *name) {
  const struct signer_zone *z = zone_named(w, name);
  struct record r = {.msg = z->key.dnskey.octets,
                     .msg_len = z->key.dnskey.len,
                     .type = TYPE_DNSKEY,
                     .klass = CLASS_IN,
                     .rdlen = z->key.dnskey.len,
                     .owner_len = z->name_len};
  memcpy(r.owner, z->name, z->name_len);
  must(anchors_add(&w->anchors, w->verifier, &r));
}

struct signer *signer_new(uint8_t algorithm) {
  struct signer *w = must_zalloc(sizeof *w);
  must(w->verifier = verifier_new(stderr));
  must(w->room = canon_room_new());
  w->now = (struct dnssec_time){1000, SIGNER_NOW};
  w->signs_s = SIGNER_NOW;
  struct signer_zone *root = zone_add(w);
  root->name_len = 1;
  name_format(root->name, 1, root->text);
  key_make(root, &root->key, algorithm);

  signer_anchor(w, ".");
  must(w->judge = judge_new(w->verifier, &w->anchors));
  return w;
}

void signer_free(struct signer *w) {
  for (unsigned i = 0; i < w->zone_count; i++) {
    EVP_PKEY_free(w->zones[i].key.key);
    EVP_PKEY_free(w->zones[i].data.key);
  }
  free(w->zones);
  judge_free(w->judge);
  canon_room_free(w->room);
  verifier_free(w->verifier);
  free(w);
}

/* ---- sets ---- */

/* What the RRSIG is to sign: the set as its owner has it, read as any message is. */
static size_t octets_to_sign(struct signer *w, const char *owner, uint16_t type, const struct rdata *rd,
                             unsigned count, struct rdata sig, const uint8_t **out) {
  static struct msg m;
  static struct rrsets s;
  msg_answer(&m, owner, type, RCODE_NOERROR);
  for (unsigned i = 0; i < count; i++) msg_record(&m, SECTION_ANSWER, owner, type, SIGNER_TTL, rd[i]);
  sig.octets[sig.len++] = 0; /* a signature, that it has the form */
  msg_record(&m, SECTION_ANSWER, owner, TYPE_RRSIG, SIGNER_TTL, sig);
  must(rrsets_read(&s, m.octets, m.len) == ERR_NONE);
  struct rrsig parsed;
  must(s.count == 1 && rrset_signature(&s, &s.sets[0], 0, &parsed));
  parsed.labels = (uint8_t)canon_labels(s.sets[0].owner, s.sets[0].owner_len);
  must(canon_sort(w->room, &s, &s.sets[0]));
  size_t len = canon_signed(w->room, &s.sets[0], &parsed, out);
  must(len);
  return len;
}

static struct rdata make_rrsig(struct signer *w, const char *owner, uint16_t type, const struct rdata *rd,
                               unsigned count, struct signer_way by) {
  const struct signer_zone *zone = zone_named(w, by.zone), *signs = zone_named(w, by.by ? by.by : by.zone);
  const struct signer_key *who = type != TYPE_DNSKEY && signs->data.key ? &signs->data : &signs->key;
  uint32_t ttl_s = by.ttl_s ? by.ttl_s : SIGNER_TTL;
  const char *as = by.owner ? by.owner : owner;
  uint8_t head[SIGNATURE_HEAD], signature[SIGNATURE_MOST], name[NAME_MAX_LEN];
  store_u16(head, type);
  head[2] = by.algorithm ? by.algorithm : who->algorithm;
  head[3] = (uint8_t)canon_labels(name, name_parse(as, name));
  if (by.labels) head[3] = by.labels == SIGNER_NO_LABELS ? 0 : (uint8_t)by.labels;
  store_u32(head + 4, ttl_s);
  store_u32(head + 8, w->signs_s + (uint32_t)(by.expires ? by.expires : SIGNER_LIFE));
  store_u32(head + 12, w->signs_s + (uint32_t)(by.begins ? by.begins : -3600));
  store_u16(head + 16, by.tag ? by.tag : keys_tag(who->dnskey.octets, who->dnskey.len));
  struct rdata sig = rd_octets(head, sizeof head);
  memcpy(sig.octets + sig.len, zone->name, zone->name_len);
  sig.len = (uint16_t)(sig.len + zone->name_len);

  const uint8_t *octets;
  size_t len = octets_to_sign(w, as, type, rd, count, sig, &octets);
  uint8_t *copy = exact(octets, len);
  copy[3] = head[3];
  len = sign(who, copy, len, signature);
  free(copy);
  if (by.is_spoiled) signature[7] ^= 1;
  memcpy(sig.octets + sig.len, signature, len);
  sig.len = (uint16_t)(sig.len + len);
  return sig;
}

void signer_sets(struct signer *w, struct msg *m, enum section section, const char *owner, uint16_t type,
                 const struct rdata *rd, unsigned count, struct signer_way by) {
  uint32_t ttl_s = by.ttl_s ? by.ttl_s : SIGNER_TTL;
  for (unsigned i = 0; i < count && !by.is_last; i++) msg_record(m, section, owner, type, ttl_s, rd[i]);
  if (!by.zone) return;
  msg_record(m, section, owner, TYPE_RRSIG, ttl_s, make_rrsig(w, owner, type, rd, count, by));
}

static void put_types(struct rdata *rd, const uint16_t *types) {
  uint8_t bits[32] = {0}, len = 0;
  for (; *types; types++) {
    must(*types < 256);
    bits[*types / 8] |= (uint8_t)(0x80 >> (*types & 7));
    if (len <= *types / 8) len = (uint8_t)(*types / 8 + 1);
  }
  rd->octets[rd->len++] = 0;
  rd->octets[rd->len++] = len;
  memcpy(rd->octets + rd->len, bits, len);
  rd->len = (uint16_t)(rd->len + len);
}

void signer_nsec(struct signer *w, struct msg *m, const char *owner, const char *next, const uint16_t *types,
                 struct signer_way by) {
  struct rdata rd = rd_name(next);
  put_types(&rd, types);
  signer_set(w, m, SECTION_AUTHORITY, owner, TYPE_NSEC, rd, by);
}

void signer_soa(struct signer *w, struct msg *m, const char *zone, struct signer_way by) {
  signer_set(w, m, SECTION_AUTHORITY, zone, TYPE_SOA, rd_soa("ns.example", "admin.example", 300), by);
}

/* ---- what zones say ---- */

static bool is_signed(const struct signer_zone *z) { return z->kind != SIGNER_UNSIGNED; }

/* No DS: the parent says so by a record at the name, as servers do that sign while they answer. */
static void answer_no_ds(struct signer *w, const struct signer_zone *parent, const char *name, bool is_cut,
                         struct msg *m) {
  static const uint16_t cut[] = {TYPE_NS, TYPE_RRSIG, TYPE_NSEC, 0},
                        host[] = {TYPE_A, TYPE_RRSIG, TYPE_NSEC, 0};
  char next[NAME_TEXT + 8];
  snprintf(next, sizeof next, "\\000.%s", name);
  struct signer_way by = {.zone = is_signed(parent) ? parent->text : NULL};
  signer_soa(w, m, parent->text, by);
  if (by.zone) signer_nsec(w, m, name, next, is_cut ? cut : host, by);
}

static void answer_ds(struct signer *w, const uint8_t *name, size_t len, const char *text, struct msg *m) {
  const struct signer_zone *zone = zone_at(w, name, len), *parent = zone_above(w, name, len);
  bool has_ds = zone && is_signed(zone) && is_signed(parent); /* an island's would prove nothing */
  if (!has_ds) answer_no_ds(w, parent, text, zone, m);
  else
    signer_set(w, m, SECTION_ANSWER, text, TYPE_DS, signer_ds(w, text),
               (struct signer_way){.zone = parent->text});
}

static void answer_dnskey(struct signer *w, const uint8_t *name, size_t len, const char *text,
                          struct msg *m) {
  static const uint16_t host[] = {TYPE_A, TYPE_RRSIG, TYPE_NSEC, 0};
  const struct signer_zone *zone = zone_at(w, name, len);
  if (!zone || !is_signed(zone)) {
    const struct signer_zone *in = zone ? zone : zone_above(w, name, len);
    struct signer_way by = {.zone = is_signed(in) ? in->text : NULL};
    signer_soa(w, m, in->text, by);
    if (by.zone) signer_nsec(w, m, text, in->text, host, by);
    return;
  }
  struct signer_way by = {.zone = zone->kind == SIGNER_NO_KEYS ? NULL : zone->text};
  struct rdata keys[] = {zone->key.dnskey, zone->data.dnskey};
  signer_sets(w, m, SECTION_ANSWER, text, TYPE_DNSKEY, keys, zone->data.key ? 2 : 1, by);
}

void signer_answer_is(struct signer *w, const char *name, uint16_t type, const struct msg *m) {
  must(w->message_count < SIGNER_MESSAGES);
  struct signer_message *out = &w->messages[w->message_count++];
  out->type = type;
  out->name_len = (uint16_t)name_parse(name, out->name);
  out->msg = *m;
}

void signer_answer(struct signer *w, const uint8_t *name, size_t len, uint16_t type, struct msg *m) {
  for (unsigned i = 0; i < w->message_count; i++) {
    const struct signer_message *own = &w->messages[i];
    if (own->type != type || !name_equal(own->name, own->name_len, name, len)) continue;
    *m = own->msg;
    return;
  }
  char text[NAME_TEXT];
  name_format(name, len, text);
  msg_answer(m, text, type, RCODE_NOERROR);
  if (type == TYPE_DS) answer_ds(w, name, len, text, m);
  else answer_dnskey(w, name, len, text, m);
}

/* ---- the driver ---- */

static struct verdict drive(struct signer *w, const struct question *q, const uint8_t *msg, size_t len,
                            unsigned depth);

static bool is_same_need(const struct verdict *a, const struct verdict *b) {
  return a->need_type == b->need_type && name_equal(a->need, a->need_len, b->need, b->need_len);
}

static struct verdict ask(struct signer *w, const struct verdict *need, unsigned depth) {
  struct question q;
  struct msg *m = must_alloc(sizeof *m);
  must(depth < DEPTH);
  w->needs++;
  question_make(&q, need->need, need->need_len, need->need_type, CLASS_IN, KEY_DO, 0);
  signer_answer(w, need->need, need->need_len, need->need_type, m);
  struct verdict v = drive(w, &q, m->octets, m->len, depth + 1);
  free(m);
  return v;
}

static struct verdict drive(struct signer *w, const struct question *q, const uint8_t *msg, size_t len,
                            unsigned depth) {
  struct judgement at = {.budget = dnssec_budget()};
  struct verdict last = {0};
  for (;;) {
    unsigned cost = at.budget.cost;
    uint8_t *copy = exact(msg, len); /* elsewhere each time: nothing that points to it may be kept */
    struct verdict v = judge(w->judge, &at, q, copy, len, w->now);
    free(copy);
    must(at.budget.cost <= cost && at.budget.failures <= DNSSEC_FAILURES);
    if (!depth) w->last = at;
    if (v.state == DNSSEC_LATER) {
      must(at.budget.cost < cost);
      w->laters++;
      continue;
    }
    if (v.state != DNSSEC_NEEDS) return v;
    if (is_same_need(&v, &last) && v.is_optional) {
      must(!at.goes_without_cuts);
      at.goes_without_cuts = true;
      continue;
    }
    if (is_same_need(&v, &last)) {
      v.state = DNSSEC_BOGUS;
      return v;
    }
    last = v;
    ask(w, &v, depth);
  }
}

struct verdict signer_judge_octets(struct signer *w, const struct question *q, const uint8_t *msg,
                                   size_t len) {
  w->needs = w->laters = 0;
  return drive(w, q, msg, len, 0);
}

struct verdict signer_judge(struct signer *w, const char *name, uint16_t type, const struct msg *m) {
  struct question q;
  uint8_t octets[NAME_MAX_LEN];
  size_t len = name_parse(name, octets);
  must(len);
  question_make(&q, octets, len, type, CLASS_IN, KEY_DO, 0);
  return signer_judge_octets(w, &q, m->octets, m->len);
}
