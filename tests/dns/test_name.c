/* test_name.c: domain names on the wire. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "dns/name.h"
#include "kit/msg.h"
#include "kit/rng.h"

/* Reads a name at `at`; the length, or 0. *end is where the cursor stands. */
static size_t read_at(const void *octets, size_t len, size_t at, uint8_t out[NAME_MAX_LEN], size_t *end) {
  uint8_t *copy = exact(octets, len);
  struct wire w = wire_read(copy, len);
  w.at = at;
  size_t n = name_read(&w, out);
  cr_assert_eq(n == 0, w.err);
  *end = w.at;
  free(copy);
  return n;
}

#define expect_name(octets, at, want, want_end)                                                              \
  do {                                                                                                       \
    uint8_t name[NAME_MAX_LEN];                                                                              \
    size_t end, n = read_at(octets, sizeof octets - 1, at, name, &end);                                      \
    cr_expect_eq(n, sizeof want - 1);                                                                        \
    if (n == sizeof want - 1) cr_expect_arr_eq(name, want, n);                                               \
    cr_expect_eq(end, want_end);                                                                             \
  } while (0)

#define expect_no_name(octets, at)                                                                           \
  do {                                                                                                       \
    uint8_t name[NAME_MAX_LEN];                                                                              \
    size_t end;                                                                                              \
    cr_expect_eq(read_at(octets, sizeof octets - 1, at, name, &end), 0);                                     \
  } while (0)

Test(name, the_root_is_one_octet) { expect_name("\0", 0, "\0", 1); }

Test(name, labels_are_kept_as_spelled) { expect_name("\3FoO\1b\0x", 0, "\3FoO\1b\0", 7); }

Test(name, cut_anywhere_is_no_name) {
  static const char octets[] = "\3foo\1b\0";
  uint8_t name[NAME_MAX_LEN];
  size_t end;
  for (size_t len = 0; len < sizeof octets - 1; len++)
    cr_expect_eq(read_at(octets, len, 0, name, &end), 0, "%zu", len);
}

Test(name, labels_of_63_octets_and_none_of_64) {
  uint8_t octets[80] = {63}, name[NAME_MAX_LEN];
  size_t end;
  memset(octets + 1, 'a', 64);
  octets[64] = 0;
  cr_expect_eq(read_at(octets, 65, 0, name, &end), 65);
  /* 0x40 and 0x80: label types that were never used, RFC 6891 section 5 */
  for (unsigned c = 64; c < 0xc0; c++) {
    octets[0] = (uint8_t)c;
    cr_expect_eq(read_at(octets, sizeof octets, 0, name, &end), 0, "a label's length octet of %u", c);
  }
}

/* A name of 1 + n octets, n >= 2: labels of 63 'a's, a shorter last one, the root. */
static size_t long_name(uint8_t *out, size_t n) {
  size_t at = 0;
  while (n > 0) {
    size_t label = n > 64 ? 63 : n - 1;
    if (n - 1 - label == 1) label--; /* no label of 0 octets at the end */
    out[at] = (uint8_t)label;
    memset(out + at + 1, 'a', label);
    at += 1 + label;
    n -= 1 + label;
  }
  out[at++] = 0;
  return at;
}

Test(name, of_255_octets_and_none_of_256) {
  uint8_t octets[300], name[NAME_MAX_LEN];
  size_t end;
  for (size_t n = 2; n < 280; n++) {
    size_t len = long_name(octets, n);
    cr_assert_eq(len, n + 1);
    cr_assert_eq(read_at(octets, len, 0, name, &end), len <= 255 ? len : 0, "%zu octets", len);
    if (len <= 255) cr_assert_arr_eq(name, octets, len);
  }
}

Test(name, of_127_labels_and_none_of_128) {
  uint8_t octets[300], name[NAME_MAX_LEN];
  size_t end;
  for (int i = 0; i < 150; i++) {
    octets[2 * i] = 1;
    octets[2 * i + 1] = 'a';
  }
  octets[254] = 0;
  cr_expect_eq(read_at(octets, 255, 0, name, &end), 255);
  octets[254] = 1;
  octets[256] = 0;
  cr_expect_eq(read_at(octets, 257, 0, name, &end), 0);
}

Test(name, a_pointer_leads_back_and_the_cursor_goes_on_behind_it) {
  expect_name("\1a\1b\0\1c\xc0\2\377", 5, "\1c\1b\0", 9);
  expect_name("\1a\1b\0\xc0\0\377", 5, "\1a\1b\0", 7);
  expect_name("\1a\0\1b\xc0\0\1c\xc0\3\377", 7, "\1c\1b\1a\0", 11);
}

