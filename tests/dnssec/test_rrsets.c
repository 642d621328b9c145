/* test_rrsets.c: records as sets. */
#include "dnssec/rrsets.h"

#include <criterion/criterion.h>

#include "kit/msg.h"

static struct rrsets sets;
static struct msg m;

static const struct rrset *find(const char *name, uint16_t type) {
  uint8_t octets[NAME_MAX_LEN];
  return rrsets_find(&sets, SECTION_ANSWER, octets, name_parse(name, octets), type);
}

static void read_message(void) { cr_assert_eq(rrsets_read(&sets, m.octets, m.len), ERR_NONE); }

Test(rrsets, a_set_of_another_class_is_not_found) {
  msg_answer(&m, "a.example", TYPE_A, RCODE_NOERROR);
  msg_record(&m, SECTION_ANSWER, "a.example", TYPE_TXT, 60, rd_txt("of class CH"));
  store_u16(m.octets + m.len - 20, 3);
  cr_assert_eq(load_u16(m.octets + m.len - 22), TYPE_TXT);
  read_message();
  cr_expect_eq(sets.sets[0].klass, 3);
  cr_expect_null(find("a.example", TYPE_TXT));

  msg_record(&m, SECTION_ANSWER, "A.Example", TYPE_TXT, 60, rd_txt("of class IN"));
  read_message();
  cr_expect_eq(sets.count, 2);
  cr_expect_eq(find("a.EXAMPLE", TYPE_TXT), &sets.sets[1]);
}
