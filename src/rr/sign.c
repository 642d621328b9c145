/* sign.c: signatures and proofs, made by ldns. Exports signer_open, signer_close, sign_*. */
#include "rr/sign.h"

#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "dns/wire.h"
#include "rr/sign_priv.h"

enum { RECORD_MAX = NAME_MAX_LEN + 10 + UINT16_MAX };

static const struct library_symbol symbols[] = {
#define SYMBOL(name) LIBRARY_SYMBOL(ldns_, struct sign_ldns, name)
    SIGN_FUNCTIONS(SYMBOL)
#undef SYMBOL
};

struct sign_zone {
  struct signer *s;
  const struct sign_keys *keys;
  uint32_t ttl_s; /* of the DNSKEY records */
  ldns_dnssec_zone *zone;
};

/* ---- the signer ---- */

struct signer *signer_open(FILE *err) {
  struct signer *s = calloc(1, sizeof *s);
  if (s) s->library = library_open(LDNS_SONAME, symbols, sizeof symbols / sizeof *symbols, &s->ldns, err);
  if (s && s->library) s->wire = s->ldns.buffer_new(RECORD_MAX);
  if (s && s->wire) {
    pthread_mutex_init(&s->lock, NULL);
    return s;
  }
  if (!s || s->library) fputs("jidnsd: out of memory\n", err);
  if (s) library_close(s->library);
  free(s);
  return NULL;
}

void signer_close(struct signer *s) {
  if (!s) return;
  for (struct sign_keys *k = s->first, *next; k; k = next) {
    next = k->next;
    if (k->list) s->ldns.key_list_free(k->list);
    free(k->files);
    free(k);
  }
  free(s->anchors);
  s->ldns.buffer_free(s->wire);
  pthread_mutex_destroy(&s->lock);
  library_close(s->library);
  free(s);
}

bool signer_anchors_change(struct signer *s, const char *text) {
  if (s->anchors && strcmp(s->anchors, text) == 0) return false;
  free(s->anchors);
  s->anchors = strdup(text);
  return true;
}

/* ---- records there and back ---- */

bool sign_give(struct signer *s, const ldns_rr *rr, sign_take *take, void *ctx) {
  struct record r;
  ldns_buffer_clear(s->wire);
  if (s->ldns.rr2buffer_wire(s->wire, rr, LDNS_SECTION_ANSWER) != LDNS_STATUS_OK) return false;
  struct wire w = wire_read(ldns_buffer_begin(s->wire), ldns_buffer_position(s->wire));
  return record_read(&w, &r) && take(ctx, &r);
}

/* Names in RDATA may be compressed against the record's message; in the copy they are not. */
static void put_rdata(struct wire_out *w, const struct record *r) {
  struct rdata_parts parts = record_parts(r);
  struct rdata_part part;
  size_t start = w->at;
  wire_put_u16(w, 0);
  enum rdata_part_kind kind;
  while ((kind = record_next_part(&parts, &part)) != PART_END && kind != PART_BAD)
    wire_put(w, part.bytes, part.len);
  w->err |= kind == PART_BAD;
  if (!w->err) store_u16(w->buf + start, (uint16_t)(w->at - start - 2));
}

/* A record in ldns' form, under this owner and with this TTL. NULL: it has not the form of its type, or
 * memory is out. */
static ldns_rr *rr_of(struct signer *s, const struct record *r, const uint8_t *owner, size_t owner_len,
                      uint32_t ttl) {
  struct wire_out w = {.buf = ldns_buffer_begin(s->wire), .cap = RECORD_MAX};
  ldns_rr *rr = NULL;
  size_t at = 0;
  wire_put(&w, owner, owner_len);
  wire_put_u16(&w, r->type);
  wire_put_u16(&w, r->klass);
  wire_put_u32(&w, ttl);
  put_rdata(&w, r);
  if (w.err || s->ldns.wire2rr(&rr, w.buf, w.at, &at, LDNS_SECTION_ANSWER) != LDNS_STATUS_OK) return NULL;
  return rr;
}

bool sign_print(struct signer *s, const struct record *r, FILE *out) {
  ldns_rr *rr = rr_of(s, r, r->owner, r->owner_len, r->ttl);
  if (!rr) return false;
  s->ldns.rr_print(out, rr);
  s->ldns.rr_free(rr);
  return !ferror(out);
}

/* ---- DS ---- */