Test(name, a_pointer_to_a_pointer_is_followed) { expect_name("\1a\0\xc0\0\xc0\3\xc0\5", 7, "\1a\0", 9); }

Test(name, a_pointer_may_only_go_back) {
  expect_no_name("\xc0\0", 0);             /* itself */
  expect_no_name("\1a\xc0\0", 0);          /* its own name */
  expect_no_name("\1a\xc0\2", 0);          /* its second octet's pointer: itself */
  expect_no_name("\xc0\2\1a\0", 0);        /* forward */
  expect_no_name("\xc0\2\xc0\0", 0);       /* forward and back: a loop */
  expect_no_name("\xc0\2\xc0\0", 2);       /* back and forward */
  expect_no_name("\1a\xc0\4\1b\xc0\0", 4); /* back, and from there to where it came from */
  expect_no_name("\1a\xc0\1\0", 2);        /* back, into a label, round and round */
  expect_no_name("\0\0\xff\xff", 2);       /* past the end */
  expect_no_name("\0\0\xc0\4", 2);         /* the end */
}

Test(name, a_pointer_needs_both_octets) {
  expect_no_name("\0\xc0", 1);
  expect_no_name("\1a\0\1b\xc0", 3);
}

Test(name, a_pointer_into_the_header_gives_what_stands_there_and_no_more) {
  static const char header[] = "\1a\0\0\0\0\0\0\0\0\0\0\xc0\0";
  expect_name(header, 12, "\1a\0", 14);
  /* a label of 63 octets that ends behind the message */
  static const char hostile[] = "\77a\1\0\0\1\0\0\0\0\0\0\xc0\0";
  expect_no_name(hostile, 12);
}

Test(name, a_pointer_does_not_help_past_255_octets) {
  uint8_t octets[600], name[NAME_MAX_LEN];
  size_t end, len = long_name(octets, 253);
  memcpy(octets + len, "\1b\xc0\0", 4);
  cr_expect_eq(len, 254);
  cr_expect_eq(read_at(octets, len + 4, len, name, &end), 0, "256 octets");
  len = long_name(octets, 252);
  memcpy(octets + len, "\1b\xc0\0", 4);
  cr_expect_eq(read_at(octets, len + 4, len, name, &end), 255);
}

Test(name, the_farthest_pointer_is_14_bits) {
  static uint8_t octets[0x4100];
  uint8_t name[NAME_MAX_LEN];
  size_t end;
  memcpy(octets + 0x3ffd, "\1z\0", 3);
  memcpy(octets + 0x4000, "\xff\xfd", 2);
  cr_expect_eq(read_at(octets, sizeof octets, 0x4000, name, &end), 3);
  cr_expect_eq(name[1], 'z');
}

/* A name that is one octet at 0, read through so many pointers in a row. */
static size_t read_through(size_t pointers) {
  static uint8_t octets[0x4000];
  uint8_t name[NAME_MAX_LEN];
  size_t end;
  for (size_t i = 1; i <= pointers; i++)
    store_u16(octets + 2 * i, (uint16_t)(0xc000 | (i == 1 ? 0 : 2 * (i - 1))));
  return read_at(octets, 2 * pointers + 2, 2 * pointers, name, &end);
}

/* Thousands of records that all lead through thousands of pointers would cost seconds. */
Test(name, goes_through_as_many_pointers_as_a_name_has_labels_and_no_more) {
  cr_expect_eq(read_through(1), 1);
  cr_expect_eq(read_through(127), 1);
  cr_expect_eq(read_through(128), 0);
  cr_expect_eq(read_through(8000), 0);
}

Test(name, one_label_behind_each_pointer_makes_the_longest_name) {
  uint8_t octets[1 + 4 * 128] = {0}, name[NAME_MAX_LEN];
  size_t end;
  for (size_t i = 0; i < 128; i++) {
    memcpy(octets + 1 + 4 * i, "\1a", 2);
    store_u16(octets + 3 + 4 * i, (uint16_t)(0xc000 | (i ? 1 + 4 * (i - 1) : 0)));
  }
  cr_expect_eq(read_at(octets, sizeof octets, 1 + 4 * 126, name, &end), 255);
  cr_expect_eq(read_at(octets, sizeof octets, 1 + 4 * 127, name, &end), 0, "128 labels");
}

/* name_read, written once more without a thought for speed: all octets met must lie before all met earlier.
 */
