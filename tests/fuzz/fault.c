/* fault.c: fuzz target: the text of a rule for faults, and what the rule does to an answer.
 *
 * Input: a line of text, an octet of how, two octets of a limit, an answer as it would go out. */
#include <stdlib.h>

#include "faults/fault.h"
#include "fuzz/fuzz.h"
#include "kit/seen.h"

enum { TEXT_MAX = 512, HOW_TCP = 1, STRIKES = 3 };

/* What can be read can be written, and reads the same again. */
static bool read_rule(const char *text, struct rule *r) {
  static char why[RULE_WHY], written[RULE_TEXT], again[RULE_TEXT];
  struct rule second;
  if (!rule_parse(text, r, why)) {
    must(*why && strnlen(why, sizeof why) < sizeof why);
    for (const char *p = why; *p; p++) must((unsigned char)*p >= ' ' && *p != 0x7f);
    return false;
  }
  rule_format(r, written);
  must(rule_parse(written, &second, why));
  must(strcmp(rule_format(&second, again), written) == 0);
  return true;
}

/* Of a message that has one; false if it has none. */
static bool question_of_answer(const uint8_t *msg, size_t len, struct question *q) {
  uint8_t name[NAME_MAX_LEN];
  struct wire w = wire_read(msg, len);
  w.at = DNS_HEADER;
  if (len < DNS_HEADER || load_u16(msg + 4) != 1) return false;
  size_t n = name_read(&w, name);
  uint16_t type = wire_u16(&w), klass = wire_u16(&w);
  if (w.err || w.at != DNS_HEADER + n + 4) return false;
  question_make(q, name, n, type, klass, 0, 1);
  return true;
}

static void strike(const struct faults *fs, const struct question *q, bool tcp, const uint8_t *msg,
                   size_t len, size_t limit) {
  static struct fault_scratch scratch;
  static struct seen seen;
  struct fault_match k;
  union addr peer;
  must(addr_parse("127.0.0.1", 1, &peer));
  if (!faults_match(fs, q, &peer, tcp, 1000, &k)) return;
  must(fault_delay_ms(&k) <= RULE_DELAY_MOST_MS);
  uint8_t *room = must_alloc(limit);
  memcpy(room, msg, len);
  bool whole = seen_read(&seen, msg, len) && !(rule_has(&k.fault->rule, RULE_GARBAGE));
  struct fault_result f = fault_apply(&k, q, tcp, room, len, limit, &scratch);
  must(f.len <= limit && f.sent <= f.len && (!f.close || tcp));
  if (whole && f.len) must(seen_read(&seen, room, f.len));
  free(room);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct wire in = feed(data, size);
  char text[TEXT_MAX];
  struct rule rule;
  struct question q;
  size_t n = 0, len;

  for (char c; feed_left(&in) && (c = (char)feed_u8(&in)) != '\n' && c;) {
    if (n + 1 < sizeof text) text[n++] = c;
  }

  text[n] = 0;
  if (!read_rule(text, &rule)) return 0;
  bool tcp = feed_u8(&in) & HOW_TCP;
  size_t limit = feed_u16(&in);
  const uint8_t *msg = feed_octets(&in, feed_left(&in), &len);
  if (limit < len) limit = len;
  if (limit < DNS_UDP_PLAIN) limit = DNS_UDP_PLAIN;
  if (len > DNS_MSG_MAX || !question_of_answer(msg, len, &q)) return 0;
  struct faults *fs = faults_with(NULL, &rule, 0);
  must(fs && fs->count == 1);
  for (unsigned i = 0; i < STRIKES; i++) strike(fs, &q, tcp, msg, len, limit);
  faults_free(fs, NULL);
  return 0;
}
