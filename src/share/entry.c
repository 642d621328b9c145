/* entry.c: one answer in the fleet's cache, as octets. Exports entry_*. */
#include "share/entry.h"

#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "dns/dns.h"
#include "dns/record.h"
#include "dns/ttl.h"
#include "dns/wire.h"

enum { ENTRY_VERSION = 1, VIEW_DIGITS = 8 };
enum { FLAG_AD = 1 };

static const char prefix[] = "jd1:";

bool entry_is_namespace(const char *text) {
  size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");
  return len > 0 && len <= ENTRY_NAMESPACE_MAX && !text[len];
}

void entry_key_make(struct entry_key *key, const char *space, uint64_t view, const struct question *q) {
  char head[ENTRY_KEY_HEAD + 1];
  int len = snprintf(head, sizeof head, "%s%s:%08x:", prefix, space, (unsigned)(view ^ view >> 32));
  must(len > 0 && (size_t)len < sizeof head);
  memcpy(key->octets, head, (size_t)len);
  memcpy(key->octets + len, q->key, question_key_len(q));
  key->len = (size_t)len + question_key_len(q);
}

bool entry_may_be(const struct question *q, const struct answer *a) {
  return !(question_flags(q) & KEY_CD) && a->ttl_s >= FLEET_TTL_MIN && a->head.ar == 0 &&
         a->head.body_len <= FLEET_BODY_MAX && answer_records(&a->head) > 0 && rcode_is_answer(a->head.rcode);
}

/* ---- writing ---- */

static bool prove(const struct mac_key *k, const struct entry_key *key, const uint8_t *value, size_t len,
                  uint8_t mac[MAC_OCTETS]) {
  uint8_t key_len[2];
  store_u16(key_len, (uint16_t)key->len);
  struct mac_part parts[] = {{key_len, sizeof key_len}, {key->octets, key->len}, {value, len}};
  return mac_make(k, parts, 3, mac);
}

size_t entry_write(const struct mac_key *k, const struct entry_key *key, const struct answer *a,
                   uint64_t engine_ms, uint8_t out[ENTRY_MAX]) {
  const struct answer_head *h = &a->head;
  struct wire_out w = {.buf = out, .cap = ENTRY_MAX - MAC_OCTETS};
  uint8_t small[4] = {ENTRY_VERSION, h->flags & ANSWER_AD ? FLAG_AD : 0, h->rcode, h->ns};
  wire_put(&w, small, sizeof small);
  wire_put_u16(&w, h->an);
  wire_put_u16(&w, (uint16_t)(engine_ms >> 32));
  wire_put_u32(&w, (uint32_t)engine_ms);
  wire_put_u32(&w, a->ttl_s * 1000);
  wire_put(&w, a->body, h->body_len);
  must(!w.err);
  return prove(k, key, out, w.at, out + w.at) ? w.at + MAC_OCTETS : 0;
}

/* ---- reading ---- */

struct entry_head {
  uint8_t flags, rcode, ns;
  uint16_t an;
  uint64_t written_ms;
  uint32_t life_ms;
};

static void read_head(const uint8_t *p, struct entry_head *h) {
  *h = (struct entry_head){.flags = p[1],
                           .rcode = p[2],
                           .ns = p[3],
                           .an = load_u16(p + 4),
                           .written_ms = (uint64_t)load_u16(p + 6) << 32 | load_u32(p + 8),
                           .life_ms = load_u32(p + 12)};
}

/* How old it is in ms, by whichever tells the most: the engine's clock, or what it says is left. */
static enum entry_verdict judge_age(const struct entry_head *h, const struct entry_seen *seen,
                                    uint64_t *age_ms, uint64_t *clock_ms) {
  uint64_t end_ms = h->written_ms + h->life_ms;
  if (seen->left_ms == -2) return ENTRY_OVER;
  if (seen->left_ms < 0 || (uint64_t)seen->left_ms > (uint64_t)h->life_ms + ENTRY_SLACK_MS)
    return ENTRY_PROLONGED;
  uint64_t left_ms = (uint64_t)seen->left_ms;
  *clock_ms = end_ms - left_ms;
  *age_ms = left_ms < h->life_ms ? h->life_ms - left_ms : 0;

  if (seen->engine_ms) {
    if (h->written_ms > seen->engine_ms + ENTRY_SLACK_MS) return ENTRY_PROLONGED;    /* its clock went back */
    if (seen->engine_ms + left_ms > end_ms + ENTRY_SLACK_MS) return ENTRY_PROLONGED; /* it was put in again */
    if (seen->engine_ms > h->written_ms && seen->engine_ms - h->written_ms > *age_ms)
      *age_ms = seen->engine_ms - h->written_ms;
  }
  return *age_ms + ENTRY_LIFE_MIN_MS > h->life_ms ? ENTRY_OVER : ENTRY_GOOD;
}

/* A reply to q with these records. */
static size_t write_reply(const struct entry_head *h, const struct question *q, const uint8_t *body,
                          size_t body_len, uint32_t age_s, uint8_t msg[ENTRY_MSG_MAX]) {
  struct wire_out w = {.buf = msg, .cap = ENTRY_MSG_MAX};
  uint8_t bits[4] = {0, 0, DNS_QR | DNS_RD, (uint8_t)(DNS_RA | h->rcode | (h->flags & FLAG_AD ? DNS_AD : 0))};
  wire_put(&w, bits, sizeof bits);
  wire_put_u16(&w, 1);
  wire_put_u16(&w, h->an);
  wire_put_u16(&w, h->ns);
  wire_put_u16(&w, 0);
  wire_put(&w, q->key, question_key_len(q) - 1);
  wire_put(&w, body, body_len);
  must(!w.err);
  record_age(msg, w.at, age_s);
  return w.at;
}

enum entry_verdict entry_read(const struct mac_key *k, const struct entry_key *key, const struct question *q,
                              const struct entry_seen *seen, uint8_t msg[ENTRY_MSG_MAX], size_t *msg_len,
                              uint64_t *clock_ms) {
  uint8_t key_len[2];
  struct entry_head h;
  uint64_t age_ms;
  if (seen->len < 1 || seen->octets[0] != ENTRY_VERSION) return ENTRY_STRANGE;
  if (seen->len < ENTRY_HEAD + MAC_OCTETS || seen->len > ENTRY_MAX) return ENTRY_FORGED;

  /* not an octet of it is believed before this */
  size_t len = seen->len - MAC_OCTETS;
  store_u16(key_len, (uint16_t)key->len);
  struct mac_part parts[] = {{key_len, sizeof key_len}, {key->octets, key->len}, {seen->octets, len}};
  if (!mac_proves(k, parts, 3, seen->octets + len)) return ENTRY_FORGED;

  /* nor much of a member's, which may be broken */
  read_head(seen->octets, &h);
  if (!rcode_is_answer(h.rcode) || h.life_ms > (uint32_t)TTL_MAX * 1000) return ENTRY_FORGED;
  enum entry_verdict verdict = judge_age(&h, seen, &age_ms, clock_ms);
  if (verdict != ENTRY_GOOD) return verdict;
  uint32_t age_s = (uint32_t)((age_ms + 999) / 1000);
  *msg_len = write_reply(&h, q, seen->octets + ENTRY_HEAD, len - ENTRY_HEAD, age_s, msg);
  return ENTRY_GOOD;
}