static size_t slow_read(const uint8_t *msg, size_t len, size_t at, uint8_t *out) {
  size_t n = 0, lowest = at;
  for (;;) {
    if (at >= len) return 0;
    if (msg[at] >= 0xc0) {
      if (at + 1 >= len) return 0;
      size_t to = (size_t)(msg[at] - 0xc0) * 256 + msg[at + 1];
      if (to >= lowest) return 0;
      at = lowest = to;
    } else {
      size_t label = (size_t)msg[at] + 1;
      if (label > 64 || at + label > len || n + label > 255) return 0;
      for (size_t i = 0; i < label; i++) out[n++] = msg[at++];
      if (label == 1) return n;
    }
  }
}

Test(name, agrees_with_a_slow_reader_on_random_octets) {
  struct rng r = {6};
  unsigned names = 0;

  for (int round = 0; round < 200000; round++) {
    uint8_t octets[48], name[NAME_MAX_LEN], slow[NAME_MAX_LEN + 64];
    size_t len = 1 + rng_below(&r, sizeof octets), at = rng_below(&r, len), end;
    for (size_t i = 0; i < len; i++) {
      uint64_t v = rng_next(&r);
      octets[i] = (uint8_t)(v % 8 == 0   ? 0xc0
                            : v % 8 == 1 ? v >> 8 & 0x3f
                            : v % 8 == 2 ? 0
                            : v % 8 < 5  ? v >> 8 & 3
                                         : v >> 8);
    }
    size_t n = read_at(octets, len, at, name, &end);
    cr_assert_eq(n, slow_read(octets, len, at, slow), "round %d", round);
    if (n) cr_assert_arr_eq(name, slow, n);
    names += n > 2;
  }

  cr_expect_gt(names, 5000, "the octets are too wild: only %u names", names);
}

Test(name, lower_case_is_for_a_to_z_only_at_every_place) {
  for (unsigned a = 0; a < 256; a++) {
    for (unsigned b = 0; b < 256; b++) {
      uint8_t from[11], to[11];
      for (size_t i = 0; i < sizeof from; i++) from[i] = (uint8_t)(i % 2 ? a : b);
      name_lower(to, from, sizeof from);
      for (size_t i = 0; i < sizeof from; i++) {
        uint8_t want = from[i] >= 'A' && from[i] <= 'Z' ? (uint8_t)(from[i] + 32) : from[i];
        cr_assert_eq(to[i], want, "%u among %u", from[i], i % 2 ? b : a);
      }
    }
  }
}

Test(name, lower_case_works_in_place_for_every_length_and_no_octet_further) {
  for (size_t len = 0; len < 40; len++) {
    uint8_t *octets = malloc(len ? len : 1);
    memset(octets, 'Q', len);
    name_lower(octets, octets, len);
    for (size_t i = 0; i < len; i++) cr_assert_eq(octets[i], 'q');
    free(octets);
  }
}

static bool within(const char *name, const char *zone) {
  uint8_t a[NAME_MAX_LEN], b[NAME_MAX_LEN];
  size_t a_len = name_parse(name, a), b_len = name_parse(zone, b);
  cr_assert(a_len && b_len);
  return name_is_within(a, a_len, b, b_len);
}

Test(name, lies_within_a_zone_at_a_labels_border_only) {
  cr_expect(within("example.org", "example.org"));
  cr_expect(within("a.b.Example.org", "eXample.Org"));
  cr_expect(within("example.org", "."));
  cr_expect(within(".", "."));
  cr_expect_not(within(".", "org"));
  cr_expect_not(within("org", "example.org"));
  cr_expect_not(within("badexample.org", "example.org"));
  cr_expect_not(within("example.org.evil", "example.org"));
  cr_expect_not(within("x\\007example\\003org", "example.org"), "a label that only looks like the zone");
  cr_expect_not(within("example.net", "example.org"));
}

Test(name, equality_needs_the_same_length_and_ignores_case) {
  cr_expect(name_equal((const uint8_t *)"\1A", 3, (const uint8_t *)"\1a", 3));
  cr_expect_not(name_equal((const uint8_t *)"\1a", 3, (const uint8_t *)"\1a\1a", 5));
  cr_expect_not(name_equal((const uint8_t *)"\1a", 3, (const uint8_t *)"\1b", 3));
  cr_expect_not(name_equal((const uint8_t *)"\1[", 3, (const uint8_t *)"\1{", 3), "only letters have a case");
  cr_expect_not(name_equal((const uint8_t *)"\1\300", 3, (const uint8_t *)"\1\340", 3));
}

Test(name, last_two_labels_begin_where_a_shorter_name_does) {
  cr_expect_eq(name_last_two_at((const uint8_t *)""), 0);
  cr_expect_eq(name_last_two_at((const uint8_t *)"\3lab"), 0);
  cr_expect_eq(name_last_two_at((const uint8_t *)"\1a\3lab"), 0);
  cr_expect_eq(name_last_two_at((const uint8_t *)"\2of\1a\3lab"), 3);
}
