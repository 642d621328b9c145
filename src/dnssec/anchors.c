/* anchors.c: trust anchors, and names below which nothing is to be proven: anchors_*. */
#include "dnssec/anchors.h"

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
                                    "local",
                                    "localhost",
                                    "test",
                                    "invalid"};

void anchors_built_in(struct anchors *a) {
  memset(a, 0, sizeof *a);
  struct anchor *root = &a->zones[a->count++];
  root->name_len = 1;
  root->ds.count = 2;
  memcpy(root->ds.ds, root_ds, sizeof root_ds);

  uint8_t name[NAME_MAX_LEN];
  for (unsigned i = 0; i < sizeof local / sizeof *local; i++)
    anchors_add_negative(a, name, name_parse(local[i], name));
  for (unsigned i = 16; i < 32; i++) {
    char text[32];
    snprintf(text, sizeof text, "%u.172.in-addr.arpa", i);
    anchors_add_negative(a, name, name_parse(text, name));
  }
}

static struct anchor *anchor_for(struct anchors *a, const uint8_t *name, size_t len) {
  for (unsigned i = 0; i < a->count; i++)
    if (name_equal(a->zones[i].name, a->zones[i].name_len, name, len)) return &a->zones[i];
  if (a->count == ANCHORS_MAX) return NULL;
  struct anchor *z = &a->zones[a->count++];
  *z = (struct anchor){.name_len = (uint16_t)len};
  name_lower(z->name, name, len);
  return z;
}

static bool make_ds(const struct verifier *v, const struct record *r, struct zone_ds *out) {
  const uint8_t *rdata = record_rdata(r);
  *out = (struct zone_ds){0};
  if (r->type == TYPE_DS && r->rdlen > 4) {
    unsigned len = rdata[3] == 2 ? 32 : rdata[3] == 4 ? 48 : 0;
    *out = (struct zone_ds){load_u16(rdata), rdata[2], rdata[3], (uint8_t)len, {0}};
    if (!len || r->rdlen != 4 + len || !algorithm_is_known(rdata[2])) return false;
    memcpy(out->digest, rdata + 4, len);
    return true;
  }
  if (r->type != TYPE_DNSKEY || r->rdlen <= 4 || !algorithm_is_known(rdata[3])) return false;
  uint8_t owner[NAME_MAX_LEN];
  name_lower(owner, r->owner, r->owner_len);
  *out = (struct zone_ds){keys_tag(rdata, r->rdlen), rdata[3], 2, 32, {0}};
  return verifier_digest(v, DIGEST_SHA256, owner, r->owner_len, rdata, r->rdlen, out->digest) == 32;
}

bool anchors_add(struct anchors *a, const struct verifier *v, const struct record *r) {
  struct zone_ds ds;
  if (!make_ds(v, r, &ds)) return false;
  struct anchor *z = anchor_for(a, r->owner, r->owner_len);
  if (!z || z->ds.count == ZONE_DS_MAX) return false;
  z->ds.ds[z->ds.count++] = ds;
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

bool anchors_deny(const struct anchors *a, const uint8_t *name, size_t len) {
  const struct anchor *z = anchors_above(a, name, len);
  for (unsigned i = 0; i < a->negative_count; i++) {
    const struct proof_off *n = &a->negative[i];
    if (name_is_within(name, len, n->name, n->name_len) && (!z || n->name_len >= z->name_len)) return true;
  }
  return false;
}
