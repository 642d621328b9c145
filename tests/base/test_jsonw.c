/* test_jsonw.c: JSON, written piece by piece. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsonw.h"

/* What j holds, terminated; in static memory. */
static const char *text_of(const struct jsonw *j) {
  static char text[4096];
  cr_assert_lt(j->len, sizeof text);
  memcpy(text, j->text, j->len);
  text[j->len] = 0;
  return text;
}

/* What one string becomes. */
static const char *string(const char *text) {
  static char buffer[256];
  struct jsonw j = jsonw_into(buffer, sizeof buffer);
  jsonw_string(&j, NULL, text);
  cr_assert(!j.lost);
  return text_of(&j);
}

Test(jsonw, nests_objects_and_arrays_with_commas_where_they_belong) {
  struct jsonw j = {0};
  jsonw_open(&j, NULL, '{');
  jsonw_bool(&j, "ok", true);
  jsonw_open(&j, "empty", '[');
  jsonw_close(&j, ']');
  jsonw_open(&j, "list", '[');
  jsonw_uint(&j, NULL, 1);
  jsonw_string(&j, NULL, "two");
  jsonw_open(&j, NULL, '{');
  jsonw_close(&j, '}');
  jsonw_open(&j, NULL, '{');
  jsonw_bool(&j, "no", false);
  jsonw_close(&j, '}');
  jsonw_close(&j, ']');
  jsonw_real(&j, "real", 1.25, 1);
  jsonw_hex(&j, "hex", (const uint8_t *)"\x00\xfe\x1a", 3);
  jsonw_close(&j, '}');
  jsonw_line(&j);
  jsonw_uint(&j, NULL, UINT64_MAX);
  jsonw_line(&j);
  cr_expect_str_eq(
      text_of(&j),
      "{\"ok\":true,\"empty\":[],\"list\":[1,\"two\",{},{\"no\":false}],\"real\":1.2,\"hex\":\"00fe1a\"}\n"
      "18446744073709551615\n");
  jsonw_free(&j);
}

Test(jsonw, escapes_what_may_not_stand_in_a_string) {
  cr_expect_str_eq(string("a\"b\\c/d"), "\"a\\\"b\\\\c/d\"");
  cr_expect_str_eq(string("\x01\n\x1f\x7f"), "\"\\u0001\\u000a\\u001f\\u007f\"");
  cr_expect_str_eq(string(""), "\"\"");
  cr_expect_str_eq(string(NULL), "null");
}

Test(jsonw, escapes_keys_too) {
  char buffer[64];
  struct jsonw j = jsonw_into(buffer, sizeof buffer);
  jsonw_open(&j, NULL, '{');
  jsonw_uint(&j, "a\"", 0);
  cr_expect_str_eq(text_of(&j), "{\"a\\\"\":0");
}

Test(jsonw, lets_utf8_through_and_replaces_what_is_none) {
  static const char *const good[] = {"\xc2\x80",     "\xc3\xbc",         "\xe0\xa0\x80",    "\xed\x9f\xbf",
                                     "\xef\xbf\xbd", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"};
  static const char *const bad[] = {"\x80",
                                    "\xbf",
                                    "\xc0\x80",
                                    "\xc1\xbf",
                                    "\xc2",
                                    "\xe0\x9f\xbf",
                                    "\xe2\x82",
                                    "\xed\xa0\x80",
                                    "\xf0\x8f\xbf\xbf",
                                    "\xf0\x90\x80",
                                    "\xf4\x90\x80\x80",
                                    "\xf5\x80\x80\x80",
                                    "\xff"};
  char want[64];
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    snprintf(want, sizeof want, "\"%s\"", good[i]);
    cr_expect_str_eq(string(good[i]), want);
  }

  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    const char *got = string(bad[i]);
    cr_expect_eq(strncmp(got, "\"\\ufffd", 7), 0, "%zu: %s", i, got);
    for (; *got; got++) cr_expect_geq(*got, ' ');
  }

  cr_expect_str_eq(string("a\xc3"), "\"a\\ufffd\"");
  cr_expect_str_eq(string("\xe2\x82z"), "\"\\ufffd\\ufffdz\"");
}

Test(jsonw, never_writes_beyond_a_buffer_and_says_what_it_lost) {
  char buffer[64];
  static const char whole[] = "{\"key\":[1,\"text\",\"ab\"]}\n";

  for (size_t room = 0; room <= sizeof whole; room++) {
    memset(buffer, '#', sizeof buffer);
    struct jsonw j = jsonw_into(buffer, room);
    jsonw_open(&j, NULL, '{');
    jsonw_open(&j, "key", '[');
    jsonw_uint(&j, NULL, 1);
    jsonw_string(&j, NULL, "text");
    jsonw_hex(&j, NULL, (const uint8_t *)"\xab", 1);
    jsonw_close(&j, ']');
    jsonw_close(&j, '}');
    jsonw_line(&j);
    cr_expect_eq(j.lost, room < sizeof whole - 1, "%zu", room);
    cr_expect_leq(j.len, room);
    cr_expect_eq(memcmp(buffer, whole, j.len), 0);
    for (size_t i = room; i < sizeof buffer; i++) cr_assert_eq(buffer[i], '#');
  }
}

Test(jsonw, grows_with_what_is_written) {
  struct jsonw j = {0};
  jsonw_open(&j, NULL, '[');
  for (unsigned i = 0; i < 100000; i++) jsonw_string(&j, NULL, "x");
  jsonw_close(&j, ']');
  cr_expect_eq(j.len, 2 + 4 * 100000 - 1);
  cr_expect(!j.lost);
  jsonw_free(&j);
  cr_expect_null(j.text);
}

Test(jsonw, writes_any_finite_number) {
  struct jsonw j = {0};
  jsonw_real(&j, NULL, -1e308, 3);
  cr_expect(!j.lost);
  cr_expect_float_eq(atof(text_of(&j)), -1e308, 1e293);
  jsonw_free(&j);
}
