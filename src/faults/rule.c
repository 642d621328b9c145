/* rule.c: rules for faults from text and back, by one table of their words. Exports rule_*. */
#include "faults/rule.h"

#include <assert.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/nearest.h"
#include "base/shown.h"
#include "dns/type.h"

/* ---- values ---- */

/* Digits, and up to `places` more behind a point, as a number of 10^-places; up to *text that is not of it.
 */
static bool read_decimal(const char **text, unsigned places, uint64_t most, uint64_t *out) {
  const char *t = *text;
  uint64_t v = 0;
  bool point = false;

  if (*t < '0' || *t > '9') return false;
  for (; (*t >= '0' && *t <= '9' && !(point && places == 0)) || (*t == '.' && !point && places > 0); t++) {
    if (*t == '.') {
      point = true;
      continue;
    }
    uint64_t digit = (uint64_t)(*t - '0');
    if (v > (UINT64_MAX - digit) / 10) return false;
    v = v * 10 + digit;
    if (point) places--;
  }

  for (; places > 0; places--) {
    if (v > UINT64_MAX / 10) return false;
    v *= 10;
  }

  *text = t;
  *out = v;
  return v <= most;
}

/* The same, and nothing behind. */
static bool read_whole(const char *text, unsigned places, uint64_t least, uint64_t most, uint64_t *out) {
  return read_decimal(&text, places, most, out) && *text == 0 && *out >= least;
}

static bool read_u32(const char *text, unsigned places, uint64_t least, uint32_t most, uint32_t *out) {
  uint64_t v;
  if (!read_whole(text, places, least, most, &v)) return false;
  *out = (uint32_t)v;
  return true;
}

static bool read_u16(const char *text, uint64_t least, uint16_t *out) {
  uint64_t v;
  if (!read_whole(text, 0, least, UINT16_MAX, &v)) return false;
  *out = (uint16_t)v;
  return true;
}

static bool read_name_into(const char *text, struct rule_name *out) {
  uint8_t octets[NAME_MAX_LEN];
  size_t len = name_parse(text, octets);
  name_lower(out->octets, octets, len);
  out->len = (uint8_t)len;
  return len > 0;
}

static bool read_name(struct rule *r, const char *text) { return read_name_into(text, &r->name); }

static bool read_types(struct rule *r, const char *text) {
  for (;;) {
    char word[16];
    size_t len = strcspn(text, ",");
    if (len >= sizeof word || r->type_count == RULE_TYPES) return false;
    memcpy(word, text, len);
    word[len] = 0;
    if (!type_parse(word, &r->types[r->type_count++])) return false;
    if (!text[len]) return true;
    text += len + 1;
  }
}

static bool read_client(struct rule *r, const char *text) { return prefix_parse(text, &r->client); }

static bool read_transport(struct rule *r, const char *text) {
  r->tcp = strcmp(text, "tcp") == 0;
  return r->tcp || strcmp(text, "udp") == 0;
}

static bool read_from(struct rule *r, const char *text) {
  return read_u32(text, 3, 0, UINT32_MAX, &r->from_ms);
}
static bool read_until(struct rule *r, const char *text) {
  return read_u32(text, 3, 1, UINT32_MAX, &r->until_ms);
}

static bool read_flap(struct rule *r, const char *text) {
  uint64_t up;
  if (!read_decimal(&text, 3, INT32_MAX, &up) || !up || *text != '/') return false;
  r->up_ms = (uint32_t)up;
  return read_u32(text + 1, 3, 1, INT32_MAX, &r->down_ms);
}

static bool read_first(struct rule *r, const char *text) {
  return read_u32(text, 0, 1, UINT32_MAX, &r->first);
}

static bool read_share(struct rule *r, const char *text) {
  uint64_t v;
  if (!read_decimal(&text, 2, RULE_SHARE, &v) || !v || strcmp(text, "%") != 0) return false;
  r->share = (uint32_t)v;
  return true;
}

static bool read_seed(struct rule *r, const char *text) {
  return read_whole(text, 0, 0, UINT64_MAX, &r->seed);
}