static bool give_ds(struct signer *s, const ldns_rr *dnskey, uint32_t ttl_s, sign_take *take, void *ctx) {
  ldns_rr *ds = dnskey ? s->ldns.key_rr2ds(dnskey, LDNS_SHA256) : NULL;
  if (!ds) return false;
  s->ldns.rr_set_ttl(ds, ttl_s);
  bool good = sign_give(s, ds, take, ctx);
  s->ldns.rr_free(ds);
  return good;
}

bool sign_give_ds_of(struct signer *s, const struct record *dnskey, sign_take *take, void *ctx) {
  if (dnskey->rdlen < 4 || !(load_u16(record_rdata(dnskey)) & LDNS_KEY_SEP_KEY)) return true;
  ldns_rr *rr = rr_of(s, dnskey, dnskey->owner, dnskey->owner_len, dnskey->ttl);
  bool good = give_ds(s, rr, dnskey->ttl, take, ctx);
  if (rr) s->ldns.rr_free(rr);
  return good;
}

static bool has_sep(const struct signer *s, const struct sign_keys *k) {
  bool found = false;
  for (size_t i = 0; i < s->ldns.key_list_key_count(k->list); i++)
    found |= s->ldns.key_flags(s->ldns.key_list_key(k->list, i)) & LDNS_KEY_SEP_KEY;
  return found;
}

bool sign_give_ds(struct signer *s, const struct sign_keys *k, uint32_t ttl_s, sign_take *take, void *ctx) {
  bool good = true, sep = has_sep(s, k);
  for (size_t i = 0; i < s->ldns.key_list_key_count(k->list) && good; i++) {
    ldns_key *key = s->ldns.key_list_key(k->list, i);
    if (sep && !(s->ldns.key_flags(key) & LDNS_KEY_SEP_KEY)) continue;
    ldns_rr *rr = s->ldns.key2rr(key);
    good = give_ds(s, rr, ttl_s, take, ctx);
    if (rr) s->ldns.rr_free(rr);
  }
  return good;
}

/* ---- a zone ---- */

struct sign_zone *sign_zone_new(struct signer *s, const struct sign_keys *k, uint32_t ttl_s) {
  struct sign_zone *z = calloc(1, sizeof *z);
  if (!z) return NULL;
  *z = (struct sign_zone){.s = s, .keys = k, .ttl_s = ttl_s, .zone = s->ldns.dnssec_zone_new()};
  if (z->zone) return z;
  free(z);
  return NULL;
}

void sign_zone_free(struct sign_zone *z) {
  if (!z) return;
  z->s->ldns.dnssec_zone_deep_free(z->zone);
  free(z);
}

static bool add(struct sign_zone *z, ldns_rr *rr) {
  if (rr && z->s->ldns.dnssec_zone_add_rr(z->zone, rr) == LDNS_STATUS_OK) return true;
  if (rr) z->s->ldns.rr_free(rr);
  return false;
}

bool sign_zone_add(struct sign_zone *z, const struct record *r) {
  return add(z, rr_of(z->s, r, r->owner, r->owner_len, r->ttl));
}

static void set_dates(const struct signer *s, ldns_key *key, uint32_t inception_s, uint32_t expiration_s) {
  s->ldns.key_set_inception(key, inception_s);
  s->ldns.key_set_expiration(key, expiration_s);
}

/* The DNSKEY records into the zone, and to `take`. */
static bool add_keys(struct sign_zone *z, uint64_t now_s, sign_take *take, void *ctx) {
  struct signer *s = z->s;
  for (size_t i = 0; i < s->ldns.key_list_key_count(z->keys->list); i++) {
    ldns_key *key = s->ldns.key_list_key(z->keys->list, i);
    ldns_rr *rr = s->ldns.key2rr(key);
    set_dates(s, key, (uint32_t)(now_s - SIGN_EARLY_S), (uint32_t)(now_s + SIGN_HOLD_S));
    if (!rr) return false;
    s->ldns.rr_set_ttl(rr, z->ttl_s);
    bool good = sign_give(s, rr, take, ctx);
    if (!add(z, rr) || !good) return false;
  }
  return true;
}

static ldns_status sign(struct sign_zone *z, enum sign_denial denial, ldns_rr_list *made) {
  const struct sign_ldns *l = &z->s->ldns;
  if (denial == SIGN_NSEC)
    return l->dnssec_zone_sign(z->zone, made, z->keys->list, l->dnssec_default_replace_signatures, NULL);
  return l->dnssec_zone_sign_nsec3(z->zone, made, z->keys->list, l->dnssec_default_replace_signatures, NULL,
                                   LDNS_SHA1, 0, 0, 0, NULL);
}

