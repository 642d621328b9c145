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
  cr_expect_str_eq(shown("a\nb\x1b[31m\x7f", SHOWN_MAX), "a?b?[31m?");
  cr_expect_str_eq(shown("J\xc3\xbclia", SHOWN_MAX), "J\xc3\xbclia");
}

Test(shown, long_text_is_cut_behind_the_most) {
  cr_expect_str_eq(shown("12345", 5), "12345");
  cr_expect_str_eq(shown("123456", 5), "12345...");
  cr_expect_str_eq(shown("", 5), "");
}

Test(shown, nothing_turns_the_direction_of_writing_or_is_a_control_character_in_utf_8) {
  static const char *const harmful[] = {"\xc2\x80",     "\xc2\x9b",     "\xc2\x9f",     "\xd8\x9c",
                                        "\xe2\x80\x8e", "\xe2\x80\x8f", "\xe2\x80\xaa", "\xe2\x80\xae",
                                        "\xe2\x81\xa6", "\xe2\x81\xa9"};
  char text[16];
  for (size_t i = 0; i < sizeof harmful / sizeof *harmful; i++) {
    snprintf(text, sizeof text, "a%sb", harmful[i]);
    cr_expect_str_eq(shown(text, SHOWN_MAX), "a?b", "%zu", i);
  }
  cr_expect_str_eq(shown("\xc2\xa0\xe2\x80\x93\xe2\x81\xaa", SHOWN_MAX), "\xc2\xa0\xe2\x80\x93\xe2\x81\xaa");
  cr_expect_str_eq(shown("a\xe2\x80", SHOWN_MAX), "a\xe2\x80", "cut short");
}
