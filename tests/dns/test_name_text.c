/* test_name_text.c: domain names as text. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "dns/name.h"
#include "kit/rng.h"

static const char *round_trip(const char *text) {
  static char out[NAME_TEXT];
  uint8_t name[NAME_MAX_LEN];
  size_t len = name_parse(text, name);
  return len ? name_format(name, len, out) : "no name";
}

Test(name_text, ends_in_a_dot_whether_it_was_written_or_not) {
  cr_expect_str_eq(round_trip("example.org"), "example.org.");
  cr_expect_str_eq(round_trip("example.org."), "example.org.");
  cr_expect_str_eq(round_trip("."), ".");
  cr_expect_str_eq(round_trip("ExAmple"), "ExAmple.");
  cr_expect_str_eq(round_trip("_xmpp-client._tcp.x"), "_xmpp-client._tcp.x.");
}

Test(name_text, escapes_what_would_be_misread) {
  cr_expect_str_eq(round_trip("a\\.b.c"), "a\\.b.c.");
  cr_expect_str_eq(round_trip("\\046"), "\\..");
  cr_expect_str_eq(round_trip("\\000\\255\\127"), "\\000\\255\\127.");
  cr_expect_str_eq(round_trip("a b"), "a\\032b.");
  cr_expect_str_eq(round_trip("\\a\\\\\\\"\\;\\(\\)\\@\\$"), "a\\\\\\\"\\;\\(\\)\\@\\$.");
  cr_expect_str_eq(round_trip("\\0651"), "A1.");
  cr_expect_str_eq(round_trip("\n"), "\\010.");
}

Test(name_text, refuses_what_is_no_name) {
  static const char *const wrong[] = {"",     "..",    ".a",    "a..",   "a..b", "\\",   "a\\",
                                      "\\25", "\\256", "\\999", "\\2a5", "\\1",  "\\12x"};
  uint8_t name[NAME_MAX_LEN];
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    cr_expect_eq(name_parse(wrong[i], name), 0, "\"%s\"", wrong[i]);
}

Test(name_text, labels_of_63_octets_and_none_of_64) {
  char text[80];
  uint8_t name[NAME_MAX_LEN];
  memset(text, 'a', sizeof text);
  text[63] = 0;
  cr_expect_eq(name_parse(text, name), 65);
  text[63] = 'a';
  text[64] = 0;
  cr_expect_eq(name_parse(text, name), 0);
  text[32] = '.';
  cr_expect_eq(name_parse(text, name), 66);
}

Test(name_text, names_of_255_octets_and_none_of_256) {
  char text[400];
  uint8_t name[NAME_MAX_LEN];

  for (int label = 1; label <= 63; label++) {
    /* on the wire: a length octet instead of each dot, one more, and the root */
    for (int len = 240; len < 270; len++) {
      memset(text, 'a', sizeof text);
      for (int i = label; i < len; i += label + 1) text[i] = '.';
      if (text[len - 1] == '.') continue;
      text[len] = 0;
      cr_assert_eq(name_parse(text, name), len + 2 <= 255 ? (size_t)len + 2 : 0,
                   "labels of %d, %d characters", label, len);
      text[len] = '.';
      text[len + 1] = 0;
      cr_assert_eq(name_parse(text, name), len + 2 <= 255 ? (size_t)len + 2 : 0);
    }
  }
}

/* A random name of at most 255 octets; returns its length. */
static size_t random_name(struct rng *r, uint8_t *out) {
  size_t want = rng_below(r, NAME_MAX_LEN), n = 0;
  while (n < want) {
    size_t label = 1 + rng_below(r, 63);
    if (n + 1 + label > NAME_MAX_LEN - 1) break;
    out[n++] = (uint8_t)label;
    for (; label > 0; label--) out[n++] = (uint8_t)rng_next(r);
  }
  out[n++] = 0;
  return n;
}

Test(name_text, any_octets_come_back_as_they_were) {
  struct rng r = {7};
  for (int i = 0; i < 20000; i++) {
    uint8_t name[NAME_MAX_LEN], again[NAME_MAX_LEN];
    char text[NAME_TEXT];
    size_t len = random_name(&r, name);
    name_format(name, len, text);
    cr_assert_lt(strlen(text), NAME_TEXT);
    for (const char *c = text; *c; c++) cr_assert(*c > ' ' && *c < 0x7f);
    cr_assert_eq(name_parse(text, again), len, "%s", text);
    cr_assert_arr_eq(name, again, len);
  }
}

Test(name_text, the_longest_text_fits) {
  uint8_t name[NAME_MAX_LEN] = {0};
  char text[NAME_TEXT];
  for (int i = 0; i < 254; i += 64) name[i] = (uint8_t)(i + 64 < 254 ? 63 : 253 - i);
  name_format(name, sizeof name, text);
  cr_expect_eq(strlen(text), 250 * 4 + 4);
}

Test(name_text, is_bounded_for_octets_that_are_no_name) {
  struct rng r = {8};
  for (int i = 0; i < 20000; i++) {
    uint8_t octets[NAME_MAX_LEN];
    char text[NAME_TEXT];
    size_t len = rng_below(&r, sizeof octets + 1);
    for (size_t k = 0; k < len; k++) octets[k] = (uint8_t)rng_next(&r);
    cr_assert_lt(strlen(name_format(octets, len, text)), NAME_TEXT);
  }
}

Test(name_text, random_characters_never_make_a_wrong_name) {
  static const char some[] = "ab.\\0129\377 ";
  struct rng r = {9};
  unsigned names = 0;

  for (int i = 0; i < 100000; i++) {
    char text[300];
    uint8_t name[NAME_MAX_LEN];
    size_t n = rng_below(&r, i % 10 ? 20 : sizeof text);
    for (size_t k = 0; k < n; k++) text[k] = some[rng_below(&r, sizeof some - 1)];
    text[n] = 0;
    size_t len = name_parse(text, name), at = 0;
    if (!len) continue;
    names++;
    while (at < len && name[at]) {
      cr_assert_leq(name[at], 63);
      at += 1u + name[at];
    }
    cr_assert_eq(at + 1, len, "\"%s\"", text);
  }

  cr_expect_gt(names, 1000);
}
