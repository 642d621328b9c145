/* test_type.c: names of record types. */
#include <criterion/criterion.h>

#include "dns/dns.h"
#include "dns/type.h"

Test(type, every_number_is_read_as_it_was_written) {
  char text[TYPE_TEXT];
  for (unsigned type = 1; type <= UINT16_MAX; type++) {
    uint16_t again = 0;
    cr_assert(type_parse(type_format((uint16_t)type, text), &again), "%s", text);
    cr_assert_eq(again, type);
  }
}

Test(type, is_read_in_any_case_and_by_number) {
  static const struct {
    const char *text;
    uint16_t type;
  } all[] = {{"SRV", TYPE_SRV},    {"srv", TYPE_SRV},    {"Aaaa", TYPE_AAAA},
             {"type33", TYPE_SRV}, {"TYPE65535", 65535}, {"ANY", TYPE_ANY}};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    uint16_t type = 0;
    cr_expect(type_parse(all[i].text, &type), "%s", all[i].text);
    cr_expect_eq(type, all[i].type, "%s", all[i].text);
  }
}

Test(type, what_is_none_is_refused_and_leaves_out_untouched) {
  static const char *const wrong[] = {"",       "SVR",    "SRV ",      " SRV",
                                      "TYPE",   "TYPE0",  "TYPE65536", "TYPE-1",
                                      "TYPE 1", "TYPE1x", "33",        "TYPE99999999999999999999"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    uint16_t type = 77;
    cr_expect_not(type_parse(wrong[i], &type), "%s", wrong[i]);
    cr_expect_eq(type, 77);
  }
}
