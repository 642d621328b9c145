/* test_form.c: what the RDATA of each type looks like. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "dns/form.h"
#include "kit/msg.h"
#include "kit/rng.h"

static struct msg m;

/* Does an RDATA of this type hold? It lies at the very end of its memory. */
static bool holds_in(uint16_t type, uint16_t klass, const void *rdata, size_t n) {
  struct record r = {.type = type, .klass = klass, .rdlen = (uint16_t)n};
  msg_answer(&m, "example.org", type, 0);
  msg_record(&m, SECTION_ANSWER, "example.org", type, 60, rd_octets(rdata, n));
  uint8_t *octets = exact(m.octets, m.len);
  r.msg = octets;
  r.msg_len = m.len;
  r.rdata_at = m.len - n;
  bool good = form_holds(&r);
  free(octets);
  return good;
}

static bool holds(uint16_t type, const void *rdata, size_t n) { return holds_in(type, CLASS_IN, rdata, n); }

#define OCTETS(text) text, sizeof(text) - 1
static const struct example {
  uint16_t type;
  const char *rdata;
  size_t len;
  size_t least; /* it holds when cut to so many octets or more; 0: only whole */
  bool grows;   /* and with any octets behind it */
} examples[] = {
    {1, OCTETS("\300\0\2\1"), 0, false},
    {2, OCTETS("\1a\0"), 0, false},
    {3, OCTETS("\1a\0"), 0, false},
    {4, OCTETS("\1a\0"), 0, false},
    {5, OCTETS("\1a\1b\0"), 0, false},
    {6,
     OCTETS("\1a\0\1b\0"
            "11112222333344445555"),
     0, false},
    {7, OCTETS("\1a\0"), 0, false},
    {8, OCTETS("\1a\0"), 0, false},
    {9, OCTETS("\1a\0"), 0, false},
    {11, OCTETS("\300\0\2\1\6\x40"), 5, true},
    {12, OCTETS("\1a\0"), 0, false},
    {13, OCTETS("\3cpu\2os"), 0, false},
    {14, OCTETS("\1a\0\1b\0"), 0, false},
    {15, OCTETS("\0\12\1a\0"), 0, false},
    {16, OCTETS("\5hello"), 0, false},
    {17, OCTETS("\1a\0\1b\0"), 0, false},
    {18, OCTETS("\0\1\1a\0"), 0, false},
    {19,
     OCTETS("\4"
            "1234"),
     0, false},
    {21, OCTETS("\0\1\1a\0"), 0, false},
    {24,
     OCTETS("111122223333444455"
            "\1a\0sig"),
     21, true},
    {25, OCTETS("\1\0\3\5key"), 4, true},
    {26, OCTETS("\0\1\1a\0\1b\0"), 0, false},
    {27,
     OCTETS("\2-3\2+4\1"
            "5"),
     0, false},
    {28, OCTETS("1111222233334444"), 0, false},
    {29,
     OCTETS("\0"
            "111222333344445"),
     0, false},
    {30, OCTETS("\1a\0\x62"), 3, true},
    {33, OCTETS("\0\1\0\2\24\225\1a\0"), 0, false},
    {35, OCTETS("\0\1\0\2\1u\3sip\4!x!y\1a\0"), 0, false},
    {36, OCTETS("\0\1\1a\0"), 0, false},
    {37, OCTETS("\0\1\0\2\5cert"), 6, true},
    {39, OCTETS("\1a\0"), 0, false},
    {42, OCTETS("\0\1\25\3\300\0\2"), 0, false},
    {43, OCTETS("\0\1\10\2digest"), 5, true},
    {44, OCTETS("\1\2print"), 3, true},
    {46,
     OCTETS("111122223333444455"
            "\1a\0sig"),
     22, true},
    {47, OCTETS("\1a\0\0\1\x40"), 0, false},
    {48, OCTETS("\1\0\3\10key"), 5, true},
    {49, OCTETS("dhcid"), 1, true},
    {50, OCTETS("\1\0\0\12\2ab\3abc\0\1\x40"), 0, false},
    {51, OCTETS("\1\0\0\12\2ab"), 0, false},
    {52, OCTETS("\3\1\1hash"), 4, true},
    {53, OCTETS("\3\1\1hash"), 4, true},
    {55, OCTETS("\2\1\0\3hikey\1r\0"), 0, false},
    {56, OCTETS("\5hello"), 0, false},
    {58, OCTETS("\1a\0\1b\0"), 0, false},
    {59, OCTETS("\0\1\10\2digest"), 5, true},
    {60, OCTETS("\1\0\3\10key"), 5, true},
    {61, OCTETS("key"), 1, true},
    {62, OCTETS("1111\0\1\0\1\x40"), 0, false},
    {63, OCTETS("1111\1\1digest"), 7, true},
    {64, OCTETS("\0\1\1a\0\0\1\0\3\2h2"), 0, false},
    {65, OCTETS("\0\1\0\0\3\0\2\1\273"), 0, false},
    {66, OCTETS("\0\73\1\24\225\1a\0"), 0, false},
    {99, OCTETS("\5hello"), 0, false},
    {104,
     OCTETS("\0\1"
            "12345678"),
     0, false},
    {105,
     OCTETS("\0\1"
            "1234"),
     0, false},
    {106,
     OCTETS("\0\1"
            "12345678"),
     0, false},
    {107, OCTETS("\0\1\1a\0"), 0, false},
    {108, OCTETS("123456"), 0, false},
    {109, OCTETS("12345678"), 0, false},
    {256, OCTETS("\0\1\0\1ftp://x"), 5, true},
    {257, OCTETS("\0\5issueca.example"), 7, true},
    {258, OCTETS("\5hello"), 0, false},
    {261, OCTETS("\5hello"), 0, false},
};
enum { EXAMPLES = sizeof examples / sizeof *examples };

