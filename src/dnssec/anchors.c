/* anchors.c: trust anchors, and names below which nothing is to be proven: anchors_*. */
#include "dnssec/anchors.h"

#include "base/must.h"

enum { DS_HEAD = 4, DNSKEY_HEAD = 4 };

/* The root's keys of 2017 and 2024, as IANA publishes them: tag, algorithm 8, SHA-256. */
static const struct zone_ds root_ds[] = {
    {20326, 8, 2, 32, {0xe0, 0x6d, 0x44, 0xb8, 0x0b, 0x8f, 0x1d, 0x39, 0xa9, 0x5c, 0x0b,
                       0x0d, 0x7c, 0x65, 0xd0, 0x84, 0x58, 0xe8, 0x80, 0x40, 0x9b, 0xbc,
                       0x68, 0x34, 0x57, 0x10, 0x42, 0x37, 0xc7, 0xf8, 0xec, 0x8d}},
    {38696, 8, 2, 32, {0x68, 0x3d, 0x2d, 0x0a, 0xcb, 0x8c, 0x9b, 0x71, 0x2a, 0x19, 0x48,
                       0xb2, 0x7f, 0x74, 0x12, 0x19, 0x29, 0x8d, 0x0a, 0x45, 0x0d, 0x61,
                       0x2c, 0x48, 0x3a, 0xf4, 0x44, 0xa4, 0xc0, 0xfb, 0x2b, 0x16}}};

static const char *const local[] = {"home.arpa",
                                    "10.in-addr.arpa",
                                    "168.192.in-addr.arpa",
                                    "254.169.in-addr.arpa",
                                    "127.in-addr.arpa",
                                    "0.in-addr.arpa",
                                    "255.255.255.255.in-addr.arpa",
                                    "2.0.192.in-addr.arpa",
                                    "100.51.198.in-addr.arpa",
                                    "113.0.203.in-addr.arpa",
                                    "8.e.f.ip6.arpa",
                                    "9.e.f.ip6.arpa",
                                    "a.e.f.ip6.arpa",
                                    "b.e.f.ip6.arpa",
                                    "d.f.ip6.arpa",
                                    "8.b.d.0.1.0.0.2.ip6.arpa",
                                    "resolver.arpa",
                                    "local",
                                    "internal",
                                    "onion",
                                    "alt",
                                    "localhost",
                                    "test",
                                    "invalid"};

static void add_local(struct anchors *a, const char *text) {
  uint8_t name[NAME_MAX_LEN];
  must(anchors_add_negative(a, name, name_parse(text, name)));
}

static void add_local_numbered(struct anchors *a, unsigned number, const char *zone) {
  char text[32];
  (void)snprintf(text, sizeof text, "%u.%s", number, zone);
  add_local(a, text);
}

/* The IPv6 address whose digits are all 0 but for the last. */
static void add_local_address(struct anchors *a, unsigned last) {
  char text[80];
  int at = snprintf(text, sizeof text, "%u.", last);
  for (unsigned i = 1; i < 32; i++, at += 2) memcpy(text + at, "0.", 2);
  memcpy(text + at, "ip6.arpa", sizeof "ip6.arpa");
  add_local(a, text);
}

void anchors_built_in(struct anchors *a) {
  memset(a, 0, sizeof *a);
  struct anchor *root = &a->zones[a->count++];
  root->name_len = 1;
  root->ds.count = 2;
  memcpy(root->ds.ds, root_ds, sizeof root_ds);

  for (unsigned i = 0; i < sizeof local / sizeof *local; i++) add_local(a, local[i]);
  for (unsigned i = 16; i < 32; i++) add_local_numbered(a, i, "172.in-addr.arpa");
  for (unsigned i = 64; i < 128; i++) add_local_numbered(a, i, "100.in-addr.arpa");
  for (unsigned last = 0; last < 2; last++) add_local_address(a, last); /* :: and ::1 */
}

static struct anchor *anchor_for(struct anchors *a, const uint8_t *name, size_t len) {
  for (unsigned i = 0; i < a->count; i++)
    if (name_equal(a->zones[i].name, a->zones[i].name_len, name, len)) return &a->zones[i];
  must(a->count < ANCHORS_MAX);
  struct anchor *z = &a->zones[a->count++];
  *z = (struct anchor){.name_len = (uint16_t)len};
  name_lower(z->name, name, len);
  return z;
}

/* ---- positive ones ---- */

static unsigned digest_octets(uint8_t type) { return type == 2 ? 32 : type == 4 ? 48 : 0; }

static const char *ds_refusal(const struct verifier *v, const uint8_t *rdata, unsigned len) {
  if (len <= DS_HEAD) return "it is cut short";
  if (!verifier_knows(v, rdata[2])) return "its algorithm is not known or not trusted";
  if (!digest_octets(rdata[3])) return "its digest is none of types 2 (SHA-256) and 4 (SHA-384)";
  return len == DS_HEAD + digest_octets(rdata[3]) ? NULL : "its digest has not its type's length";
}

