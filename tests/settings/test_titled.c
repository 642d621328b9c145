/* test_titled.c: sections that have a title and stand there many times. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "dns/name.h"
#include "settings/said.h"

static void expect_forward(const struct settings *s, unsigned i, const char *domain, const char *first,
                           unsigned count) {
  char text[NAME_TEXT];
  cr_assert(i < s->forward_count, "%u of %u", i, s->forward_count);
  const struct settings_forward *f = &s->forwards[i];
  cr_expect_str_eq(name_format(f->domain.octets, f->domain.len, text), domain);
  cr_expect(is_addr(&f->servers.list[0].addr, first));
  cr_expect_eq(f->servers.count, count);
}

Test(titled, sections_of_one_name_each_make_an_element) {
  const struct settings *s = said_right(
      "", "forward \"Corp.Example\" { upstream = {10.0.0.1, \"[fd00::1]:5353\"} }\n"
          "cache { size = 64M }\n"
          "forward _udp.zones. { # of the lab\n upstream = {\"10.0.0.2:54\"}\n}\n"
          "forward 'third.example' { upstream = 10.0.0.3 }");
  cr_assert_eq(s->forward_count, 3);
  expect_forward(s, 0, "corp.example.", "10.0.0.1:53", 2);
  expect_forward(s, 1, "_udp.zones.", "10.0.0.2:54", 1);
  expect_forward(s, 2, "third.example.", "10.0.0.3:53", 1);
  cr_expect_eq(s->cache_size, 64u << 20);
  cr_expect(is_addr(&s->forwards[0].servers.list[1].addr, "[fd00::1]:5353"));
}

Test(titled, options_and_variables_make_sections_of_their_one_key) {
  setenv("JIDNS_FORWARD", "one.example=10.0.0.1,10.0.0.2 two.example=10.0.0.3", 1);
  const struct settings *s = said_right(
      "--forward three.example=10.0.0.4 --forward four.example=10.0.0.5,fd00::1", NULL);
  cr_assert_eq(s->forward_count, 4);
  expect_forward(s, 0, "one.example.", "10.0.0.1:53", 2);
  expect_forward(s, 1, "two.example.", "10.0.0.3:53", 1);
  expect_forward(s, 2, "three.example.", "10.0.0.4:53", 1);
  expect_forward(s, 3, "four.example.", "10.0.0.5:53", 2);
}

Test(titled, a_higher_source_takes_the_place_of_the_same_title_and_leaves_the_others) {
  const char *file =
      "forward a.example { upstream = {10.0.0.1, 10.0.0.2} } forward b.example { upstream = 10.0.0.3 }\n"
      "forward c.example { upstream = 10.0.0.4 }";
  setenv("JIDNS_FORWARD", "B.example.=10.1.0.1 c.example=10.1.0.2", 1);
  const struct settings *s = said_right("--forward C.EXAMPLE=10.2.0.1 --forward d.example=10.2.0.2", file);
  cr_assert_eq(s->forward_count, 4);
  expect_forward(s, 0, "a.example.", "10.0.0.1:53", 2);
  expect_forward(s, 1, "b.example.", "10.1.0.1:53", 1);
  expect_forward(s, 2, "c.example.", "10.2.0.1:53", 1);
  expect_forward(s, 3, "d.example.", "10.2.0.2:53", 1);
}

Test(titled, what_a_higher_source_replaces_must_be_right_all_the_same) {
  struct said *said = said_file("--forward a.example=10.0.0.1", "forward a.example { upstream = nonsense }");
  cr_expect(said->outcome == SETTINGS_WRONG &&
                strstr(said->err, "settings.conf:1: upstream 'nonsense': should be"),
            "%s", said->err);
}

Test(titled, titles_that_are_no_domain_names_are_named) {
  static const char *const titles[] = {
      "a..b",      ".a",
      ".",         "corp example",
      "*.example", "a\\\\.b",
      "a:b",       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.b" /* 64 octets */};
  for (unsigned i = 0; i < sizeof titles / sizeof *titles; i++) {
    char text[200];
    snprintf(text, sizeof text, "\n\nforward \"%s\" { upstream = 10.0.0.1 }", titles[i]);
    said_wrong_file(text, 3, "forward '", "should be a domain name such as corp.example");
  }
  said_wrong("--forward a..b=10.0.0.1", "--forward 'a..b'", "should be a domain name");
  said_wrong("--forward =10.0.0.1", "--forward ''", "should be a domain name");
}

