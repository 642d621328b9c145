/* test_frame.c: messages in a TCP stream. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "dns/frame.h"
#include "kit/msg.h"

Test(frame, waits_for_the_last_octet) {
  uint8_t *octets = exact("\0\3abc", 5);
  size_t msg_len = 77;
  for (size_t len = 0; len < 5; len++) {
    uint8_t *part = exact(octets, len);
    cr_expect_eq(frame_next(part, len, &msg_len), 0, "%zu octets", len);
    free(part);
  }
  cr_expect_eq(msg_len, 77, "untouched until there is a frame");
  cr_expect_eq(frame_next(octets, 5, &msg_len), 5);
  cr_expect_eq(msg_len, 3);
  free(octets);
}

Test(frame, takes_one_at_a_time_and_leaves_the_next) {
  static const uint8_t octets[] = "\0\1a\0\0\0\2bc\0";
  size_t at = 0, msg_len, len = sizeof octets - 1;
  static const size_t want[] = {1, 0, 2};
  for (int i = 0; i < 3; i++) {
    size_t n = frame_next(octets + at, len - at, &msg_len);
    cr_assert_eq(n, FRAME_HEAD + want[i]);
    cr_assert_eq(msg_len, want[i]);
    at += n;
  }
  cr_expect_eq(frame_next(octets + at, len - at, &msg_len), 0);
}

Test(frame, may_be_as_long_as_two_octets_can_say) {
  size_t msg_len, whole = FRAME_HEAD + DNS_MSG_MAX;
  uint8_t *octets = calloc(1, whole);
  store_u16(octets, DNS_MSG_MAX);
  cr_expect_eq(frame_next(octets, whole - 1, &msg_len), 0);
  cr_expect_eq(frame_next(octets, whole, &msg_len), whole);
  cr_expect_eq(msg_len, DNS_MSG_MAX);
  free(octets);
}