static bool read_delay(struct rule *r, const char *text) {
  uint64_t least;
  if (!read_decimal(&text, 0, RULE_DELAY_MOST_MS, &least)) return false;
  r->delay_ms = r->delay_most_ms = (uint32_t)least;
  if (*text == 0) return least > 0;
  return *text == '-' && read_u32(text + 1, 0, least > 0 ? least : 1, RULE_DELAY_MOST_MS, &r->delay_most_ms);
}

static bool read_ttl(struct rule *r, const char *text) { return read_u32(text, 0, 0, INT32_MAX, &r->ttl_s); }
static bool read_lose(struct rule *r, const char *text) { return !text || read_name_into(text, &r->lose); }
static bool read_target(struct rule *r, const char *text) { return read_name_into(text, &r->target); }
static bool read_port(struct rule *r, const char *text) { return read_u16(text, 0, &r->port); }

static bool read_addresses(struct rule *r, const char *text) {
  for (;;) {
    char word[PREFIX_TEXT];
    size_t len = strcspn(text, ",");
    if (len >= sizeof word || r->address_count == RULE_ADDRESSES) return false;
    memcpy(word, text, len);
    word[len] = 0;
    if (strchr(word, '/') || !prefix_parse(word, &r->addresses[r->address_count++])) return false;
    if (!text[len]) return true;
    text += len + 1;
  }
}

/* Where a text stands among words; UINT_MAX: it does not. */
static unsigned place_of(const char *text, const char *const *list) {
  unsigned i = 0;
  while (list[i] && strcmp(list[i], text) != 0) i++;
  return list[i] ? i : UINT_MAX;
}

static const char *const strip_words[] = {
    [RULE_STRIP_ALL] = "", [RULE_STRIP_SIGNATURES] = "signatures", [RULE_STRIP_PROOFS] = "proofs", NULL};
static const char *const signature_words[] = {[RULE_SIGNATURE_EXPIRED] = "expired",
                                              [RULE_SIGNATURE_EARLY] = "early",
                                              [RULE_SIGNATURE_WRONG] = "wrong",
                                              NULL};

static bool read_strip(struct rule *r, const char *text) {
  unsigned which = text ? place_of(text, strip_words) : RULE_STRIP_ALL;
  if (which == UINT_MAX || (text && !*text)) return false;
  r->strip = which;
  return true;
}

static bool read_signature(struct rule *r, const char *text) {
  unsigned which = place_of(text, signature_words);
  if (which == UINT_MAX) return false;
  r->signature = which;
  return true;
}

static bool read_cut(struct rule *r, const char *text) { return !text || read_u16(text, 1, &r->cut); }

static bool read_garbage(struct rule *r, const char *text) {
  r->garbage_all = text && strcmp(text, "all") == 0;
  return !text || r->garbage_all;
}

/* ---- and back ---- */

struct text {
  char *at, *end;
};

