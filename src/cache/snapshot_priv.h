/* Inside the snapshot: its form. Numbers are big-endian, as on the wire.
 *
 *   head    "jidns" "cache" (10) | version (2) | tick (4) | wall's clock, ms (8) | proven by (8)
 *           | XXH3 of all that (8)
 *   block   octets of entries (4) | how many (4) | XXH3 of both and of the entries (8) | entries ...
 *   entry   stored (4) refresh (4) an (2) body_len (2) ns (1) ar (1) rcode (1) flags (1) mark (1) name_len
 * (1) | key: name, type, class, KEY_ flags | body end     a block without entries
 *
 * A block's hash has its number for a seed, so that one that is missing, doubled or out of place is noticed.
 */
#ifndef JIDNS_CACHE_SNAPSHOT_PRIV_H
#define JIDNS_CACHE_SNAPSHOT_PRIV_H
#include "cache/snapshot.h"
#include "dns/build.h"
#include "dns/wire.h"

enum { SNAPSHOT_VERSION = 2 };
enum {
  HEAD_OCTETS = 40,
  BLOCK_HEAD = 16,
  KEPT_HEAD = 18,
  KEPT_MAX = KEPT_HEAD + KEY_MAX + DNS_MSG_MAX,
  BLOCK_FULL = 64 << 10, /* a block is written once it has so many octets of entries */
  BLOCK_MAX = BLOCK_FULL + KEPT_MAX
};
enum { KEPT_FLAGS = ANSWER_AD | ANSWER_JUDGED }; /* of an answer: what was found when it came */
enum {
  KEPT_USES = 3,
  KEPT_ORIGIN_UNIT = 4,
  KEPT_ORIGIN = 3 * KEPT_ORIGIN_UNIT,
  KEPT_MAIN = 16
}; /* marks: as an entry's, and its ring */

void snapshot_head_write(uint8_t head[HEAD_OCTETS], const struct snapshot_now *now);
/* What the first len octets of a file say. GOOD, FOREIGN or DAMAGED with *why. */
enum snapshot_outcome snapshot_head_read(const uint8_t *head, size_t len, struct snapshot_now *written,
                                         const char **why);

static inline uint32_t block_octets(const uint8_t head[BLOCK_HEAD]) { return load_u32(head); }
static inline uint32_t block_entries(const uint8_t head[BLOCK_HEAD]) { return load_u32(head + 4); }
/* Fills the head that lies before `octets` of entries. */
void snapshot_block_seal(uint8_t *block, uint32_t octets, uint32_t entries, uint64_t number);
bool snapshot_block_is_whole(const uint8_t *block, uint64_t number);

/* An entry as it stands in a block; key and body are borrowed from there. */
struct snapshot_entry {
  struct answer_head head;
  uint8_t mark, name_len;
  const uint8_t *key, *body;
};
void snapshot_entry_write(struct wire_out *w, const struct cache_entry *e);
bool snapshot_entry_read(struct wire *w,
                         struct snapshot_entry *k); /* only that it lies within the block is sure then */

/* Makes an entry's question and answer anew; large. */
struct rebuilt {
  struct question question;
  struct answer answer;
  struct build build;
  uint8_t msg[DNS_MSG_MAX];
};
/* False when k does not hold an answer as scrub_reply makes them: names, sections, RDATA. */
bool snapshot_entry_rebuild(struct rebuilt *r, const struct snapshot_entry *k, uint64_t seed);
#endif
