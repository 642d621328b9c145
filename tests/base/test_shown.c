/* test_shown.c: somebody else's text inside a complaint. */
#include "base/shown.h"

#include <criterion/criterion.h>

static const char *shown(const char *text, size_t most) {
  static char out[100];
  *out = 0;
  FILE *f = fmemopen(out, sizeof out, "w");
  shown_put(f, text, most);
  fclose(f);
  return out;
}

Test(shown, control_characters_make_no_lines_and_no_colours) {
  cr_expect_str_eq(shown("a\nb\x1b[31m\x7f", SHOWN_MOST), "a?b?[31m?");
  cr_expect_str_eq(shown("J\xc3\xbclia", SHOWN_MOST), "J\xc3\xbclia");
}

Test(shown, long_text_is_cut_behind_the_most) {
  cr_expect_str_eq(shown("12345", 5), "12345");
  cr_expect_str_eq(shown("123456", 5), "12345...");
  cr_expect_str_eq(shown("", 5), "");
}