Test(titled, wrong_values_are_named_as_elsewhere) {
  said_wrong_file("forward a.example {\n upstream = {10.0.0.1,\n 10.0.0.256}}", 3, "upstream '10.0.0.256'",
                  "should be a server's address");
  said_wrong("--forward a.example=10.0.0.1,,10.0.0.2", "--forward ''", "should be a server's address");
  said_wrong("--forward a.example=", "--forward ''", "should be a server's address");
  said_wrong("--forward a.example=0.0.0.0", "--forward '0.0.0.0'", "should be a server's address");
}

Test(titled, unknown_keys_are_named_with_the_nearest_or_their_home) {
  said_wrong_file("forward a.example {\n upstraem = {10.0.0.1} }", 2, "'upstraem'",
                  "did you mean 'upstream'?");
  said_wrong_file("forward a.example {\n size = 64M }", 2, "'size'", "should stand in the section 'cache'");
  said_wrong_file("cache {\n cache-size = 64M }", 2, "'cache-size'", "should be 'size' here");
  said_wrong_file("forwrad \"a.example\" { }", 1, "'forwrad'", "did you mean 'forward'?");
}

Test(titled, the_same_title_twice_is_named_with_the_line_of_the_first) {
  said_wrong_file("forward a.example { upstream = 10.0.0.1 }\n\nforward A.example. { upstream = 10.0.0.2 }",
                  3, "forward 'A.example.'", "is already set in line 1");
  said_wrong("--forward a.example=10.0.0.1 --forward a.example=10.0.0.1", "--forward 'a.example'",
             "is already set");
}

Test(titled, keys_that_must_be_there_are_asked_for) {
  said_wrong_file("\nforward a.example {\n}\n", 2, "forward 'a.example'",
                  "has no upstream; should be a server's address");
  said_wrong_file("\nforward a.example { upstream = {} }\n", 2, "forward 'a.example'", "has no upstream");
  said_wrong("--forward a.example", "--forward 'a.example'",
             "should be DOMAIN=ADDR, with a server's address");
}

Test(titled, a_title_is_asked_for_where_it_belongs_and_only_there) {
  said_wrong_file("\nforward { upstream = 10.0.0.1 }", 2, "'forward'",
                  "should be forward \"DOMAIN\" { KEY = VALUE }");
  said_wrong_file("\nforward \"\" { upstream = 10.0.0.1 }", 2, "'forward'",
                  "should be forward \"DOMAIN\" { KEY = VALUE }");
  said_wrong_file("\ncache \"x\" { size = 64M }", 2, "'cache'", "should be cache { KEY = VALUE }");
  said_wrong_file("cache x y { size = 64M }", 1, "cache", "should be SECTION { KEY = VALUE }");
  said_wrong_file("forward = 10.0.0.1", 1, "'forward'", "should be forward \"DOMAIN\" { KEY = VALUE }");
  said_wrong_file("listen = 10.0.0.1", 1, "'listen'", "should be listen { KEY = VALUE }");
  said_wrong_file("cache {\n forward a.example { upstream = 10.0.0.1 } }", 2, "'forward'",
                  "should stand in no other section");
}

Test(titled, there_may_be_as_many_as_there_is_room_for) {
  char text[SETTINGS_FORWARDS * 60 + 100] = "";
  for (unsigned i = 0; i < SETTINGS_FORWARDS; i++)
    sprintf(text + strlen(text), "forward d%u.example { upstream = 10.0.0.1 }\n", i);
  cr_expect_eq(said_right("", text)->forward_count, SETTINGS_FORWARDS);
  cr_expect_eq(said_right("--forward d3.example=10.0.0.2", text)->forward_count, SETTINGS_FORWARDS);
  strcat(text, "forward more.example { upstream = 10.0.0.1 }\n");
  said_wrong_file(text, SETTINGS_FORWARDS + 1, "forward 'more.example'", "at most 32");
  said_wrong_file("forward a.example { upstream = "
                  "{10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4,10.0.0.5,10.0.0.6,10.0.0.7,10.0.0.8,10.0.0.9} }",
                  1, "upstream '10.0.0.9'", "at most 8");
}

