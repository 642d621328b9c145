/* test_tap_message.c: every field of a dnstap message, read back as any reader of protocol buffers does. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "tap/tap_message.h"

enum { FIELDS = 16 };

/* A protocol buffer's fields, by number. */
struct fields {
  bool has[FIELDS];
  uint64_t number[FIELDS];
  const uint8_t *octets[FIELDS];
  size_t len[FIELDS];
};

static uint64_t get_varint(const uint8_t **at, const uint8_t *end) {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    cr_assert(*at < end);
    uint8_t octet = *(*at)++;
    value |= (uint64_t)(octet & 0x7f) << shift;
    if (octet < 0x80) return value;
  }
  cr_assert_fail("a number is too long");
  return 0;
}

static struct fields fields_of(const uint8_t *at, size_t len) {
  struct fields f;
  const uint8_t *end = at + len;
  memset(&f, 0, sizeof f);
  while (at < end) {
    uint64_t tag = get_varint(&at, end), field = tag >> 3;
    cr_assert(field > 0 && field < FIELDS && !f.has[field], "field %u", (unsigned)field);
    f.has[field] = true;
    switch (tag & 7) {
    case 0: f.number[field] = get_varint(&at, end); break;
    case 2:
      f.len[field] = (size_t)get_varint(&at, end);
      cr_assert_leq(f.len[field], (size_t)(end - at));
      f.octets[field] = at;
      at += f.len[field];
      break;
    case 5:
      cr_assert_geq(end - at, 4);
      f.number[field] = at[0] | at[1] << 8 | at[2] << 16 | (uint64_t)at[3] << 24;
      at += 4;
      break;
    default: cr_assert_fail("wire type %u", (unsigned)(tag & 7));
    }
  }
  return f;
}

static union addr address(const char *text) {
  union addr a;
  memset(&a, 0, sizeof a);
  if (*text) cr_assert(addr_parse(text, 53, &a), "%s", text);
  return a;
}

/* Writes m into memory that ends where a frame may end at most; the fields of Dnstap and of Message. */
static uint8_t *frame;
static size_t frame_len;

static struct fields write_all(const struct tap_message *m, const char *identity, const char *version,
                               struct fields *around) {
  uint8_t start[TAP_MESSAGE_START];
  size_t start_len = tap_message_start(identity, version, start);
  free(frame);
  frame = malloc(TAP_MESSAGE_MORE + m->len);
  cr_assert(frame);
  frame_len = tap_message_write(m, start, start_len, frame);
  cr_assert_leq(frame_len, TAP_MESSAGE_MORE + m->len);
  *around = fields_of(frame, frame_len);
  cr_assert(around->has[14]);
  return fields_of(around->octets[14], around->len[14]);
}

static void expect_octets(const struct fields *f, unsigned field, const void *octets, size_t len) {
  cr_expect(f->has[field] && f->len[field] == len && memcmp(f->octets[field], octets, len) == 0, "field %u",
            field);
}

Test(tap_message, has_every_field_of_a_client_response) {
  union addr client = address("192.0.2.7:40000"), here = address("198.51.100.1:53");
  struct tap_message m = {.kind = TAP_CLIENT_RESPONSE,
                          .transport = TRANSPORT_TCP,
                          .asking = &client,
                          .answering = &here,
                          .query_ns = UINT64_C(1796068492123456789),
                          .response_ns = UINT64_C(1796068493000000001),
                          .msg = (const uint8_t *)"answer",
                          .len = 6};
  struct fields around, f = write_all(&m, "host.example", "jidns 1.0", &around);
  expect_octets(&around, 1, "host.example", 12);
  expect_octets(&around, 2, "jidns 1.0", 9);
  cr_expect_eq(around.number[15], 1);
  cr_expect_eq(f.number[1], 6);
  cr_expect_eq(f.number[2], 1);
  cr_expect_eq(f.number[3], 2);
  expect_octets(&f, 4, "\xc0\0\2\7", 4);
  expect_octets(&f, 5, "\xc6\x33\x64\1", 4);
  cr_expect_eq(f.number[6], 40000);
  cr_expect_eq(f.number[7], 53);
  cr_expect_eq(f.number[8], 1796068492);
  cr_expect_eq(f.number[9], 123456789);
  cr_expect_eq(f.number[12], 1796068493);
  cr_expect_eq(f.number[13], 1);
  expect_octets(&f, 14, "answer", 6);
  cr_expect(!f.has[10] && !f.has[11] && !f.has[15]);
}

