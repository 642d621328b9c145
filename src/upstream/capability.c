/* capability.c: what a server can do. Exports capability_*. */
#include "upstream/capability.h"

static const struct {
  const char *word, *text;
} whys[] = {
#define WHY(sym, word, sentence) {word, sentence},
#include "upstream/capability.def"
#undef WHY
};

const char *capability_name(enum capability_kind of) {
  static const char *const names[CAPABILITIES] = {[CAPABILITY_COOKIES] = "cookies",
                                                  [CAPABILITY_EDNS] = "edns",
                                                  [CAPABILITY_UDP] = "udp",
                                                  [CAPABILITY_0X20] = "0x20",
                                                  [CAPABILITY_DNSSEC] = "dnssec"};
  return names[of];
}

const char *capability_why_word(enum capability_why why) { return whys[why].word; }
const char *capability_why_text(enum capability_why why) { return whys[why].text; }

bool capability_is_resting(const struct capability *h) {
  return h->state == CAPABILITY_RESTS || h->state == CAPABILITY_RETRIED;
}

bool capability_is_due(const struct capability *h, uint64_t now_ms) {
  return capability_is_resting(h) && now_ms >= h->until_ms;
}

bool capability_allows(struct capability *h, uint64_t now_ms) {
  if (!capability_is_resting(h)) return true;
  if (now_ms < h->until_ms) return false;
  h->state = CAPABILITY_RETRIED;
  h->until_ms = now_ms + CAPABILITY_RETRY_MS;
  return true;
}

void capability_works(struct capability *h) { *h = (struct capability){.state = CAPABILITY_WORKS}; }

void capability_rests(struct capability *h, enum capability_why why, uint32_t first_ms, uint32_t most_ms,
                      uint64_t now_ms) {
  uint32_t rest_ms = h->rest_ms ? h->rest_ms * 2 : first_ms;
  /* several questions in flight found the same */
  if (h->state == CAPABILITY_RESTS && now_ms < h->until_ms) return;
  if (rest_ms > most_ms) rest_ms = most_ms;
  *h = (struct capability){
      .state = CAPABILITY_RESTS, .why = why, .until_ms = now_ms + rest_ms, .rest_ms = rest_ms};
}

bool capability_doubts(struct capability *h, uint64_t begun_ms, uint64_t now_ms) {
  if (capability_is_resting(h)) return true;
  if (h->state == CAPABILITY_DOUBTED) return begun_ms >= h->since_ms;
  h->state = CAPABILITY_DOUBTED;
  h->since_ms = now_ms;
  return false;
}