Test(titled, may_be_empty_of_values_that_none_needs_and_stand_twice_without_a_title) {
  const struct settings *s = said_right("", "cache {} cache { size = 64M } cache { max-stale = 0 }");
  cr_expect(s->cache_size == 64u << 20 && s->forward.max_stale_s == 0);
  said_wrong_file("cache { size = 64M }\ncache { size = 65M }", 2, "size: is already set", "line 1");
}

Test(titled, are_printed_with_their_sources_and_read_back_as_the_same) {
  setenv("JIDNS_FORWARD", "env.example=10.0.0.2", 1);
  struct said *said = said_file("--forward option.example=10.0.0.3,10.0.0.4 --print-config",
                                "\nforward \"file.example\" {\n  upstream = {10.0.0.1}\n}\nforward "
                                "option.example { upstream = 10.0.0.9 }");
  cr_assert(said->outcome == SETTINGS_TOLD, "%s", said->err);
  const char *file = strstr(said->out,
                            "forward \"file.example\" {  # settings.conf:2\n  upstream = {\"10.0.0.1\"}  # "
                            "settings.conf:3\n  max-ttl = \"0\"  # default\n  prefetch-guess = \"auto\"  # "
                            "default\n  dnssec = \"off\"  # default\n  shared = \"off\"  # default\n}\n");
  const char *env = strstr(said->out, "forward \"env.example\" {  # JIDNS_FORWARD\n  upstream = "
                                      "{\"10.0.0.2\"}  # JIDNS_FORWARD\n  max-ttl = \"0\"  # default\n  "
                                      "prefetch-guess = \"auto\"  # default\n  dnssec = \"off\"  # default\n"
                                      "  shared = \"off\"  # default\n}\n");
  const char *option = strstr(said->out,
                              "forward \"option.example\" {  # --forward\n  upstream = {\"10.0.0.3\", "
                              "\"10.0.0.4\"}  # --forward\n  max-ttl = \"0\"  # default\n  prefetch-guess = "
                              "\"auto\"  # default\n  dnssec = \"off\"  # default\n"
                              "  shared = \"off\"  # default\n}\n");
  cr_expect(file && env && option && !strstr(said->out, "10.0.0.9"), "%s", said->out);
  unsetenv("JIDNS_FORWARD");
  char *text = strdup(said->out);
  expect_forward(said_right("", text), 0, "option.example.", "10.0.0.3:53", 2);
  free(text);
}

Test(titled, refuses_to_ask_itself) {
  said_wrong("--listen 127.0.0.1:5353 --forward a.example=127.0.0.1:5353", "--forward '127.0.0.1:5353'",
             "jidnsd itself listens there");
}

Test(titled, signs_that_libconfuse_would_leave_out_are_named) {
  said_wrong_file("\naccess { allow = *10.0.0.0/8 }", 2, "'*'", "within \"...\"");
  said_wrong_file("cache { size = +64M }", 1, "'+'", "within \"...\"");
  cr_expect_eq(
      said_right("", "access { allow = {10.0.0.0/8}\r\nallow += {10.1.0.0/16} }")->access.allow_count, 2);
}

Test(titled, switches_may_say_true_and_false) {
  cr_expect(said_right("", "xmpp { prefetch = false } cache { nxdomain-cut = true }")->forward.nxdomain_cut);
  cr_expect_not(said_right("--prefetch false", NULL)->xmpp.prefetch);
}

Test(titled, words_that_the_environment_leaves_empty_or_open_are_named) {
  said_wrong_file("\n${JIDNS_NO_SUCH} = 3", 2, "an empty word", "should be SECTION");
  said_wrong_file("cache {\n \"\" = 64M }", 2, "an empty word", "should be SECTION");
  said_wrong_file("cache { size = ${HOME\n} }", 1, "not closed", "}");
  setenv("MADE_UP", "64M", 1);
  cr_expect_eq(said_right("", "cache { size = ${MADE_UP} }")->cache_size, 64u << 20);
}
