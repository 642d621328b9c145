/* zones_sign.c: zones signed between reading and answering them. Exports zones_sign_any, zones_age and, to
 * the module, zones_sign, zones_write_anchors. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "zones/zones_priv.h"

enum { ANCHORS_PATH = ZONES_PATH + sizeof ZONES_ANCHORS, ANCHOR_TTL = 3600 };

static const char fresh_suffix[] = ".new";

/* ---- which ---- */

static enum zones_sign sign_of(const struct zones_policy *o, unsigned zone) {
  bool is_file = zone < o->zone_count;
  const struct zones_file *f = &o->zones[is_file ? zone : 0];
  const struct zones_domain *d = &o->domains[is_file ? 0 : zone - o->zone_count];
  if (is_file ? f->overlay : d->overlay) return ZONES_SIGN_OFF;
  enum zones_sign own = is_file ? f->sign : d->sign;
  return own == ZONES_SIGN_AUTO ? o->sign : own;
}

bool zones_sign_any(const struct zones_policy *o) {
  bool any = false;
  for (unsigned i = 0; i < o->zone_count + o->domain_count; i++) any |= sign_of(o, i) != ZONES_SIGN_OFF;
  return any;
}

bool zones_age(const struct zones *l, uint64_t now_s) {
  bool old = false;
  for (; l; l = l->next) old |= l->signer && now_s >= l->signed_s + SIGN_AGAIN_S;
  return old;
}

/* ---- what is there ---- */

/* The first record of this type at the zone's own name; NULL. */
static const struct raw *apex_raw(const struct loader *ld, unsigned zone, uint16_t type) {
  const struct zones_apex *z = &ld->zones->zones[zone];
  for (const struct raw *r = ld->raws; r < ld->raws + ld->raw_count; r++) {
    if (r->zone == zone && r->type == type &&
        name_equal(raw_owner(ld, r), r->owner_len, z->name, z->name_len))
      return r;
  }
  return NULL;
}

static bool has_type(const struct loader *ld, unsigned zone, uint16_t type) {
  const struct raw *r = ld->raws, *end = r + ld->raw_count;
  while (r < end && (r->zone != zone || r->type != type)) r++;
  return r < end;
}

static struct record record_of(const struct loader *ld, const struct raw *raw) {
  return raw_record(ld, raw, raw_owner(ld, raw), raw->owner_len);
}

/* ---- keys ---- */

/* Reads the keys of what is to be signed, and is not yet. */
static bool find_keys(struct loader *ld, unsigned zone) {
  struct zones_apex *z = &ld->zones->zones[zone];
  char name[NAME_TEXT];
  if (sign_of(ld->o, zone) == ZONES_SIGN_OFF || !apex_raw(ld, zone, TYPE_SOA)) return true;
  if (has_type(ld, zone, TYPE_RRSIG)) {
    fprintf(ld->err, "jidnsd: warning: the zone %s has signatures in its file: it is not signed again\n",
            name_format(z->name, z->name_len, name));
    return true;
  }
  z->keys = signer_keys(ld->signer, ld->o->keys, z->name, z->name_len, ld->err);
  return z->keys != NULL;
}

/* ---- into the zone above ---- */

/* Records that were made for a zone. */
struct making {
  struct loader *ld;
  struct zonefile_place at; /* the place of the zone's SOA: what was made has none of its own */
};

static bool take_made(void *ctx, const struct record *r) {
  struct making *m = ctx;
  return zones_take(m->ld, r, &m->at);
}

static struct making making_for(struct loader *ld, unsigned zone) {
  ld->zone = zone;
  return (struct making){.ld = ld, .at = {.file = ld->files[apex_raw(ld, zone, TYPE_SOA)->file]}};
}

