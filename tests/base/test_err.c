/* test_err.c: the table of failures. */
#include <criterion/criterion.h>
#include <ctype.h>
#include <string.h>

#include "base/err.h"

Test(err, every_failure_has_a_word_of_its_own_fit_for_a_label) {
  for (int e = 0; e < ERR_COUNT; e++) {
    const char *word = err_word((enum err)e);
    cr_assert_gt(strlen(word), 0);
    for (const char *c = word; *c; c++) cr_expect(islower((unsigned char)*c) || *c == '-', "%s", word);
    for (int k = 0; k < e; k++) cr_expect_str_neq(word, err_word((enum err)k));
  }
  cr_expect_str_eq(err_word(ERR_NONE), "none");
  cr_expect_str_eq(err_word(ERR_TIMEOUT), "timeout");
}

Test(err, every_sentence_fits_an_extended_error) {
  for (int e = 0; e < ERR_COUNT; e++) {
    const char *text = err_text((enum err)e);
    cr_expect_gt(strlen(text), 5);
    cr_expect_leq(strlen(text), 100, "answer_fail cuts it: %s", text);
    for (const char *c = text; *c; c++) cr_expect(isprint((unsigned char)*c));
  }
}

Test(err, codes_are_those_of_rfc_8914) {
  cr_expect_eq(err_ede(ERR_TIMEOUT), 22, "No Reachable Authority");
  cr_expect_eq(err_ede(ERR_UNREACHABLE), 23, "Network Error");
  cr_expect_eq(err_ede(ERR_TCP), 23);
  cr_expect_eq(err_ede(ERR_NO_UPSTREAM), 22);
  for (int e = 0; e < ERR_COUNT; e++) cr_expect_leq(err_ede((enum err)e), 24);
}
