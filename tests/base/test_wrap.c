/* test_wrap.c: sentences in lines. */
#include "base/wrap.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static void expect(unsigned width, unsigned first, unsigned indent, const char *text, const char *want) {
  char *got = NULL;
  size_t len;
  FILE *out = open_memstream(&got, &len);
  wrap_text(out, width, first, indent, text);
  fclose(out);
  cr_expect_str_eq(got, want);
  free(got);
}

Test(wrap, breaks_between_words_and_keeps_the_blanks_within_a_line) {
  expect(10, 0, 0, "", "\n");
  expect(10, 0, 0, "one two three", "one two\nthree\n");
  expect(10, 0, 2, "one  two  three", "one  two\n  three\n");
  expect(8, 0, 0, "one  two", "one  two\n");
  expect(7, 0, 0, "one  two", "one\ntwo\n");
}

Test(wrap, begins_where_the_output_is_and_leaves_long_words_whole) {
  expect(10, 6, 2, "four five", "four\n  five\n");
  expect(10, 8, 2, "four five", "\n  four\n  five\n");
  expect(10, 2, 2, "a-word-too-long for it", "a-word-too-long\n  for it\n");
}
