/* snapshot.c: fuzz target: a snapshot of the cache, as it may lie on the disk. What is taken of it is whole
 * answers.
 *
 * Input: an octet of how, two octets that say how old it is, the file. Unless HOW_RAW, its hashes are put
 * right first: else nothing behind them would ever be read. */
#include <stdlib.h>

#include "base/hash.h"
#include "cache/snapshot.h"
#include "fuzz/fuzz.h"
#include "kit/made.h"
#include "kit/seen.h"
#include "xmpp/guess.h"

enum { HOW_RAW = 1, HOW_BACK = 2, HEAD = 24, BLOCK = 8, HASH = 8, STALE_S = 86400, TICK = 5000000 };

static void put_hash(uint8_t *to, uint64_t hash) {
  store_u32(to, (uint32_t)(hash >> 32));
  store_u32(to + 4, (uint32_t)hash);
}

static void put_hashes(uint8_t *file, size_t len) {
  uint64_t number = 0;
  if (len < HEAD + HASH) return;
  put_hash(file + HEAD, hash_bytes(file, HEAD, 0));
  for (size_t at = HEAD + HASH, octets; len - at >= BLOCK + HASH; at += BLOCK + HASH + octets, number++) {
    uint8_t *block = file + at;
    octets = load_u32(block);
    if (octets > len - at - BLOCK - HASH) return;
    put_hash(block + BLOCK, hash_bytes(block + BLOCK + HASH, octets, hash_bytes(block, BLOCK, number)));
  }
}

/* What a client hears of an entry. */
static void check_entry(const struct cache_entry *e) {
  static uint8_t out[DNS_MSG_MAX];
  static struct seen seen;
  const struct question *q = e->question;
  struct query_opts m = {.qname_wire = q->key, .name_len = q->name_len, .udp_size = DNS_UDP_PLAIN};
  must(e->answer.head.an + e->answer.head.ns + e->answer.head.ar <= ANSWER_RECORDS_MAX);
  size_t len = answer_write(&e->answer, &m, ANSWER_FRESH, TICK, DNS_MSG_MAX, out);
  if (answer_records(&e->answer.head) < SEEN_MAX) must(seen_read(&seen, out, len) && !seen.edns);
  len = answer_write(&e->answer, &m, ANSWER_STALE, TICK, DNS_UDP_PLAIN, out);
  must(len <= DNS_UDP_PLAIN && seen_read(&seen, out, len));
}

static void check_cache(struct cache *c, size_t most) {
  struct cache_walk *w = cache_walk_new(c);
  struct cache_entry e;
  size_t n = 0;
  must(w);
  for (; cache_walk_next(w, &e); n++) check_entry(&e);
  cache_walk_free(w);
  must(n <= most);
}

/* Whatever it holds may be learnt from. */
static void check_guesses(struct cache *c) {
  static struct guesses g;
  guess_init(&g, KIT_SEED);
  guess_learn_cache(&g, c, NULL);
  for (unsigned i = 0; i < GUESS_CANDIDATES; i++) must(g.candidates[i].of_domains <= g.domains);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct wire in = feed(data, size);
  uint8_t how = feed_u8(&in);
  uint32_t age_s = feed_u16(&in);
  size_t len = feed_left(&in);
  uint8_t *file = exact(in.msg + in.at, len);
  struct snapshot_report report;

  if (!(how & HOW_RAW)) put_hashes(file, len);

  /* What seeds.c writes is from this moment, age_s ago; HOW_BACK: yet to come. */
  struct snapshot_now now = {.wall_ms = 1700000000000 + (how & HOW_BACK ? -1000ull : 1000ull) * age_s,
                             .tick = TICK};
  struct cache *c = cache_new(CACHE_SIZE_MIN, KIT_SEED);
  must(c);
  enum snapshot_outcome o = snapshot_restore(c, file, len, &now, STALE_S, &report);
  must(o == SNAPSHOT_GOOD || o == SNAPSHOT_FOREIGN || o == SNAPSHOT_DAMAGED);
  must((o == SNAPSHOT_GOOD) == !*report.why);
  if (report.entries) check_cache(c, report.entries);
  if (report.entries) check_guesses(c);
  cache_free(c);
  free(file);
  return 0;
}
