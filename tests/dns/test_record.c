/* test_record.c: resource records and the forms of their RDATA. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "dns/record.h"
#include "kit/msg.h"
#include "kit/rng.h"

static struct msg m;

/* A message with one answer record of this type and RDATA; the offset of its RDATA. */
static size_t one_record(uint16_t type, const void *rdata, size_t n) {
  msg_answer(&m, "example.org", type, 0);
  msg_record(&m, SECTION_ANSWER, "example.org", type, 60, rd_octets(rdata, n));
  return m.len - n;
}

/* Reads the record at DNS_HEADER + 17 out of the first `len` octets. */
static bool read_first(uint8_t *octets, size_t len, struct record *r) {
  struct wire w = wire_read(octets, len);
  w.at = DNS_HEADER + 17;
  bool good = record_read(&w, r);
  cr_assert_eq(good, !w.err);
  if (good) cr_assert_eq(w.at, r->rdata_at + r->rdlen);
  return good;
}

Test(record, is_read_field_by_field) {
  struct record r;
  size_t at = one_record(TYPE_A, "\300\0\2\1", 4);
  cr_assert(read_first(m.octets, m.len, &r));
  cr_expect_eq(r.owner_len, 13);
  cr_expect_arr_eq(r.owner, "\7example\3org\0", 13);
  cr_expect_eq(r.type, TYPE_A);
  cr_expect_eq(r.klass, CLASS_IN);
  cr_expect_eq(r.ttl, 60);
  cr_expect_eq(r.rdlen, 4);
  cr_expect_eq(r.rdata_at, at);
  cr_expect_eq(record_rdata(&r), m.octets + at);
}

Test(record, cut_anywhere_is_none) {
  struct record r;
  one_record(TYPE_A, "\300\0\2\1", 4);
  for (size_t len = DNS_HEADER + 17; len < m.len; len++) {
    uint8_t *octets = exact(m.octets, len);
    cr_expect_not(read_first(octets, len, &r), "cut to %zu octets", len);
    free(octets);
  }
}

Test(record, rdlength_must_not_lie) {
  struct record r;
  size_t at = one_record(TYPE_A, "\300\0\2\1", 4);
  static const uint16_t lies[] = {5, 255, 256, 0x7fff, 0xffff};
  for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
    store_u16(m.octets + at - 2, lies[i]);
    uint8_t *octets = exact(m.octets, m.len);
    cr_expect_not(read_first(octets, m.len, &r), "%u", lies[i]);
    free(octets);
  }
}

Test(record, an_empty_rdata_at_the_end_of_the_message_is_fine) {
  struct record r;
  one_record(10, "", 0);
  cr_expect(read_first(m.octets, m.len, &r));
  cr_expect_eq(r.rdlen, 0);
}

/* What record_next_part makes of the record: its kinds as letters (o octets, c and n names), or "bad". */
static const char *parts_of(uint16_t type, const void *rdata, size_t n) {
  static char kinds[16];
  struct record r;
  struct rdata_part part;
  unsigned count = 0;

  one_record(type, rdata, n);
  uint8_t *octets = exact(m.octets, m.len);
  cr_assert(read_first(octets, m.len, &r));
  struct rdata_parts parts = record_parts(&r);
  enum rdata_part_kind kind;
  while ((kind = record_next_part(&parts, &part)) != PART_END && kind != PART_BAD) {
    cr_assert_eq(kind, part.kind);
    cr_assert_lt(count, 10);
    kinds[count++] = kind == PART_OCTETS ? 'o' : kind == PART_NAME ? 'c' : 'n';
  }

  free(octets);
  kinds[count] = 0;
  return kind == PART_BAD ? "bad" : kinds;
}

