/* test_question.c: what is asked, as key and hash. */
#include <criterion/criterion.h>

#include "dns/question.h"
#include "kit/made.h"

Test(question, key_is_name_in_lower_case_type_class_and_flags) {
  static const uint8_t name[] = {3, 'F', 'o', 'O', 2, 'a', 'Z', 0};
  static const uint8_t want[] = {3, 'f', 'o', 'o', 2, 'a', 'z', 0, 0, 33, 0, 1, KEY_DO | KEY_CD};
  struct question q;
  question_make(&q, name, sizeof name, TYPE_SRV, CLASS_IN, KEY_DO | KEY_CD, 1);
  cr_expect_eq(question_key_len(&q), sizeof want);
  cr_expect_arr_eq(q.key, want, sizeof want);
  cr_expect_eq(question_type(&q), TYPE_SRV);
  cr_expect_eq(question_class(&q), CLASS_IN);
  cr_expect_eq(question_flags(&q), KEY_DO | KEY_CD);
}

Test(question, spelling_does_not_matter) {
  struct question a, b;
  question_of(&a, "_XMPP-Client._tcp.Example.ORG", TYPE_SRV);
  question_of(&b, "_xmpp-client._TCP.example.org.", TYPE_SRV);
  cr_expect_eq(a.hash, b.hash);
  cr_expect(question_equal(&a, &b));
}

Test(question, everything_else_does) {
  static const uint8_t name[] = {1, 'a', 0}, other[] = {1, 'b', 0}, longer[] = {1, 'a', 1, 'a', 0};
  struct question q, v;

  question_make(&q, name, 3, TYPE_A, CLASS_IN, 0, 1);
  question_make(&v, other, 3, TYPE_A, CLASS_IN, 0, 1);
  cr_expect_not(question_equal(&q, &v));
  question_make(&v, longer, 5, TYPE_A, CLASS_IN, 0, 1);
  cr_expect_not(question_equal(&q, &v));
  question_make(&v, name, 3, TYPE_AAAA, CLASS_IN, 0, 1);
  cr_expect_not(question_equal(&q, &v));
  question_make(&v, name, 3, TYPE_A, 2, 0, 1);
  cr_expect_not(question_equal(&q, &v));
  question_make(&v, name, 3, TYPE_A, CLASS_IN, KEY_DO, 1);
  cr_expect_not(question_equal(&q, &v));
  question_make(&v, name, 3, TYPE_A, CLASS_IN, 0, 1);
  cr_expect(question_equal(&q, &v));
  v.hash = q.hash = 0; /* a collision of hashes is no equality */
  v.key[1] = 'b';
  cr_expect_not(question_equal(&q, &v));
}

Test(question, hash_depends_on_the_seed) {
  struct question a, b;
  question_make(&a, (const uint8_t *)"\1a", 3, TYPE_A, CLASS_IN, 0, 1);
  question_make(&b, (const uint8_t *)"\1a", 3, TYPE_A, CLASS_IN, 0, 2);
  cr_expect_neq(a.hash, b.hash);
}

Test(question, the_longest_name_fits) {
  uint8_t name[NAME_MAX_LEN];
  struct question q;
  for (int i = 0; i < 127; i++) {
    name[2 * i] = 1;
    name[2 * i + 1] = 'A';
  }
  name[254] = 0;
  question_make(&q, name, sizeof name, TYPE_A, CLASS_IN, KEY_CD, 1);
  cr_expect_eq(question_key_len(&q), KEY_MAX);
  cr_expect_eq(question_flags(&q), KEY_CD);
  cr_expect_eq(q.key[253], 'a');
}

Test(question, is_written_for_logs) {
  struct question q;
  char text[QUESTION_TEXT];
  question_of(&q, "Example.org", TYPE_SRV);
  cr_expect_str_eq(question_format(&q, text), "example.org. SRV");
  question_of(&q, ".", 65280);
  cr_expect_str_eq(question_format(&q, text), ". TYPE65280");
  question_make(&q, (const uint8_t *)"\1a", 3, TYPE_TXT, 4, 0, 1);
  cr_expect_str_eq(question_format(&q, text), "a. TXT CLASS4");
}

Test(question, octets_of_any_kind_cannot_break_a_log_line) {
  uint8_t name[NAME_MAX_LEN];
  struct question q;
  char text[QUESTION_TEXT];

  for (int base = 0; base < 256; base++) {
    for (int i = 0; i < 254; i += 63) name[i] = (uint8_t)(i + 63 < 254 ? 62 : 253 - i);
    for (int i = 0; i < 254; i++) {
      if (i % 63) name[i] = (uint8_t)(base + i);
    }
    name[254] = 0;
    question_make(&q, name, sizeof name, 65535, 65535, 0, 1);
    question_format(&q, text);
    cr_assert_lt(strlen(text), (size_t)QUESTION_TEXT);
    for (const char *c = text; *c; c++) cr_assert(*c >= ' ' && *c < 0x7f);
    cr_assert_not_null(strstr(text, ". TYPE65535 CLASS65535"));
  }
}