bool sign_zone_finish(struct sign_zone *z, enum sign_denial denial, uint64_t now_s, sign_take *take,
                      void *ctx, const char **why) {
  struct signer *s = z->s;
  ldns_rr_list *made = s->ldns.rr_list_new();
  *why = "no memory to sign it";
  if (!made) return false;
  pthread_mutex_lock(&s->lock);
  ldns_status status = LDNS_STATUS_MEM_ERR;
  bool good = add_keys(z, now_s, take, ctx) && (status = sign(z, denial, made)) == LDNS_STATUS_OK;
  if (!good && status != LDNS_STATUS_MEM_ERR) *why = s->ldns.get_errorstr_by_id(status);
  if (good) *why = NULL;
  for (size_t i = 0; i < s->ldns.rr_list_rr_count(made) && good; i++)
    good = sign_give(s, s->ldns.rr_list_rr(made, i), take, ctx);
  pthread_mutex_unlock(&s->lock);
  s->ldns.rr_list_free(made); /* the records are the zone's */
  return good;
}

/* ---- one RRset ---- */

/* The name that was signed: "*" and the rightmost so many labels where a wildcard stood for the owner (RFC
 * 4035 section 5.3.2). Returns its length. */
static size_t signed_owner(const struct record *r, unsigned labels, uint8_t out[NAME_MAX_LEN]) {
  const uint8_t *name = r->owner;
  unsigned count = 0, wild = name[0] == 1 && name[1] == '*';
  for (const uint8_t *p = name; *p; p += 1u + *p) count++;
  if (count - wild <= labels) {
    memcpy(out, name, r->owner_len);
    return r->owner_len;
  }

  size_t len = r->owner_len;
  for (; count > labels; count--, name += 1u + *name) len -= 1u + *name;
  memcpy(out, (uint8_t[]){1, '*'}, 2);
  memcpy(out + 2, name, len);
  return len + 2;
}

static ldns_key *key_of(const struct signer *s, const struct sign_keys *k, const uint8_t *rdata) {
  for (size_t i = 0; i < s->ldns.key_list_key_count(k->list); i++) {
    ldns_key *key = s->ldns.key_list_key(k->list, i);
    if (s->ldns.key_keytag(key) == load_u16(rdata + RRSIG_TAG_AT) &&
        (unsigned)s->ldns.key_algorithm(key) == rdata[RRSIG_ALGORITHM_AT])
      return key;
  }
  return NULL;
}

/* The signature that was made, where the one before it lies. */
struct renewed {
  uint8_t *out;
  size_t len;
};

static bool take_renewed(void *ctx, const struct record *r) {
  struct renewed *n = ctx;
  if (r->rdlen != n->len) return false;
  memcpy(n->out, record_rdata(r), n->len);
  return true;
}

/* By one of the zone's keys; the others are of no use meanwhile. */
static bool sign_set(struct signer *s, const struct sign_keys *k, ldns_key *key, ldns_rr_list *set,
                     struct renewed *out) {
  s->ldns.key_list_set_use(k->list, false);
  s->ldns.key_set_use(key, true);
  ldns_rr_list *made = s->ldns.sign_public(set, k->list);
  s->ldns.key_list_set_use(k->list, true);
  bool good = made && s->ldns.rr_list_rr_count(made) == 1 &&
              sign_give(s, s->ldns.rr_list_rr(made, 0), take_renewed, out);
  if (made) s->ldns.rr_list_deep_free(made);
  return good;
}

bool sign_again(struct signer *s, const struct sign_keys *k, const struct record *sig,
                const struct record *set, unsigned n, uint32_t inception_s, uint32_t expiration_s,
                uint8_t *out) {
  const uint8_t *rdata = record_rdata(sig);
  uint8_t owner[NAME_MAX_LEN];
  if (sig->rdlen <= RRSIG_SIGNER_AT || n == 0) return false;
  size_t owner_len = signed_owner(set, rdata[RRSIG_LABELS_AT], owner);

  pthread_mutex_lock(&s->lock);
  ldns_key *key = key_of(s, k, rdata);
  ldns_rr_list *list = key ? s->ldns.rr_list_new() : NULL;
  bool good = list != NULL;
  for (unsigned i = 0; i < n && good; i++) {
    ldns_rr *rr = rr_of(s, &set[i], owner, owner_len, load_u32(rdata + RRSIG_TTL_AT));
    good = rr && s->ldns.rr_list_push_rr(list, rr);
  }

  if (good) {
    set_dates(s, key, inception_s, expiration_s);
    good = sign_set(s, k, key, list, &(struct renewed){out, sig->rdlen});
  }
  if (list) s->ldns.rr_list_deep_free(list);
  pthread_mutex_unlock(&s->lock);
  return good;
}