/* Forms of RFC 1035 and those that RFC 3597 section 4 lists. */
static const struct form {
  uint16_t type;
  const char *kinds, *rdata;
  size_t len;
  bool open; /* longer is fine */
} forms[] = {
    {TYPE_A, "o", "\300\0\2\1", 4, false},
    {TYPE_NS, "c", "\1a\0", 3, false},
    {3, "c", "\1a\0", 3, false},
    {4, "c", "\1a\0", 3, false},
    {TYPE_CNAME, "c", "\1a\1b\0", 5, false},
    {TYPE_SOA, "ccooo",
     "\1a\0\1b\0"
     "11112222333344445555",
     26, false},
    {7, "c", "\1a\0", 3, false},
    {8, "c", "\1a\0", 3, false},
    {9, "c", "\1a\0", 3, false},
    {TYPE_PTR, "c", "\0", 1, false},
    {14, "cc", "\1a\0\1b\0", 6, false},
    {TYPE_MX, "oc", "\0\12\1a\0", 5, false},
    {17, "nn", "\1a\0\1b\0", 6, false},
    {18, "on", "\0\1\1a\0", 5, false},
    {21, "on", "\0\1\1a\0", 5, false},
    {TYPE_SIG, "oono", "123456789012345678\1a\0s", 22, true},
    {26, "onn", "\0\1\1a\0\1b\0", 8, false},
    {TYPE_AAAA, "oo", "1234567890123456", 16, false},
    {30, "no", "\1a\0\1", 4, true},
    {TYPE_SRV, "on", "123456\1a\0", 9, false},
    {35, "oooon", "1234\1S\0\2re\1a\0", 13, false},
    {36, "on", "\0\1\1a\0", 5, false},
    {TYPE_DNAME, "n", "\1a\0", 3, false},
};

Test(record, every_type_with_names_has_its_form) {
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
    cr_expect_str_eq(parts_of(forms[i].type, forms[i].rdata, forms[i].len), forms[i].kinds, "type %u",
                     forms[i].type);
  }
}

Test(record, an_rdata_that_is_shorter_than_its_form_is_bad) {
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
    size_t least = forms[i].len - (forms[i].open ? 1 : 0); /* what is open may end where its names do */
    for (size_t n = 0; n < least; n++) {
      cr_expect_str_eq(parts_of(forms[i].type, forms[i].rdata, n), "bad", "type %u, %zu octets",
                       forms[i].type, n);
    }
  }
}

Test(record, an_rdata_that_is_longer_than_its_form_is_bad) {
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
    uint8_t rdata[64] = {0};
    memcpy(rdata, forms[i].rdata, forms[i].len);
    for (size_t more = 1; more < 5; more++) {
      const char *want = forms[i].open ? forms[i].kinds : "bad";
      cr_expect_str_eq(parts_of(forms[i].type, rdata, forms[i].len + more), want, "type %u", forms[i].type);
    }
  }
}

Test(record, other_types_are_octets_of_any_number) {
  static const uint16_t types[] = {TYPE_TXT, TYPE_DS, TYPE_RRSIG, TYPE_NSEC, TYPE_NSEC3, TYPE_TLSA,
                                   64,       65,      0,          65280,     65535};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    cr_expect_str_eq(parts_of(types[i], "", 0), "o");
    cr_expect_str_eq(parts_of(types[i], "\300\14\300", 3), "o", "a pointer means nothing there");
  }
}

Test(record, octets_that_happen_to_be_no_name_are_bad) {
  cr_expect_str_eq(parts_of(TYPE_NS, "\100a\0", 3), "bad");
  cr_expect_str_eq(parts_of(TYPE_NS, "\300", 1), "bad", "half a pointer, the other half would lie behind");
  cr_expect_str_eq(parts_of(TYPE_NS, "\377\377", 2), "bad", "a pointer forward");
  cr_expect_str_eq(parts_of(TYPE_NS, "\300\50", 2), "bad", "a pointer to itself");
  cr_expect_str_eq(parts_of(35, "1234\377S\0\2re\1a\0", 13), "bad", "a character string longer than all");
  cr_expect_str_eq(parts_of(35, "1234\1S\0\6re\1a\0", 13), "bad", "a character string that eats the name");
}

Test(record, a_name_must_end_where_its_rdata_ends) {
  struct record r;
  struct rdata_part part;
  one_record(TYPE_NS, "\3org", 4);
  msg_put(&m, "\0", 1); /* the root's octet lies behind RDATA: it is whole only as octets of the message */
  cr_assert(read_first(m.octets, m.len, &r));
  struct rdata_parts parts = record_parts(&r);
  cr_expect_eq(record_next_part(&parts, &part), PART_BAD);
}

