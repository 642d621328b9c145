/* test_wire.c: cursors over messages. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "dns/wire.h"
#include "kit/msg.h"

Test(wire, numbers_are_big_endian) {
  uint8_t octets[4];
  store_u32(octets, 0x80010203u);
  cr_expect_arr_eq(octets, "\200\1\2\3", 4);
  cr_expect_eq(load_u32(octets), 0x80010203u);
  cr_expect_eq(load_u16(octets), 0x8001);
  store_u16(octets, 0xfffe);
  cr_expect_arr_eq(octets, "\377\376\2\3", 4);
}

Test(wire, reads_to_the_last_octet_and_not_beyond) {
  uint8_t *octets = exact("\1\2\3\4\5\6\7", 7);
  struct wire w = wire_read(octets, 7);
  cr_expect_eq(wire_u16(&w), 0x0102);
  cr_expect_eq(wire_u32(&w), 0x03040506);
  cr_expect_not(w.err);
  cr_expect_eq(wire_u16(&w), 0, "one octet is left");
  cr_expect(w.err);
  free(octets);
}

Test(wire, an_error_sticks_and_the_cursor_stays) {
  uint8_t *octets = exact("\1\2\3", 3);
  struct wire w = wire_read(octets, 3);
  cr_expect_null(wire_bytes(&w, 4));
  cr_expect_eq(w.at, 0);
  cr_expect_null(wire_bytes(&w, 0), "not even nothing after an error");
  cr_expect_eq(wire_u16(&w), 0);
  cr_expect_eq(wire_u32(&w), 0);
  cr_expect_eq(w.at, 0);
  free(octets);
}

Test(wire, counts_of_any_size_are_refused_without_overflow) {
  uint8_t octets[3] = {0};
  static const size_t counts[] = {4, 0xffff, SIZE_MAX, SIZE_MAX - 1, SIZE_MAX / 2};
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
    struct wire w = wire_read(octets, 3);
    wire_bytes(&w, 1);
    cr_expect_null(wire_bytes(&w, counts[i]));
    cr_expect(w.err);
  }
}

Test(wire, nothing_can_be_read_at_the_end) {
  uint8_t octets[2] = {0};
  struct wire w = wire_read(octets, 2);
  cr_expect_not_null(wire_bytes(&w, 2));
  cr_expect_eq(wire_bytes(&w, 0), octets + 2);
  cr_expect_not(w.err);
}

Test(wire, writes_to_the_last_octet_and_not_beyond) {
  uint8_t octets[8] = {0};
  struct wire_out w = {.buf = octets, .cap = 7};
  wire_put_u16(&w, 0x0102);
  wire_put_u32(&w, 0x03040506);
  wire_put(&w, "\7", 1);
  cr_expect_not(w.err);
  cr_expect_arr_eq(octets, "\1\2\3\4\5\6\7\0", 8);
  wire_put(&w, "x", 1);
  cr_expect(w.err);
  cr_expect_eq(octets[7], 0);
  cr_expect_eq(w.at, 7);
}

Test(wire, a_write_that_does_not_fit_writes_nothing_and_sticks) {
  uint8_t octets[4] = {0};
  struct wire_out w = {.buf = octets, .cap = 3};
  wire_put_u32(&w, 0xffffffffu);
  cr_expect(w.err);
  wire_put(&w, "\1", 1);
  wire_put_u16(&w, 0xffff);
  cr_expect_null(wire_take(&w, 0));
  cr_expect_eq(w.at, 0);
  cr_expect_arr_eq(octets, "\0\0\0\0", 4);
}
