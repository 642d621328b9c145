/* test_hide.c: what a report must not tell. */
#include "tool/hide.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static void expect(char *(*hide)(const char *text), const char *text, const char *should) {
  char *made = hide(text);
  cr_expect_str_eq(made, should);
  free(made);
}

Test(hide, values_of_secrets_are_hidden_and_where_they_come_from_is_not) {
  expect(hide_secrets,
         "  cookie-secret = \"0123456789abcdef\"  # JIDNS_COOKIE_SECRET\n  password = x\n  tls-key={\"a\", "
         "\"b\"}\n",
         "  cookie-secret = (hidden)  # JIDNS_COOKIE_SECRET\n  password = (hidden)\n  tls-key= (hidden)\n");
  expect(hide_secrets, "Token = \"a  # b\"  # default", "Token = (hidden)  # default");
}

Test(hide, all_else_stays) {
  static const char text[] = "cache {\n  size = \"64M\"  # default\n  tls-pin = \"abc=\"\n  keyboard = 1\n"
                             "  monkey-size = 2\n}\n\nkeys are 3 = 4\n = 5\n=\nqueries 7";
  expect(hide_secrets, text, text);
  expect(hide_secrets, "", "");
}

Test(hide, urls_have_no_user_and_password) {
  expect(hide_secrets, "server = {\"https://me:pass@dns.example/q\", \"https://dns.example/a@b\"}",
         "server = {\"https://(hidden)@dns.example/q\", \"https://dns.example/a@b\"}");
}

Test(hide, names_that_settings_say_are_hidden_everywhere_with_those_below) {
  expect(hide_names,
         "forward \"Corp.Example.\" {  # --forward\n  upstream = {\"10.0.0.1\"}\n}\n"
         "xmpp \"shop.example\" {\n  host \"xmpp1\" {\n  host \"x.y.example.\" {\n}\n"
         "zone \"lab\" {\n  file = \"/etc/zones/shop.example.zone\"\n  label = lab\n}\n"
         "corp.example. up, www.CORP.example, notcorp.example, shop.examples",
         "forward \"domain-1.\" {  # --forward\n  upstream = {\"10.0.0.1\"}\n}\n"
         "xmpp \"domain-2\" {\n  host \"xmpp1\" {\n  host \"domain-3.\" {\n}\n"
         "zone \"domain-4\" {\n  file = \"/etc/zones/domain-2.zone\"\n  label = domain-4\n}\n"
         "domain-1. up, domain-1, notcorp.example, shop.examples");
}

Test(hide, the_longest_of_names_within_each_other_counts) {
  expect(hide_names, "zone \"example\" {\nzone \"a.example\" {\nb.a.example b.example",
         "zone \"domain-1\" {\nzone \"domain-2\" {\ndomain-2 domain-1");
}

Test(hide, names_of_fault_rules_of_rebind_allow_and_of_the_server_are_names) {
  expect(hide_names,
         "  rule = \"name=*.a.lab,b.lab type=SRV name=c drop\"\n  rebind-allow = {\"d.lab\", \"e\"}\n"
         "  identity = \"ns1.f.lab\"\n  identity = \"one\"\na.lab b.lab c d.lab e ns1.f.lab",
         "  rule = \"name=*.domain-1,domain-2 type=SRV name=domain-3 drop\"\n"
         "  rebind-allow = {\"domain-4\", \"domain-5\"}\n  identity = \"domain-6\"\n  identity = \"one\"\n"
         "domain-1 domain-2 domain-3 domain-4 domain-5 domain-6");
}

Test(hide, broken_lines_do_no_harm) {
  static const char *const texts[] = {"zone \"",  "zone \"\" {", "rule = name=", "rebind-allow = \"\"",
                                      "xmpp \"x", "://",         "a = ://@"};
  for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++) {
    free(hide_names(texts[i]));
    free(hide_secrets(texts[i]));
  }
}
