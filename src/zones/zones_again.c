/* zones_again.c: signatures made anew in an answer that was changed behind the zones' back. Exports
 * zones_sign_again. */
#include <stdlib.h>

#include "zones/zones_priv.h"

/* An answer's records, those of the additional section left out when they do not fit. */
struct records {
  struct record *list;
  uint8_t *sections;
  unsigned count;
};

static bool read_records(struct records *all, const uint8_t *msg, size_t len) {
  struct wire w = record_start(msg, len);
  if (w.err) return false;
  unsigned counts[] = {load_u16(msg + 6), load_u16(msg + 8), load_u16(msg + 10)};
  unsigned n = counts[0] + counts[1] + counts[2];
  if (n == 0 || n > ANSWER_RECORDS_MAX) return false;
  all->list = calloc(n, sizeof *all->list);
  all->sections = calloc(n, 1);
  if (!all->list || !all->sections) return false;

  for (uint8_t section = 0; section < 3; section++) {
    for (unsigned i = 0; i < counts[section]; i++) {
      if (!record_read(&w, &all->list[all->count])) return false;
      all->sections[all->count++] = section;
    }
  }
  return true;
}

static const struct sign_keys *keys_of(const struct zones *l, const struct record *sig,
                                       struct signer **signer) {
  uint8_t name[NAME_MAX_LEN];
  struct wire w = wire_read(sig->msg, sig->rdata_at + sig->rdlen);
  w.at = sig->rdata_at + RRSIG_SIGNER_AT;
  size_t len = name_read(&w, name);
  name_lower(name, name, len);
  for (; l && len; l = l->next) {
    for (unsigned i = 0; i < l->zone_count; i++) {
      const struct zones_apex *z = &l->zones[i];
      if (!z->keys || !name_equal(z->name, z->name_len, name, len)) continue;
      *signer = l->signer;
      return z->keys;
    }
  }
  return NULL;
}

/* The records that the i-th, a signature, covers, copied to `set`. Returns how many. */
static unsigned covered_by(const struct records *all, unsigned i, struct record *set) {
  const struct record *sig = &all->list[i];
  uint16_t type = load_u16(record_rdata(sig));
  unsigned n = 0;
  for (unsigned k = 0; k < all->count; k++) {
    const struct record *r = &all->list[k];
    if (all->sections[k] == all->sections[i] && r->type == type &&
        name_equal(r->owner, r->owner_len, sig->owner, sig->owner_len))
      set[n++] = *r;
  }
  return n;
}

static void sign_one(const struct zones *l, const struct records *all, unsigned i, struct record *set,
                     uint8_t *msg) {
  const struct record *sig = &all->list[i];
  struct signer *signer = NULL;
  if (sig->type != TYPE_RRSIG || sig->rdlen <= RRSIG_SIGNER_AT) return;
  const struct sign_keys *keys = keys_of(l, sig, &signer);
  if (!keys) return;
  uint8_t *rdata = msg + sig->rdata_at;
  sign_again(signer, keys, sig, set, covered_by(all, i, set), load_u32(rdata + RRSIG_INCEPTION_AT),
             load_u32(rdata + RRSIG_EXPIRATION_AT), rdata);
}

void zones_sign_again(const struct zones *l, uint8_t *msg, size_t len) {
  struct records all = {0};
  if (!l) return;
  struct record *set = read_records(&all, msg, len) ? calloc(all.count, sizeof *set) : NULL;
  for (unsigned i = 0; i < all.count && set; i++) sign_one(l, &all, i, set, msg);
  free(set);
  free(all.list);
  free(all.sections);
}