static void put(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(struct text *t, const char *format, ...) {
  va_list args;
  size_t room = (size_t)(t->end - t->at);
  va_start(args, format);
  int n = vsnprintf(t->at, room, format, args);
  va_end(args);
  if (n < 0) return;
  t->at += (size_t)n < room ? (size_t)n : room - 1;
}

/* v in units of 10^-places, without zeros in the end. */
static void put_decimal(struct text *t, uint64_t v, unsigned places) {
  uint64_t unit = 1;
  for (unsigned i = 0; i < places; i++) unit *= 10;
  put(t, "%llu", (unsigned long long)(v / unit));
  uint64_t rest = v % unit;
  if (!rest) return;
  for (; rest % 10 == 0; places--) rest /= 10;
  put(t, ".%0*llu", (int)places, (unsigned long long)rest);
}

static void put_name(struct text *t, const struct rule_name *name) {
  char text[NAME_TEXT];
  name_format(name->octets, name->len, text);
  size_t len = strlen(text);
  put(t, "%.*s", (int)(len > 1 ? len - 1 : len), text); /* people write no final dot */
}

static void put_types(struct text *t, const struct rule *r) {
  char word[TYPE_TEXT];
  for (unsigned i = 0; i < r->type_count; i++) put(t, "%s%s", i ? "," : "", type_format(r->types[i], word));
}

static void put_addresses(struct text *t, const struct rule *r) {
  char text[PREFIX_TEXT];
  for (unsigned i = 0; i < r->address_count; i++) {
    prefix_format(&r->addresses[i], text);
    put(t, "%s%.*s", i ? "," : "", (int)strcspn(text, "/"), text);
  }
}

static void put_value(struct text *t, const struct rule *r, enum rule_word word) {
  char prefix[PREFIX_TEXT];
  switch (word) {
  case RULE_NAME: put_name(t, &r->name); break;
  case RULE_TYPE: put_types(t, r); break;
  case RULE_CLIENT: put(t, "%s", prefix_format(&r->client, prefix)); break;
  case RULE_TRANSPORT: put(t, "%s", r->tcp ? "tcp" : "udp"); break;
  case RULE_FROM: put_decimal(t, r->from_ms, 3); break;
  case RULE_UNTIL: put_decimal(t, r->until_ms, 3); break;
  case RULE_FLAP:
    put_decimal(t, r->up_ms, 3);
    put(t, "/");
    put_decimal(t, r->down_ms, 3);
    break;
  case RULE_FIRST: put(t, "%u", r->first); break;
  case RULE_PART:
    put_decimal(t, r->share, 2);
    put(t, "%%");
    break;
  case RULE_SEED: put(t, "%llu", (unsigned long long)r->seed); break;
  case RULE_DELAY:
    put(t, "%u", r->delay_ms);
    if (r->delay_most_ms != r->delay_ms) put(t, "-%u", r->delay_most_ms);
    break;
  case RULE_TTL: put(t, "%u", r->ttl_s); break;
  case RULE_LOSE_TARGET: put_name(t, &r->lose); break;
  case RULE_TARGET: put_name(t, &r->target); break;
  case RULE_PORT: put(t, "%u", r->port); break;
  case RULE_ADDRESS: put_addresses(t, r); break;
  case RULE_STRIP: put(t, "%s", strip_words[r->strip]); break;
  case RULE_SIGNATURE: put(t, "%s", signature_words[r->signature]); break;
  case RULE_GARBAGE: put(t, "all"); break;
  case RULE_CUT: put(t, "%u", r->cut); break;
  default: break;
  }
}

/* A word whose value may be left off was given without one. */
static bool is_alone(const struct rule *r, enum rule_word word) {
  return (word == RULE_LOSE_TARGET && !r->lose.len) || (word == RULE_CUT && !r->cut) ||
         (word == RULE_GARBAGE && !r->garbage_all) || (word == RULE_STRIP && r->strip == RULE_STRIP_ALL);
}

/* ---- the table ---- */

enum takes { NOTHING, VALUE, PERHAPS };

static const struct word {
  const char *word;
  enum takes takes;
  bool (*read)(struct rule *r, const char *text); /* text NULL: no value was given */
  const char *right;
} words[RULE_WORDS] = {
    [RULE_NAME] = {"name", VALUE, read_name,
                   "a name or a pattern, such as _xmpp-*._tcp.example.org or *.lab"},
    [RULE_TYPE] = {"type", VALUE, read_types, "one to eight types, such as SRV or A,AAAA"},
    [RULE_CLIENT] = {"client", VALUE, read_client, "an address or a prefix, such as 10.0.0.0/8"},
    [RULE_TRANSPORT] = {"transport", VALUE, read_transport, "udp or tcp"},
    [RULE_FROM] = {"from", VALUE, read_from, "seconds since the rule was set, such as 10 or 0.5"},
    [RULE_UNTIL] = {"until", VALUE, read_until, "seconds since the rule was set, such as 20 or 0.5"},
    [RULE_FLAP] = {"flap", VALUE, read_flap, "seconds without and seconds with the fault, such as 10/2.5"},
    [RULE_FIRST] = {"first", VALUE, read_first, "a number of answers, from 1 to 4294967295"},
    [RULE_PART] = {"share", VALUE, read_share, "a share from 0.01% to 100%, such as 30%"},
    [RULE_SEED] = {"seed", VALUE, read_seed, "a number from 0 to 18446744073709551615"},
    [RULE_DELAY] = {"delay", VALUE, read_delay, "milliseconds up to 60000, such as 900 or 200-900"},
    [RULE_DROP] = {"drop", NOTHING, NULL, NULL},
    [RULE_SERVFAIL] = {"servfail", NOTHING, NULL, NULL},
    [RULE_REFUSED] = {"refused", NOTHING, NULL, NULL},
    [RULE_NXDOMAIN] = {"nxdomain", NOTHING, NULL, NULL},
    [RULE_NODATA] = {"nodata", NOTHING, NULL, NULL},
    [RULE_TRUNCATE] = {"truncate", NOTHING, NULL, NULL},
    [RULE_TTL] = {"ttl", VALUE, read_ttl, "seconds from 0 to 2147483647"},
    [RULE_NO_ADDITIONAL] = {"no-additional", NOTHING, NULL, NULL},
    [RULE_SHUFFLE] = {"shuffle", NOTHING, NULL, NULL},
    [RULE_REVERSE] = {"reverse", NOTHING, NULL, NULL},
    [RULE_LOSE_TARGET] = {"lose-target", PERHAPS, read_lose, "a target's name or a pattern"},
    [RULE_TARGET] = {"target", VALUE, read_target, "a name"},
    [RULE_PORT] = {"port", VALUE, read_port, "a port from 0 to 65535"},
    [RULE_ADDRESS] = {"address", VALUE, read_addresses,
                      "one to eight addresses, such as 192.0.2.9 or 192.0.2.9,2001:db8::9"},
    [RULE_STRIP] = {"strip", PERHAPS, read_strip, "signatures or proofs, or no value"},
    [RULE_SIGNATURE] = {"signature", VALUE, read_signature, "expired, early or wrong"},
    [RULE_WRONG_DS] = {"wrong-ds", NOTHING, NULL, NULL},
    [RULE_WRONG_ID] = {"wrong-id", NOTHING, NULL, NULL},
    [RULE_GARBAGE] = {"garbage", PERHAPS, read_garbage, "all, or no value"},
    [RULE_CUT] = {"cut", PERHAPS, read_cut, "a number of octets from 1 to 65535"},
    [RULE_CLOSE] = {"close", NOTHING, NULL, NULL},
};
static_assert(RULE_WORDS <= 32, "a bit each");

static const struct {
  const char *value, *help;
} helps[RULE_WORDS] = {
    [RULE_NAME] = {"PATTERN", "questions for that name; * stands for any bytes of a label, ? for one"},
    [RULE_TYPE] = {"TYPE[,TYPE]", "questions of these types"},
    [RULE_CLIENT] = {"PREFIX", "questions asked from there"},
    [RULE_TRANSPORT] = {"udp|tcp", "questions asked over that"},
    [RULE_FROM] = {"SECONDS", "questions asked at least so long after the rule was set"},
    [RULE_UNTIL] = {"SECONDS", "questions asked less than so long after the rule was set"},
    [RULE_FLAP] = {"UP/DOWN", "questions asked while it is down: up and down for so many seconds in turn"},
    [RULE_FIRST] = {"N", "only so many answers are spoiled"},
    [RULE_PART] = {"PERCENT%", "only that share of the answers is spoiled, chosen at random"},
    [RULE_SEED] = {"N", "where the random choices start; default 1"},
    [RULE_DELAY] = {"MS[-MS]", "it comes so many milliseconds after its query, or later if it takes longer"},
    [RULE_DROP] = {"", "it does not come"},
    [RULE_SERVFAIL] = {"", "it is SERVFAIL, without any record"},
    [RULE_REFUSED] = {"", "it is REFUSED, without any record"},
    [RULE_NXDOMAIN] = {"", "it is NXDOMAIN, without any record"},
    [RULE_NODATA] = {"", "it is NOERROR, without any record"},
    [RULE_TRUNCATE] = {"", "it has TC and no record"},
    [RULE_TTL] = {"SECONDS", "it has that TTL on each record"},
    [RULE_NO_ADDITIONAL] = {"", "it loses its additional section"},
    [RULE_SHUFFLE] = {"", "its records are in a random order"},
    [RULE_REVERSE] = {"", "its records are in reverse order"},
    [RULE_LOSE_TARGET] = {"[PATTERN]", "it loses an SRV record at random, or all with such targets"},
    [RULE_TARGET] = {"NAME", "its SRV records lead there"},
    [RULE_PORT] = {"PORT", "its SRV records have that port"},
    [RULE_ADDRESS] = {"ADDR[,ADDR]", "these addresses are in place of its own; the other family's stay"},
    [RULE_STRIP] = {"[signatures|proofs]", "it loses RRSIG, NSEC and NSEC3 records, or some of these"},
    [RULE_SIGNATURE] = {"expired|early|wrong", "its signatures are so"},
    [RULE_WRONG_DS] = {"", "its DS records are of another key"},
    [RULE_WRONG_ID] = {"", "it has another ID than its query"},
    [RULE_GARBAGE] = {"[all]", "it is garbage behind the question, or all of it"},
    [RULE_CUT] = {"[OCTETS]", "it ends after so many bytes, at random unless given"},
    [RULE_CLOSE] = {"", "it does not come, and the TCP connection closes"},
};

struct rule_word_help rule_word_help(enum rule_word word) {
  return (struct rule_word_help){words[word].word, helps[word].value, helps[word].help};
}

const char *rule_format(const struct rule *r, char text[RULE_TEXT]) {
  struct text t = {.at = text, .end = text + RULE_TEXT};
  *text = 0;
  for (unsigned i = 0; i < RULE_WORDS; i++) {
    if (!rule_has(r, i)) continue;
    put(&t, "%s%s", t.at == text ? "" : " ", words[i].word);
    if (words[i].takes == NOTHING || is_alone(r, i)) continue;
    put(&t, "=");
    put_value(&t, r, i);
  }
  return text;
}

/* ---- reading ---- */

static bool complain(char why[RULE_WHY], const char *word, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "word": and what is wrong with it; word NULL: with the whole. False. */
static bool complain(char why[RULE_WHY], const char *word, const char *format, ...) {
  struct text t = {.at = why, .end = why + RULE_WHY};
  va_list args;
  if (word) put(&t, "\"%.*s%s\": ", SHOWN_MAX, word, strlen(word) > SHOWN_MAX ? "..." : "");
  va_start(args, format);
  vsnprintf(t.at, (size_t)(t.end - t.at), format, args);
  va_end(args);
  for (char *p = why; *p; p++) {
    if ((uint8_t)*p < ' ' || (uint8_t)*p > '~') *p = '?';
  }
  return false;
}

/* The words from `from` on, with commas between. */
static void list_words(struct text *t, unsigned from, unsigned end) {
  for (unsigned i = from; i < end; i++) put(t, "%s%s", i == from ? "" : ", ", words[i].word);
}

static const char *word_at(unsigned i, const void *ctx) {
  (void)ctx;
  return i < RULE_WORDS ? words[i].word : NULL;
}

/* `name` is the word without its value. */
static bool unknown(char why[RULE_WHY], const char *word, const char *name) {
  char list[RULE_WHY];
  const char *near = nearest_word(name, word_at, NULL);
  if (near) return complain(why, word, "no such word; did you mean %s?", near);
  struct text t = {.at = list, .end = list + sizeof list};
  list_words(&t, 0, RULE_WORDS);
  return complain(why, word, "no such word; there are %s", list);
}

/* A value that is wrong, and often but for its unit. */
static bool wrong_value(char why[RULE_WHY], enum rule_word i, const char *word) {
  uint64_t v;
  const char *number = strchr(word, '=') + 1, *rest = number;
  bool counts = read_decimal(&rest, 2, UINT64_MAX, &v);
  if (i == RULE_PART && counts && v && v <= RULE_SHARE && !*rest)
    return complain(why, word, "the %% is missing: share=%s%%", number);
  if (counts && rest > number && (i == RULE_DELAY || i == RULE_TTL) &&
      (strcmp(rest, "ms") == 0 || strcmp(rest, "s") == 0))
    return complain(why, word, "should be %s, without a unit", words[i].right);
  return complain(why, word, "should be %s", words[i].right);
}

/* One word; its value, behind the first '=', may be missing. */
static bool read_word(struct rule *r, char *text, char why[RULE_WHY]) {
  const char *equals = strchr(text, '='), *value = equals ? equals + 1 : NULL;
  size_t len = equals ? (size_t)(equals - text) : strlen(text);
  unsigned i = 0;
  while (i < RULE_WORDS && (strlen(words[i].word) != len || memcmp(words[i].word, text, len) != 0)) i++;
  if (i == RULE_WORDS) {
    char name[SHOWN_MAX];
    snprintf(name, sizeof name, "%.*s", (int)(len < sizeof name ? len : sizeof name - 1), text);
    return unknown(why, text, name);
  }
  const struct word *w = &words[i];
  if (rule_has(r, i)) return complain(why, text, "%s is given twice", w->word);
  if (value && w->takes == NOTHING) return complain(why, text, "%s takes no value", w->word);
  if (!value && w->takes == VALUE)
    return complain(why, text, "needs a value: %s=, then %s", w->word, w->right);
  if (w->read && !w->read(r, value)) return wrong_value(why, i, text);
  r->words |= RULE_BIT(i);
  return true;
}

/* At most one of the words from `from` to `last`. */
static bool check_single(const struct rule *r, enum rule_word from, enum rule_word last, char why[RULE_WHY]) {
  const char *seen = NULL;
  for (unsigned i = from; i <= last; i++) {
    if (!rule_has(r, i)) continue;
    if (seen) return complain(why, words[i].word, "does not go with %s", seen);
    seen = words[i].word;
  }
  return true;
}

static bool check(const struct rule *r, char why[RULE_WHY]) {
  if (!(r->words & ~(RULE_BIT(RULE_DELAY) - 1))) {
    char list[RULE_WHY];
    struct text t = {.at = list, .end = list + sizeof list};
    list_words(&t, RULE_DELAY, RULE_WORDS);
    return complain(why, NULL, "says not what is to happen; add one of %s", list);
  }
  if (rule_has(r, RULE_UNTIL) && r->until_ms <= r->from_ms)
    return complain(why, "until", "should be later than from");
  if (rule_has(r, RULE_CLOSE) && rule_has(r, RULE_TRANSPORT) && !r->tcp) {
    return complain(why, "close", "there is nothing to close with transport=udp");
  }
  return check_single(r, RULE_DROP, RULE_TRUNCATE, why) && check_single(r, RULE_SHUFFLE, RULE_REVERSE, why) &&
         check_single(r, RULE_CUT, RULE_CLOSE, why);
}

bool rule_parse(const char *text, struct rule *out, char why[RULE_WHY]) {
  static const char space[] = " \t\r\n";
  *out = (struct rule){.seed = 1};
  for (text += strspn(text, space); *text;) {
    char word[RULE_TEXT];
    size_t len = strcspn(text, space);
    if (len >= sizeof word) return complain(why, text, "is too long");
    memcpy(word, text, len);
    word[len] = 0;
    if (!read_word(out, word, why)) return false;
    text += len;
    text += strspn(text, space);
  }
  return check(out, why);
}

/* ---- patterns ---- */

/* `*` and `?` of one label; what they stand for never leaves it. */
static bool label_matches(const uint8_t *p, size_t p_len, const uint8_t *s, size_t s_len) {
  /* star: the last one, from: what it does not stand for begins here */
  size_t i = 0, k = 0, star = SIZE_MAX, from = 0;
  while (k < s_len) {
    if (i < p_len && p[i] == '*') {
      star = i++;
      from = k;
    } else if (i < p_len && (p[i] == '?' || p[i] == s[k])) {
      i++;
      k++;
    } else if (star != SIZE_MAX) {
      i = star + 1;
      k = ++from;
    } else {
      return false;
    }
  }

  while (i < p_len && p[i] == '*') i++;
  return i == p_len;
}

static unsigned label_count(const uint8_t *name) {
  unsigned n = 0;
  for (; *name; name += 1u + *name) n++;
  return n;
}

bool rule_name_matches(const struct rule_name *pattern, const uint8_t *name) {
  const uint8_t *p = pattern->octets;
  unsigned want = label_count(p), there = label_count(name);
  if (want > 0 && p[0] == 1 && p[1] == '*') { /* it stands for all that the others leave */
    if (there < want) return false;
    for (unsigned i = there - want; i > 0; i--) name += 1u + *name;
    there = want;
  }
  if (there != want) return false;
  for (; *p; p += 1u + *p, name += 1u + *name) {
    if (!label_matches(p + 1, *p, name + 1, *name)) return false;
  }
  return true;
}
