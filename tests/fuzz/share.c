/* share.c: fuzz target: an entry of the fleet's cache, whatever its octets, also such that a broken member
 * has proven. A reply comes of it or nothing, and no TTL is more than what the member said. */
#include <stdlib.h>

#include "dns/record.h"
#include "fuzz/fuzz.h"
#include "share/entry.h"

static const uint8_t secret[MAC_SECRET_MIN] = "a secret of thirty-two octets...";

/* Walks the reply as scrub_reply would: what can't be read is for that to find. */
static void expect_reply(const struct question *q, const uint8_t *msg, size_t len, uint64_t life_ms) {
  must(len >= DNS_HEADER + question_key_len(q) - 1 && len <= ENTRY_MSG_MAX);
  must(memcmp(msg + DNS_HEADER, q->key, question_key_len(q) - 1) == 0);
  must(rcode_is_answer(msg[3] & DNS_RCODE) && life_ms > 0);
  struct wire w = record_start(msg, len);
  struct record r;
  while (w.at < w.len && record_read(&w, &r)) continue;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct mac_key *mac;
  static uint8_t value[ENTRY_MAX], msg[ENTRY_MSG_MAX];
  if (!mac) must(mac = mac_key_new(secret, sizeof secret, stderr));

  struct wire w = feed(data, size);
  struct question q;
  struct entry_key key;
  size_t len, msg_len = 0;
  uint64_t clock_ms = 0;
  static const uint8_t name[] = "\7example\3org";
  question_make(&q, name, sizeof name, 1, 1, 0, 0);
  entry_key_make(&key, "default", 1, &q);

  bool is_proven = feed_u8(&w) & 1;
  struct entry_seen seen = {
      .octets = value, .left_ms = (int64_t)feed_u16(&w) * 16 - 32, .engine_ms = (uint64_t)feed_u16(&w) * 16};
  const uint8_t *octets = feed_octets(&w, ENTRY_MAX - MAC_OCTETS, &len);
  memcpy(value, octets, len);
  seen.len = len;
  if (is_proven) {
    uint8_t key_len[2];
    store_u16(key_len, (uint16_t)key.len);
    struct mac_part parts[] = {{key_len, 2}, {key.octets, key.len}, {value, len}};
    must(mac_make(mac, parts, 3, value + len));
    seen.len += MAC_OCTETS;
  }

  if (entry_read(mac, &key, &q, &seen, msg, &msg_len, &clock_ms) != ENTRY_GOOD) return 0;
  must(is_proven);
  expect_reply(&q, msg, msg_len, load_u32(value + 12));
  return 0;
}