static const char *dnskey_refusal(const struct verifier *v, const uint8_t *rdata, unsigned len) {
  if (len <= DNSKEY_HEAD) return "it is cut short";
  unsigned flags = load_u16(rdata);
  if (!(flags & DNSKEY_ZONE)) return "it is no zone's key: flag 256 is not set";
  if (flags & DNSKEY_REVOKED) return "it is revoked: flag 128 is set";
  if (rdata[2] != DNSKEY_PROTOCOL) return "its protocol is not 3";
  if (!verifier_knows(v, rdata[3])) return "its algorithm is not known or not trusted";
  struct public_key *key = public_key_new(v, rdata[3], rdata + DNSKEY_HEAD, len - DNSKEY_HEAD);
  public_key_free(v, key);
  return key ? NULL : "its octets are no key of its algorithm";
}

static const struct anchor *anchor_at(const struct anchors *a, const uint8_t *name, size_t len) {
  for (unsigned i = 0; i < a->count; i++)
    if (name_equal(a->zones[i].name, a->zones[i].name_len, name, len)) return &a->zones[i];
  return NULL;
}

const char *anchors_refusal(const struct anchors *a, const struct verifier *v, const struct record *r) {
  const char *why = "it is neither a DS nor a DNSKEY record";
  if (r->type == TYPE_DS) why = ds_refusal(v, record_rdata(r), r->rdlen);
  if (r->type == TYPE_DNSKEY) why = dnskey_refusal(v, record_rdata(r), r->rdlen);
  if (why) return why;

  const struct anchor *z = anchor_at(a, r->owner, r->owner_len);
  if (!z) return a->count < ANCHORS_MAX ? NULL : "there are anchors of 32 zones already";
  return z->ds.count < ZONE_DS_MAX ? NULL : "there are 16 anchors of its zone already";
}

static struct zone_ds make_ds(const struct verifier *v, const struct record *r) {
  const uint8_t *rdata = record_rdata(r);
  struct zone_ds ds = {0};
  if (r->type == TYPE_DS) {
    ds = (struct zone_ds){load_u16(rdata), rdata[2], rdata[3], (uint8_t)digest_octets(rdata[3]), {0}};
    memcpy(ds.digest, rdata + DS_HEAD, ds.digest_len);
    return ds;
  }
  uint8_t owner[NAME_MAX_LEN];
  name_lower(owner, r->owner, r->owner_len);
  ds = (struct zone_ds){keys_tag(rdata, r->rdlen), rdata[3], 2, 32, {0}};
  verifier_digest(v, DIGEST_SHA256, owner, r->owner_len, rdata, r->rdlen, ds.digest);
  return ds;
}

static bool has_ds(const struct zone_ds_set *set, const struct zone_ds *ds) {
  for (unsigned i = 0; i < set->count; i++) {
    const struct zone_ds *x = &set->ds[i];
    if (x->tag == ds->tag && x->algorithm == ds->algorithm && x->digest_type == ds->digest_type &&
        memcmp(x->digest, ds->digest, sizeof x->digest) == 0)
      return true;
  }
  return false;
}

bool anchors_add(struct anchors *a, const struct verifier *v, const struct record *r) {
  if (anchors_refusal(a, v, r)) return false;
  struct zone_ds ds = make_ds(v, r);
  struct anchor *z = anchor_for(a, r->owner, r->owner_len);
  if (!has_ds(&z->ds, &ds)) z->ds.ds[z->ds.count++] = ds;
  return true;
}

bool anchors_add_negative(struct anchors *a, const uint8_t *name, size_t len) {
  if (!len || a->negative_count == ANCHORS_NEGATIVE_MAX) return false;
  struct proof_off *n = &a->negative[a->negative_count++];
  n->name_len = (uint16_t)len;
  name_lower(n->name, name, len);
  return true;
}

const struct anchor *anchors_above(const struct anchors *a, const uint8_t *name, size_t len) {
  const struct anchor *found = NULL;
  for (unsigned i = 0; i < a->count; i++) {
    const struct anchor *z = &a->zones[i];
    if (name_is_within(name, len, z->name, z->name_len) && (!found || z->name_len > found->name_len))
      found = z;
  }
  return found;
}

const struct anchor *anchors_at(const struct anchors *a, const uint8_t *name, size_t len) {
  const struct anchor *z = anchors_above(a, name, len);
  return z && z->name_len == len ? z : NULL;
}

bool anchors_deny(const struct anchors *a, const uint8_t *name, size_t len) {
  const struct anchor *z = anchors_above(a, name, len);
  for (unsigned i = 0; i < a->negative_count; i++) {
    const struct proof_off *n = &a->negative[i];
    if (name_is_within(name, len, n->name, n->name_len) && (!z || n->name_len >= z->name_len)) return true;
  }
  return false;
}