Test(record, names_in_rdata_come_without_compression) {
  struct record r;
  struct rdata_part part;
  one_record(TYPE_SRV, "\0\1\0\2\0\3\1x\300\14", 10);
  cr_assert(read_first(m.octets, m.len, &r));
  struct rdata_parts parts = record_parts(&r);
  cr_expect_eq(record_next_part(&parts, &part), PART_OCTETS);
  cr_expect_eq(part.len, 6);
  cr_expect_eq(record_next_part(&parts, &part), PART_NAME_PLAIN);
  cr_expect_eq(part.len, 15);
  cr_expect_arr_eq(part.bytes, "\1x\7example\3org\0", 15);
  cr_expect_eq(record_next_part(&parts, &part), PART_END);
}

Test(record, target_is_the_name_behind_so_many_octets_and_nothing_else) {
  struct record r;
  uint8_t name[NAME_MAX_LEN];

  one_record(TYPE_SRV, "\0\1\0\2\0\3\1x\300\14", 10);
  cr_assert(read_first(m.octets, m.len, &r));
  cr_expect_eq(record_target(&r, 6, name), 15);
  cr_expect_arr_eq(name, "\1x\7example\3org\0", 15);
  cr_expect_eq(record_target(&r, 0, name), 0, "the octets before are no name that fills it");
  cr_expect_eq(record_target(&r, 10, name), 0, "nothing left");
  cr_expect_eq(record_target(&r, 11, name), 0, "more than there is");
  cr_expect_eq(record_target(&r, SIZE_MAX, name), 0);
  one_record(TYPE_CNAME, "\1x\300\14", 4);
  cr_assert(read_first(m.octets, m.len, &r));
  cr_expect_eq(record_target(&r, 0, name), 15);
  one_record(TYPE_CNAME, "\1x\0\0", 4);
  cr_assert(read_first(m.octets, m.len, &r));
  cr_expect_eq(record_target(&r, 0, name), 0, "an octet too many");
}

Test(record, random_octets_are_taken_apart_within_their_bounds) {
  struct rng r = {11};
  unsigned good = 0;
  for (int round = 0; round < 100000; round++) {
    uint8_t rdata[40];
    size_t n = rng_below(&r, sizeof rdata);
    for (size_t i = 0; i < n; i++) {
      uint64_t v = rng_next(&r);
      rdata[i] = (uint8_t)(v % 4 == 0 ? 0xc0 : v % 4 == 1 ? v >> 8 & 3 : v % 4 == 2 ? 0 : v >> 8);
    }
    const struct form *f = &forms[rng_below(&r, sizeof forms / sizeof *forms)];
    good += strcmp(parts_of(f->type, rdata, n), "bad") != 0;
  }
  cr_expect_gt(good, 500);
}

Test(record, age_is_taken_from_every_ttl_but_opts) {
  struct record r;
  one_record(TYPE_A, "\300\0\2\1", 4);
  cr_assert(read_first(m.octets, m.len, &r));
  uint32_t ttl = r.ttl;
  cr_assert_gt(ttl, 1);
  record_age(m.octets, m.len, 1);
  cr_assert(read_first(m.octets, m.len, &r));
  cr_expect_eq(r.ttl, ttl - 1);
  record_age(m.octets, m.len, ttl);
  cr_assert(read_first(m.octets, m.len, &r));
  cr_expect_eq(r.ttl, 0, "and not below");

  one_record(TYPE_OPT, "", 0);
  cr_assert(read_first(m.octets, m.len, &r));
  ttl = r.ttl;
  record_age(m.octets, m.len, 1);
  cr_assert(read_first(m.octets, m.len, &r));
  cr_expect_eq(r.ttl, ttl, "that is no TTL");
}

Test(record, age_leaves_alone_what_is_cut_short) {
  one_record(TYPE_A, "\300\0\2\1", 4);
  for (size_t len = 0; len < m.len; len++) record_age(m.octets, len, 1);
  record_age(m.octets, 0, UINT32_MAX);
}