Test(tap_message, of_a_query_has_neither_a_response_nor_its_time) {
  union addr here = address("[2001:db8::1]:5353"), server = address("[2001:db8::53]:853");
  struct tap_message m = {.kind = TAP_FORWARDER_QUERY,
                          .transport = TRANSPORT_TLS,
                          .asking = &here,
                          .answering = &server,
                          .query_ns = 999999999,
                          .msg = (const uint8_t *)"q",
                          .len = 1};
  struct fields around, f = write_all(&m, "", "", &around);
  cr_expect(!around.has[1] && !around.has[2]);
  cr_expect_eq(f.number[1], 7);
  cr_expect_eq(f.number[2], 2);
  cr_expect_eq(f.number[3], 3);
  expect_octets(&f, 4, &here.v6.sin6_addr, 16);
  expect_octets(&f, 5, &server.v6.sin6_addr, 16);
  cr_expect_eq(f.number[6], 5353);
  cr_expect_eq(f.number[7], 853);
  cr_expect_eq(f.number[8], 0);
  cr_expect_eq(f.number[9], 999999999);
  expect_octets(&f, 10, "q", 1);
  cr_expect(!f.has[12] && !f.has[13] && !f.has[14]);
}

Test(tap_message, names_each_kind_and_transport_by_its_number) {
  union addr a = address("192.0.2.1:1");
  struct tap_message m = {.asking = &a, .answering = &a, .msg = (const uint8_t *)"x", .len = 1};
  for (unsigned kind = TAP_CLIENT_QUERY; kind <= TAP_FORWARDER_RESPONSE; kind++) {
    for (unsigned t = 0; t < TRANSPORTS; t++) {
      m.kind = (enum tap_kind)kind;
      m.transport = (enum transport)t;
      struct fields around, f = write_all(&m, "h", "v", &around);
      cr_expect_eq(f.number[1], kind);
      cr_expect_eq(f.number[3], t + 1);
      cr_expect_eq(f.has[14], kind == 6 || kind == 8);
    }
  }
}

Test(tap_message, leaves_out_an_address_that_nobody_knows) {
  union addr none = address(""), server = address("[2001:db8::53]:53");
  struct tap_message m = {.kind = TAP_FORWARDER_QUERY,
                          .asking = &none,
                          .answering = &server,
                          .msg = (const uint8_t *)"x",
                          .len = 1};
  struct fields around, f = write_all(&m, "", "", &around);
  cr_expect(!f.has[4] && !f.has[6] && f.has[5] && f.has[7]);
  cr_expect_eq(f.number[2], 2);
  m.answering = &none;
  f = write_all(&m, "", "", &around);
  cr_expect(!f.has[2] && !f.has[5] && !f.has[7]);
}

Test(tap_message, shows_a_mapped_ipv4_address_as_ipv4) {
  union addr client = address("[::ffff:192.0.2.9]:9"), here = address("[::ffff:192.0.2.1]:53");
  struct tap_message m = {
      .kind = TAP_CLIENT_QUERY, .asking = &client, .answering = &here, .msg = (const uint8_t *)"x", .len = 1};
  struct fields around, f = write_all(&m, "", "", &around);
  cr_expect_eq(f.number[2], 1);
  expect_octets(&f, 4, "\xc0\0\2\x09", 4);
  cr_expect_eq(f.number[6], 9);
}

/* Where lengths and times take another octet each. */
Test(tap_message, holds_messages_and_times_of_any_size) {
  static const size_t sizes[] = {0,   1,   12,  30,    31,    32,    33,    60,
                                 127, 128, 129, 16000, 16383, 16384, 65534, 65535};
  static const uint64_t times[] = {0, 1, 999999999, 1000000000, UINT64_C(4294967296000000000), UINT64_MAX};
  static uint8_t octets[65535];
  char text[TAP_MESSAGE_TEXT];
  union addr a = address("[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
  memset(text, 'i', sizeof text - 1);
  text[sizeof text - 1] = 0;
  for (size_t i = 0; i < sizeof octets; i++) octets[i] = (uint8_t)(i * 7);

  for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    for (unsigned k = 0; k < sizeof times / sizeof *times; k++) {
      struct tap_message m = {.kind = TAP_FORWARDER_RESPONSE,
                              .transport = TRANSPORT_HTTPS,
                              .asking = &a,
                              .answering = &a,
                              .query_ns = times[k],
                              .response_ns = times[k],
                              .msg = octets,
                              .len = sizes[i]};
      struct fields around, f = write_all(&m, text, text, &around);
      expect_octets(&around, 1, text, sizeof text - 1);
      expect_octets(&f, 14, octets, sizes[i]);
      cr_expect_eq(f.number[12] * 1000000000 + f.number[13], times[k]);
    }
  }
}