/* Is the name below one that this zone delegates to others? */
static bool is_delegated(const struct loader *ld, unsigned zone, const uint8_t *name, size_t len) {
  const struct zones_apex *z = &ld->zones->zones[zone];
  bool found = false;
  for (const struct raw *r = ld->raws; r < ld->raws + ld->raw_count && !found; r++) {
    found = r->zone == zone && r->type == TYPE_NS && r->owner_len > z->name_len && r->owner_len < len &&
            name_is_within(name, len, raw_owner(ld, r), r->owner_len);
  }
  return found;
}

static bool has_ds(const struct loader *ld, const struct zones_apex *z) {
  bool found = false;
  for (const struct raw *r = ld->raws; r < ld->raws + ld->raw_count && !found; r++)
    found = r->type == TYPE_DS && name_equal(raw_owner(ld, r), r->owner_len, z->name, z->name_len);
  return found;
}

/* The DS records of a zone whose own file has its keys. */
static bool give_ds_of_file(struct loader *ld, unsigned zone, struct making *m) {
  bool good = true;
  uint32_t end = ld->raw_count; /* more come meanwhile */
  for (uint32_t i = 0; i < end && good; i++) {
    if (ld->raws[i].zone != zone || ld->raws[i].type != TYPE_DNSKEY) continue;
    struct record r = record_of(ld, &ld->raws[i]);
    good = sign_give_ds_of(ld->signer, &r, take_made, m);
  }
  return good;
}

/* The DS records of a zone into a signed one above it, unless somebody wrote others there. */
static bool add_ds(struct loader *ld, unsigned zone) {
  const struct zones_apex *z = &ld->zones->zones[zone];
  int above = zones_above(ld->zones, zone);
  if (above < 0 || !ld->zones->zones[above].keys || has_ds(ld, z) ||
      is_delegated(ld, (unsigned)above, z->name, z->name_len))
    return true;
  struct making m = making_for(ld, (unsigned)above);
  if (!z->keys) return !has_type(ld, zone, TYPE_RRSIG) || give_ds_of_file(ld, zone, &m);
  return sign_give_ds(ld->signer, z->keys, apex_raw(ld, (unsigned)above, TYPE_SOA)->ttl_s, take_made, &m);
}

/* ---- signatures ---- */

/* A zone below begins there: without it, the name would not be known to be delegated. */
static bool add_border(struct sign_zone *s, const struct zones_apex *below, uint32_t ttl_s) {
  struct record r = {.msg = below->name,
                     .msg_len = below->name_len,
                     .ttl = ttl_s,
                     .type = TYPE_NS,
                     .klass = CLASS_IN,
                     .rdlen = below->name_len,
                     .owner_len = below->name_len};
  memcpy(r.owner, below->name, below->name_len);
  return sign_zone_add(s, &r);
}

static bool add_all(struct loader *ld, struct sign_zone *s, unsigned zone, uint32_t ttl_s) {
  bool good = true;
  for (uint32_t i = 0; i < ld->raw_count && good; i++) {
    if (ld->raws[i].zone != zone) continue;
    struct record r = record_of(ld, &ld->raws[i]);
    good = sign_zone_add(s, &r) ||
           zones_complain(ld, &ld->raws[i], false,
                          "can't be signed by ldns: it does not have its type's form");
  }
  for (unsigned i = 0; i < ld->zones->zone_count && good; i++) {
    if (zones_above(ld->zones, i) == (int)zone) good = add_border(s, &ld->zones->zones[i], ttl_s);
  }
  return good;
}

static bool sign_zone(struct loader *ld, unsigned zone) {
  const struct zones_apex *z = &ld->zones->zones[zone];
  uint32_t ttl_s = apex_raw(ld, zone, TYPE_SOA)->ttl_s;
  enum sign_denial denial = sign_of(ld->o, zone) == ZONES_SIGN_NSEC3 ? SIGN_NSEC3 : SIGN_NSEC;
  struct making m = making_for(ld, zone);
  struct sign_zone *s = sign_zone_new(ld->signer, z->keys, ttl_s);
  const char *why = NULL;
  char name[NAME_TEXT];

  if (!s) return zones_no_memory(ld);
  bool good = add_all(ld, s, zone, ttl_s);
  if (good && !(good = sign_zone_finish(s, denial, ld->zones->signed_s, take_made, &m, &why)) && why)
    fprintf(ld->err, "jidnsd: the zone %s can't be signed: %s\n", name_format(z->name, z->name_len, name),
            why);
  sign_zone_free(s);
  return good;
}

