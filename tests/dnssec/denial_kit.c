/* denial_kit.c: makes authority sections. */
#include "dnssec/denial_kit.h"

struct denial *denial_new(const char *zone) {
  struct denial *d = calloc(1, sizeof *d);
  cr_assert(d);
  d->verifier = verifier_new(stderr);
  cr_assert(d->verifier);
  d->budget = dnssec_budget();
  d->zone_text = zone;
  size_t zone_len = name_parse(zone, d->zone);
  cr_assert(zone_len);
  d->of = (struct proof_of){d->verifier, &d->rrsets, d->good, d->zone, zone_len, &d->budget};
  msg_answer(&d->msg, zone, TYPE_TXT, RCODE_NOERROR);
  return d;
}

void denial_free(struct denial *d) {
  verifier_free(d->verifier);
  free(d);
}

static void put_name(struct rdata *rd, const char *name) {
  struct rdata named = rd_name(name);
  memcpy(rd->octets + rd->len, named.octets, named.len);
  rd->len = (uint16_t)(rd->len + named.len);
}

static void put_types(struct rdata *rd, struct denial_types t) {
  for (unsigned window = 0; window < 256; window++) {
    uint8_t bits[32] = {0};
    unsigned len = 0;
    for (unsigned i = 0; i < DENIAL_TYPES && t.types[i]; i++) {
      if (t.types[i] >> 8 != window) continue;
      unsigned octet = (t.types[i] & 0xff) / 8;
      bits[octet] |= (uint8_t)(0x80 >> (t.types[i] & 7));
      if (len <= octet) len = octet + 1;
    }
    if (!len) continue;
    rd->octets[rd->len++] = (uint8_t)window;
    rd->octets[rd->len++] = (uint8_t)len;
    memcpy(rd->octets + rd->len, bits, len);
    rd->len = (uint16_t)(rd->len + len);
  }
}

struct rdata rd_nsec(const char *next, struct denial_types types) {
  struct rdata rd = {0};
  put_name(&rd, next);
  put_types(&rd, types);
  return rd;
}

void denial_record(struct denial *d, const char *owner, uint16_t type, struct rdata rd, const char *signer,
                   unsigned labels) {
  msg_record(&d->msg, SECTION_AUTHORITY, owner, type, 300, rd);

  uint8_t head[18] = {0};
  store_u16(head, type);
  head[2] = ALGORITHM_ECDSAP256;
  head[3] = (uint8_t)labels;
  store_u32(head + 4, 300);
  struct rdata sig = rd_octets(head, sizeof head);
  put_name(&sig, signer);
  memset(sig.octets + sig.len, 0x5a, 64);
  sig.len = (uint16_t)(sig.len + 64);
  msg_record(&d->msg, SECTION_AUTHORITY, owner, TYPE_RRSIG, 300, sig);
}

static unsigned labels_of(const char *name) {
  uint8_t octets[NAME_MAX_LEN];
  size_t len = name_parse(name, octets);
  cr_assert(len, "%s", name);
  return canon_labels(octets, len);
}

void denial_nsec(struct denial *d, const char *owner, const char *next, struct denial_types types) {
  denial_record(d, owner, TYPE_NSEC, rd_nsec(next, types), d->zone_text, labels_of(owner));
}

static void base32hex(const uint8_t hash[DENIAL_HASH], char out[DENIAL_HASH_TEXT]) {
  for (unsigned i = 0; i < 32; i++) {
    unsigned value = 0;
    for (unsigned bit = i * 5; bit < i * 5 + 5; bit++)
      value = value << 1 | ((hash[bit / 8] >> (7 - bit % 8)) & 1u);
    out[i] = "0123456789abcdefghijklmnopqrstuv"[value];
  }
  out[32] = 0;
}

static void from_base32hex(const char *text, uint8_t hash[DENIAL_HASH]) {
  memset(hash, 0, DENIAL_HASH);
  for (unsigned i = 0; i < 32; i++) {
    unsigned value = (unsigned)(text[i] <= '9' ? text[i] - '0' : text[i] - 'a' + 10);
    for (unsigned bit = 0; bit < 5; bit++)
      if (value & (16u >> bit)) hash[(i * 5 + bit) / 8] |= (uint8_t)(0x80 >> ((i * 5 + bit) % 8));
  }
}

