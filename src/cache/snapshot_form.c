/* snapshot_form.c: the form of heads, blocks and entries in a snapshot. Exports snapshot_head_*,
 * snapshot_block_*, kept_*. */
#include <assert.h>

#include "base/hash.h"
#include "cache/snapshot_priv.h"
#include "dns/ttl.h"

static const char magic[] = "jidnscache";
enum { MAGIC = sizeof magic - 1, HEAD_HASHED = HEAD_OCTETS - 8, BLOCK_HASHED = 8 };
static_assert(ORIGINS * KEPT_ORIGIN_UNIT == KEPT_MAIN, "one more needs another version");
static_assert(MAGIC + 2 + 4 + 8 + 8 == HEAD_HASHED, "snapshot_priv.h draws it");

static void store_u64(uint8_t *p, uint64_t v) {
  store_u32(p, (uint32_t)(v >> 32));
  store_u32(p + 4, (uint32_t)v);
}

static uint64_t load_u64(const uint8_t *p) { return (uint64_t)load_u32(p) << 32 | load_u32(p + 4); }

void snapshot_head_write(uint8_t head[HEAD_OCTETS], const struct snapshot_now *now) {
  memcpy(head, magic, MAGIC);
  store_u16(head + MAGIC, SNAPSHOT_VERSION);
  store_u32(head + MAGIC + 2, now->tick);
  store_u64(head + MAGIC + 6, now->wall_ms);
  store_u64(head + MAGIC + 14, now->proven_by);
  store_u64(head + HEAD_HASHED, hash_bytes(head, HEAD_HASHED, 0));
}

enum snapshot_outcome snapshot_head_read(const uint8_t *head, size_t len, struct snapshot_now *written,
                                         const char **why) {
  *why = "it is no snapshot of jidnsd's";
  if (memcmp(head, magic, len < MAGIC ? len : MAGIC) != 0) return SNAPSHOT_FOREIGN;
  *why = "it is cut short";
  if (len < HEAD_OCTETS) return SNAPSHOT_DAMAGED;
  *why = "another version of jidnsd has written it";
  if (load_u16(head + MAGIC) != SNAPSHOT_VERSION) return SNAPSHOT_DAMAGED;
  *why = "it is damaged";
  if (load_u64(head + HEAD_HASHED) != hash_bytes(head, HEAD_HASHED, 0)) return SNAPSHOT_DAMAGED;
  written->tick = load_u32(head + MAGIC + 2);
  written->wall_ms = load_u64(head + MAGIC + 6);
  written->proven_by = load_u64(head + MAGIC + 14);
  return SNAPSHOT_GOOD;
}

/* The hash itself lies between the two parts that it is of. */
static uint64_t block_hash(const uint8_t *block, uint64_t number) {
  return hash_bytes(block + BLOCK_HEAD, block_octets(block), hash_bytes(block, BLOCK_HASHED, number));
}

void snapshot_block_seal(uint8_t *block, uint32_t octets, uint32_t entries, uint64_t number) {
  store_u32(block, octets);
  store_u32(block + 4, entries);
  store_u64(block + BLOCK_HASHED, block_hash(block, number));
}

bool snapshot_block_is_whole(const uint8_t *block, uint64_t number) {
  return load_u64(block + BLOCK_HASHED) == block_hash(block, number);
}

/* ---- entries ---- */

void snapshot_entry_write(struct wire_out *w, const struct cache_entry *e) {
  const struct answer_head *h = &e->answer.head;
  uint8_t mark = (uint8_t)(e->standing.hits | e->standing.origin * KEPT_ORIGIN_UNIT |
                           (e->standing.in_main ? KEPT_MAIN : 0));
  uint8_t small[6] = {h->ns, h->ar, h->rcode, h->flags & KEPT_FLAGS, mark, (uint8_t)e->question->name_len};
  wire_put_u32(w, h->stored_at);
  wire_put_u32(w, h->refresh_at);
  wire_put_u16(w, h->an);
  wire_put_u16(w, h->body_len);
  wire_put(w, small, sizeof small);
  wire_put(w, e->question->key, question_key_len(e->question));
  wire_put(w, e->answer.body, h->body_len);
}

bool snapshot_entry_read(struct wire *w, struct snapshot_entry *k) {
  k->head.stored_at = wire_u32(w);
  k->head.refresh_at = wire_u32(w);
  k->head.an = wire_u16(w);
  k->head.body_len = wire_u16(w);
  const uint8_t *small = wire_bytes(w, 6);
  if (!small) return false;
  k->head.ns = small[0];
  k->head.ar = small[1];
  k->head.rcode = small[2];
  k->head.flags = small[3];
  k->mark = small[4];
  k->name_len = small[5];
  k->key = wire_bytes(w, (size_t)k->name_len + KEY_TAIL);
  k->body = wire_bytes(w, k->head.body_len);
  return !w->err;
}

static bool rebuild_question(struct rebuilt *r, const struct snapshot_entry *k, uint64_t seed) {
  uint8_t name[NAME_MAX_LEN];
  struct wire w = wire_read(k->key, k->name_len);
  const uint8_t *tail = k->key + k->name_len;
  if (!k->name_len || name_read(&w, name) != k->name_len || w.at != k->name_len ||
      tail[4] & ~(KEY_DO | KEY_CD))
    return false;
  question_make(&r->question, name, k->name_len, load_u16(tail), load_u16(tail + 2), tail[4], seed);
  return true;
}

static bool rebuild_section(struct rebuilt *r, struct wire *w, enum section section, unsigned n) {
  for (struct record record; n > 0; n--) {
    if (!record_read(w, &record) || record.type == TYPE_OPT) return false;
    if (!build_add(&r->build, section, &record, ttl_received(record.ttl))) return false;
  }
  return true;
}

bool snapshot_entry_rebuild(struct rebuilt *r, const struct snapshot_entry *k, uint64_t seed) {
  const struct answer_head *h = &k->head;
  size_t base = DNS_HEADER + k->name_len + 4u;

  if (h->rcode != RCODE_NOERROR && h->rcode != RCODE_NXDOMAIN && h->rcode != RCODE_YXDOMAIN) return false;
  if (h->an + h->ns == 0 || base + h->body_len > DNS_MSG_MAX || !rebuild_question(r, k, seed)) return false;
  memset(r->msg, 0, DNS_HEADER);
  memcpy(r->msg + DNS_HEADER, r->question.key, k->name_len + 4u);
  memcpy(r->msg + base, k->body, h->body_len);
  struct wire w = wire_read(r->msg, base + h->body_len);
  w.at = base;
  build_start(&r->build, &r->answer, &r->question, h->rcode);
  if (!rebuild_section(r, &w, SECTION_ANSWER, h->an) || !rebuild_section(r, &w, SECTION_AUTHORITY, h->ns) ||
      !rebuild_section(r, &w, SECTION_ADDITIONAL, h->ar) || w.at != w.len) {
    return false;
  }

  struct answer_view v = answer_view(&r->answer);
  r->answer.head.flags = h->flags & KEPT_FLAGS;
  answer_note_rotation(&r->answer);
  r->answer.ttl_s = answer_least_ttl(&v, 0, (unsigned)h->an + h->ns);
  return r->answer.ttl_s > 0;
}