bool zones_sign(struct loader *ld) {
  struct zones *l = ld->zones;
  unsigned signed_count = 0;
  if (!ld->signer || !zones_sign_any(ld->o)) return true;
  for (unsigned i = 0; i < l->zone_count; i++) {
    if (!find_keys(ld, i)) return false;
    signed_count += l->zones[i].keys != NULL;
  }
  if (!signed_count) return true;

  l->signer = ld->signer;
  l->signed_s = ((uint64_t)clock_epoch_ms() + clock_ms()) / 1000;
  for (unsigned i = 0; i < l->zone_count; i++) {
    if (!add_ds(ld, i)) return ld->failed ? false : zones_no_memory(ld);
  }
  for (unsigned i = 0; i < l->zone_count; i++) {
    if (l->zones[i].keys && !sign_zone(ld, i)) return false;
  }
  zones_sort(ld);
  return true;
}

/* ---- whom to trust ---- */

struct anchors {
  struct signer *signer;
  FILE *out;
};

static bool print_anchor(void *ctx, const struct record *r) {
  struct anchors *a = ctx;
  return sign_print(a->signer, r, a->out);
}

/* Does no signed zone of this set vouch for it? */
static bool is_anchor(const struct zones *l, unsigned zone) {
  int above = zones_above(l, zone);
  return l->zones[zone].keys && (above < 0 || !l->zones[above].keys);
}

/* Has a set before this one, for other clients, the same keys? */
static bool is_repeated(const struct zones *first, const struct zones *l, unsigned zone) {
  for (; first != l; first = first->next) {
    for (unsigned i = 0; i < first->zone_count; i++)
      if (first->zones[i].keys == l->zones[zone].keys && is_anchor(first, i)) return true;
  }
  return false;
}

/* The DS records of each zone that no signed one here vouches for, once. */
static bool print_anchors(const struct zones *first, FILE *out) {
  bool good = true;
  for (const struct zones *l = first; l; l = l->next) {
    struct anchors a = {l->signer, out};
    for (unsigned i = 0; i < l->zone_count && good; i++) {
      if (is_anchor(l, i) && !is_repeated(first, l, i))
        good = sign_give_ds(l->signer, l->zones[i].keys, ANCHOR_TTL, print_anchor, &a);
    }
  }
  return good;
}

/* A new file in the old one's place: nobody sees half of it. */
static bool replace_file(const char *path, const char *text) {
  char fresh[ANCHORS_PATH + sizeof fresh_suffix];
  snprintf(fresh, sizeof fresh, "%s%s", path, fresh_suffix);
  FILE *out = fopen(fresh, "we");
  if (!out) return false;
  bool good = fputs(text, out) >= 0;
  good = fclose(out) == 0 && good;
  if (good && rename(fresh, path) == 0) return true;
  int e = errno;
  unlink(fresh);
  errno = e;
  return false;
}

bool zones_write_anchors(struct signer *signer, const struct zones *l, const struct zones_policy *o,
                         FILE *err) {
  char path[ANCHORS_PATH], *text = NULL;
  size_t len;
  FILE *lines = open_memstream(&text, &len);
  bool good = lines && print_anchors(l, lines);
  if (lines) good = fclose(lines) == 0 && good;
  if (!good) fputs("jidnsd: no memory for the zones\n", err);

  /* without rights any more they can't be written again, and need not be */
  snprintf(path, sizeof path, "%s/%s", o->keys, ZONES_ANCHORS);
  if (good && signer_anchors_change(signer, text) && !replace_file(path, text))
    fprintf(err, "jidnsd: warning: %s: can't be written: %s; validators can't read from it whom to trust\n",
            path, strerror(errno));
  free(text);
  return good;
}
