/* test_canon.c: the canonical order of names, and what is signed of RDATA. */
#include "dnssec/canon.h"

#include <criterion/criterion.h>

#include "kit/msg.h"

static int order(const char *a, const char *b) {
  uint8_t x[NAME_MAX_LEN], y[NAME_MAX_LEN];
  size_t x_len = name_parse(a, x), y_len = name_parse(b, y);
  cr_assert(x_len && y_len, "%s, %s", a, b);
  return canon_name_order(x, x_len, y, y_len);
}

Test(canon, names_stand_in_the_order_of_rfc_4034_section_6_1) {
  static const char *const names[] = {"example",         "a.example",      "yljkjljk.a.example",
                                      "Z.a.example",     "zABC.a.EXAMPLE", "z.example",
                                      "\\001.z.example", "*.z.example",    "\\200.z.example"};
  for (int i = 0; i < 9; i++)
    for (int k = 0; k < 9; k++) {
      int is = order(names[i], names[k]);
      cr_expect_eq((is > 0) - (is < 0), (i > k) - (i < k), "%s, %s", names[i], names[k]);
    }
}

Test(canon, a_wildcards_asterisk_is_no_label) {
  uint8_t name[NAME_MAX_LEN];
  cr_expect_eq(canon_labels(name, name_parse("*.a.example", name)), 2);
  cr_expect_eq(canon_labels(name, name_parse("a.*.example", name)), 3);
  cr_expect_eq(canon_labels(name, name_parse("**.example", name)), 2);
  cr_expect_eq(canon_labels(name, name_parse("*", name)), 0);
  cr_expect_eq(canon_labels(name, name_parse(".", name)), 0);
}

/* ---- RDATA ---- */

/* Where in what is signed the first RDATA begins: 18 octets, the signer (example), the owner (a.example), 10
 * octets of a record. */
enum { RDATA_AT = 18 + 9 + 11 + 10 };

/* What is signed of one record of such RDATA at A.Example. */
static struct rdata signed_rdata(uint16_t type, struct rdata rd) {
  static struct msg m;
  static struct rrsets s;
  uint8_t head[18] = {0};
  store_u16(head, type);
  head[3] = 2;
  struct rdata sig = rd_octets(head, sizeof head), signer = rd_name("EXAMPLE");
  memcpy(sig.octets + sig.len, signer.octets, signer.len);
  sig.len = (uint16_t)(sig.len + signer.len + 1);
  msg_answer(&m, "A.Example", type, RCODE_NOERROR);
  msg_record(&m, SECTION_ANSWER, "A.Example", type, 60, rd);
  msg_record(&m, SECTION_ANSWER, "A.Example", TYPE_RRSIG, 60, sig);
  cr_assert_eq(rrsets_read(&s, m.octets, m.len), ERR_NONE);

  struct rrsig parsed;
  const uint8_t *out;
  struct canon_room *room = canon_room_new();
  cr_assert(rrset_signature(&s, &s.sets[0], 0, &parsed));
  cr_assert(canon_sort(room, &s, &s.sets[0]));
  size_t len = canon_signed(room, &s.sets[0], &parsed, &out);
  cr_assert_geq(len, RDATA_AT, "type %u", type);
  struct rdata is = rd_octets(out + RDATA_AT, len - RDATA_AT);
  canon_room_free(room);
  return is;
}

static void expect_signed(uint16_t type, struct rdata rd, struct rdata as) {
  struct rdata is = signed_rdata(type, rd);
  cr_expect_eq(is.len, as.len, "type %u", type);
  cr_expect_arr_eq(is.octets, as.octets, as.len, "type %u", type);
}

/* So many octets that are letters, and then a name. */
static struct rdata letters_and(size_t octets, const char *name) {
  struct rdata rd = rd_fill('Q', octets), named = rd_name(name);
  memcpy(rd.octets + rd.len, named.octets, named.len);
  rd.len = (uint16_t)(rd.len + named.len);
  return rd;
}

Test(canon, names_are_in_lower_case_in_types_that_rfc_4034_lists) {
  static const struct {
    uint16_t type;
    size_t before;
  } listed[] = {{2, 0},  {3, 0},  {4, 0},  {5, 0},  {7, 0},  {8, 0},  {9, 0},
                {12, 0}, {15, 2}, {18, 2}, {21, 2}, {33, 6}, {36, 2}, {39, 0}};
  for (unsigned i = 0; i < sizeof listed / sizeof *listed; i++)
    expect_signed(listed[i].type, letters_and(listed[i].before, "MaiL.ExamplE"),
                  letters_and(listed[i].before, "mail.example"));
}

Test(canon, names_stay_as_they_are_in_all_other_types) {
  expect_signed(TYPE_SVCB, letters_and(2, "MaiL.ExamplE"), letters_and(2, "MaiL.ExamplE"));
  expect_signed(107, letters_and(2, "MaiL.ExamplE"), letters_and(2, "MaiL.ExamplE"));
  expect_signed(65280, letters_and(0, "MaiL.ExamplE"), letters_and(0, "MaiL.ExamplE"));
}

/* A prefix length, the suffix's octets, and a name unless the length is 0 (RFC 2874 section 3.1). */
static struct rdata a6(uint8_t prefix, unsigned octets, const char *name) {
  struct rdata rd = letters_and(1 + octets, name ? name : ".");
  rd.octets[0] = prefix;
  if (!name) rd.len--;
  return rd;
}

Test(canon, an_a6_records_prefix_name_is_in_lower_case) {
  expect_signed(38, a6(64, 8, "PrefiX.ExamplE"), a6(64, 8, "prefix.example"));
  expect_signed(38, a6(61, 9, "PrefiX.ExamplE"), a6(61, 9, "prefix.example"));
  expect_signed(38, a6(128, 0, "PrefiX.ExamplE"), a6(128, 0, "prefix.example"));
  expect_signed(38, a6(0, 16, NULL), a6(0, 16, NULL));
  expect_signed(38, a6(200, 8, "PrefiX.ExamplE"), a6(200, 8, "PrefiX.ExamplE"));
  expect_signed(38, rd_fill('Q', 1), rd_fill('Q', 1));
}