Test(form, of_each_type_holds_whole_and_breaks_when_cut) {
  for (unsigned i = 0; i < EXAMPLES; i++) {
    const struct example *e = &examples[i];
    cr_expect(holds(e->type, e->rdata, e->len), "type %u", e->type);
    for (size_t n = 0; n < e->len; n++) {
      /* A list without its last member is a list. */
      bool is_list = (e->type == 42 && n == 0) || (e->type == 47 && n == 3) || (e->type == 50 && n == 11) ||
                     (e->type == 62 && n == 6) || (e->type == 64 && n == 5) || (e->type == 65 && n == 3) ||
                     (e->type == 55 && n == 9);
      bool want = is_list || (e->least && n >= e->least);
      cr_expect_eq(holds(e->type, e->rdata, n), want, "type %u cut to %zu octets", e->type, n);
    }
  }
}

Test(form, breaks_with_octets_too_many) {
  for (unsigned i = 0; i < EXAMPLES; i++) {
    const struct example *e = &examples[i];
    char longer[64];
    memcpy(longer, e->rdata, e->len);
    longer[e->len] = 'x';
    cr_expect_eq(holds(e->type, longer, e->len + 1), e->grows, "type %u", e->type);
  }
}

struct row {
  uint16_t type;
  bool good;
  const char *rdata;
  size_t len;
};

static void check_rows(const struct row *rows, unsigned n) {
  for (unsigned i = 0; i < n; i++)
    cr_expect_eq(holds(rows[i].type, rows[i].rdata, rows[i].len), rows[i].good, "row %u", i);
}
#define CHECK_ROWS(rows) check_rows(rows, sizeof rows / sizeof *rows)

Test(form, of_strings_is_as_many_as_there_are) {
  static const struct row rows[] = {
      {16, true, OCTETS("\0")},
      {16, true, OCTETS("\1a\0\2bc")},
      {16, false, OCTETS("")},
      {16, false, OCTETS("\6hello")},
      {16, false, OCTETS("\5hello\1")},
      {16, false, OCTETS("\377hello")},
      {20, true, OCTETS("\2ab")},
      {20, true, OCTETS("\2ab\1c")},
      {20, false, OCTETS("\2ab\1c\1d")},
      {257, false, OCTETS("\0\0ca")},
      {257, false, OCTETS("\0\377issue")},
      {35, false, OCTETS("\0\1\0\2\1u\3sip\377!x!y\1a\0")},
  };
  CHECK_ROWS(rows);
}

Test(form, of_names_that_are_never_compressed_has_no_pointer) {
  static const struct row rows[] = {
      {47, false, OCTETS("\300\14\0\1\x40")},
      {64, false, OCTETS("\0\1\300\14")},
      {65, false, OCTETS("\0\1\1a\300\14")},
      {46, false,
       OCTETS("111122223333444455"
              "\300\14sig")},
      {2, true, OCTETS("\300\14")},
      {15, true, OCTETS("\0\12\300\14")},
      {107, false, OCTETS("\0\1\100a\0")},
  };
  static char names[257];

  CHECK_ROWS(rows);
  for (unsigned len = 255; len <= 257; len += 2) {
    for (unsigned i = 0; i < len - 1; i += 2) memcpy(names + i, "\1a", 2);
    names[len - 1] = 0;
    cr_expect_eq(holds(47, names, len), len == 255, "a name of %u octets", len);
  }
}