void denial_hash(struct denial *d, const char *name, int plus, char out[DENIAL_HASH_TEXT]) {
  uint8_t octets[NAME_MAX_LEN], digest[DIGEST_MOST];
  size_t len = name_parse(name, octets);
  cr_assert_eq(verifier_digest(d->verifier, DIGEST_SHA1, octets, len, NULL, 0, digest), DENIAL_HASH);
  digest[DENIAL_HASH - 1] = (uint8_t)(digest[DENIAL_HASH - 1] + plus);
  base32hex(digest, out);
}

void denial_nsec3(struct denial *d, struct denial_nsec3 n) {
  char owner[NAME_TEXT];
  bool is_whole = strchr(n.owner, '.');
  (void)snprintf(owner, sizeof owner, "%s%s%s", n.owner, is_whole ? "" : ".", is_whole ? "" : d->zone_text);

  struct rdata rd = {0};
  rd.octets[0] = (uint8_t)(n.algorithm ? n.algorithm : 1);
  rd.octets[1] = (uint8_t)n.flags;
  store_u16(rd.octets + 2, (uint16_t)n.iterations);
  rd.octets[4] = (uint8_t)n.salt_len;
  memset(rd.octets + 5, 0xab, n.salt_len);
  if (n.salt) memcpy(rd.octets + 5, n.salt, n.salt_len);
  rd.len = (uint16_t)(5 + n.salt_len);
  rd.octets[rd.len++] = DENIAL_HASH;
  from_base32hex(n.next, rd.octets + rd.len);
  rd.len = (uint16_t)(rd.len + DENIAL_HASH);
  put_types(&rd, n.types);
  denial_record(d, owner, TYPE_NSEC3, rd, d->zone_text, labels_of(owner));
}

void denial_nsec3_at(struct denial *d, const char *name, unsigned flags, struct denial_types types) {
  char own[DENIAL_HASH_TEXT], next[DENIAL_HASH_TEXT];
  denial_hash(d, name, 0, own);
  denial_hash(d, name, 1, next);
  denial_nsec3(d, (struct denial_nsec3){.owner = own, .next = next, .flags = flags, .types = types});
}

void denial_nsec3_around(struct denial *d, const char *name, unsigned flags) {
  char before[DENIAL_HASH_TEXT], behind[DENIAL_HASH_TEXT];
  denial_hash(d, name, -1, before);
  denial_hash(d, name, 1, behind);
  denial_nsec3(d, (struct denial_nsec3){
                      .owner = before, .next = behind, .flags = flags, .types = TYPES(TYPE_A, TYPE_RRSIG)});
}

void denial_done(struct denial *d) {
  cr_assert_eq(rrsets_read(&d->rrsets, d->msg.octets, d->msg.len), ERR_NONE);
  for (unsigned i = 0; i < d->rrsets.count; i++) d->good[i] = true;
}

struct denied {
  struct proof_name name;
  uint8_t octets[NAME_MAX_LEN];
};
static struct proof_name name_of(struct denied *n, const char *text) {
  n->name = (struct proof_name){n->octets, name_parse(text, n->octets)};
  cr_assert(n->name.len, "%s", text);
  return n->name;
}

enum proof denial_nxdomain(struct denial *d, const char *name) {
  struct denied n;
  return proof_of_nxdomain(&d->of, name_of(&n, name));
}
enum proof denial_nodata(struct denial *d, const char *name, uint16_t type) {
  struct denied n;
  return proof_of_nodata(&d->of, name_of(&n, name), type);
}
enum proof denial_wildcard_answer(struct denial *d, const char *name, unsigned labels) {
  struct denied n;
  return proof_of_wildcard(&d->of, name_of(&n, name), labels);
}
enum cut denial_no_ds(struct denial *d, const char *name) {
  struct denied n;
  return proof_of_no_ds(&d->of, name_of(&n, name));
}