Test(form, of_type_bitmaps_has_windows_in_order) {
  static const struct row rows[] = {
      {47, true, OCTETS("\0\0\1\x40\1\1\x40")},
      {47, false, OCTETS("\0\1\1\x40\0\1\x40")},
      {47, false, OCTETS("\0\0\1\x40\0\1\x40")},
      {47, false, OCTETS("\0\0\0")},
      {47, false,
       OCTETS("\0\0\41"
              "123456789012345678901234567890123")},
      {50, true, OCTETS("\1\0\0\12\0\1a")},
      {50, false, OCTETS("\1\0\0\12\0\0")},
  };
  CHECK_ROWS(rows);
}

Test(form, of_service_parameters_has_keys_in_order_and_values_that_fit) {
  static const struct row rows[] = {
      {65, true, OCTETS("\0\0\0")},
      {65, true, OCTETS("\0\1\0\0\1\0\3\2h2\0\3\0\2\1\273")},
      {65, false, OCTETS("\0\1\0\0\3\0\2\1\273\0\1\0\3\2h2")},
      {65, false, OCTETS("\0\1\0\0\3\0\2\1\273\0\3\0\2\1\273")},
      {65, false, OCTETS("\0\1\0\0\1\0\0")},
      {65, false, OCTETS("\0\1\0\0\1\0\1\0")},
      {65, false, OCTETS("\0\1\0\0\1\0\3\3h2")},
      {65, true, OCTETS("\0\1\0\0\2\0\0")},
      {65, false, OCTETS("\0\1\0\0\2\0\1x")},
      {65, false, OCTETS("\0\1\0\0\3\0\3\1\273x")},
      {65, true, OCTETS("\0\1\0\0\4\0\4\300\0\2\1")},
      {65, false, OCTETS("\0\1\0\0\4\0\3\300\0\2")},
      {65, false, OCTETS("\0\1\0\0\6\0\4\300\0\2\1")},
      {65, false, OCTETS("\0\1\0\0\0\0\1\0")},
      {65, true, OCTETS("\0\1\0\2\0\0\3any")},
      {65, false, OCTETS("\0\1\0\2\0\0\4any")},
  };
  CHECK_ROWS(rows);
}

Test(form, goes_by_what_the_record_says_of_itself) {
  static const struct row rows[] = {
      {29, true, OCTETS("\1anything")},
      {29, false, OCTETS("")},
      {29, false, OCTETS("\0short")},
      {45, true, OCTETS("\12\0\2key")},
      {45, true, OCTETS("\12\1\2\300\0\2\1key")},
      {45, false, OCTETS("\12\1\2\300\0\2")},
      {45, false, OCTETS("\12\2\2\300\0\2")},
      {45, true, OCTETS("\12\3\2\1a\0key")},
      {45, false, OCTETS("\12\3\2\1akey")},
      {45, false, OCTETS("\12\0")},
      {260, true, OCTETS("\12\0")},
      {260, true, OCTETS("\12\201\300\0\2\1")},
      {260, false, OCTETS("\12\201\300\0\2")},
      {260, false, OCTETS("\12")},
      {260, true, OCTETS("\12\3\1a\0")},
      {55, false, OCTETS("\0\1\0\3key")},
      {55, false, OCTETS("\2\1\377\377hikey")},
      {55, true, OCTETS("\2\1\0\3hikey\1r\0\1s\0")},
      {42, true, OCTETS("")},
      {42, true, OCTETS("\0\1\25\203\300\0\2\0\2\0\0")},
      {42, false, OCTETS("\0\1\25\4\300\0\2")},
  };
  CHECK_ROWS(rows);
}

Test(form, of_unknown_types_and_of_addresses_in_other_classes_is_anything) {
  cr_expect(holds(65280, "", 0));
  cr_expect(holds(65280, "\377\377", 2));
  cr_expect(holds(10, "anything", 8));
  cr_expect(holds_in(TYPE_A, 3, "chaos", 5));
  cr_expect_not(holds_in(TYPE_TXT, 3, "\377", 1), "version.bind");
}

Test(form, of_random_octets_is_read_within_its_bounds) {
  struct rng rng = {.state = 7};
  for (unsigned i = 0; i < 200000; i++) {
    uint8_t rdata[40];
    size_t n = rng_below(&rng, sizeof rdata);
    for (size_t k = 0; k < n; k++)
      rdata[k] = (uint8_t)(rng_below(&rng, 2) ? rng_below(&rng, 4) : rng_below(&rng, 256));
    holds((uint16_t)rng_below(&rng, 270), rdata, n);
  }
}
