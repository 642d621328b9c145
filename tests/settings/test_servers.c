/* test_servers.c: servers to ask, in plain and over TLS, and who these have to be. */
#include <criterion/criterion.h>
#include <string.h>

#include "settings/said.h"
#include "settings/settings_priv.h"

static struct settings_servers set;

static const char *listed(void) {
  static char text[SETTINGS_LIST_TEXT];
  return settings_list_servers(&set, text);
}

static void setup(void) { settings_clear_servers(&set); }

TestSuite(servers, .init = setup);

Test(servers, are_taken_in_every_way_to_write_them) {
  cr_expect(settings_add_server("9.9.9.9", &set));
  cr_expect(settings_add_server("tls://9.9.9.9", &set));
  cr_expect(settings_add_server("tls://9.9.9.9:8853#DNS.Quad9.NET.", &set));
  cr_expect(settings_add_server("TLS://2620:fe::fe#dns.quad9.net", &set));
  cr_expect(settings_add_server("tls://[2620:fe::9]:443", &set));
  cr_expect(settings_add_server("tls://fe80::1%lo#a.b", &set));
  cr_expect_str_eq(listed(), "9.9.9.9:53, tls://9.9.9.9:853, tls://9.9.9.9:8853#dns.quad9.net, "
                             "tls://[2620:fe::fe]:853#dns.quad9.net, tls://[2620:fe::9]:443, "
                             "tls://[fe80::1%lo]:853#a.b");
}

Test(servers, over_https_have_a_path) {
  struct settings_pins pins = {0};
  struct ns_address a;
  cr_expect(settings_add_server("https://9.9.9.9", &set));
  cr_expect(settings_add_server("https://9.9.9.9/#dns.quad9.net", &set));
  cr_expect(settings_add_server("HTTPS://[2620:fe::fe]:8443/a/b?c=d#dns.quad9.net", &set));
  cr_expect(settings_add_server("https://9.9.9.9:443/dns-query", &set) && set.count == 3, "written twice");
  cr_expect_str_eq(listed(), "https://9.9.9.9:443/dns-query, https://9.9.9.9:443/dns-query#dns.quad9.net, "
                             "https://[2620:fe::fe]:8443/a/b?c=d#dns.quad9.net");
  settings_server_address(&set, 2, &pins, &a);
  cr_expect_eq(a.transport, TRANSPORT_HTTPS);
  cr_expect_str_eq(a.path, "/a/b?c=d");
  cr_expect_str_eq(a.expect.name, "dns.quad9.net");
  cr_expect(settings_asks_https(said_right("--forward a.b=https://192.0.2.1#c.d", NULL)));
  cr_expect_not(settings_asks_https(said_right("--upstream tls://9.9.9.9", NULL)));
}

Test(servers, are_one_when_they_are_written_twice) {
  cr_expect(settings_add_server("tls://9.9.9.9#a.b", &set) &&
            settings_add_server("tls://9.9.9.9:853#A.b", &set));
  cr_expect_eq(set.count, 1);
  cr_expect(settings_add_server("tls://9.9.9.9#c.d", &set) && settings_add_server("9.9.9.9:853", &set));
  cr_expect_eq(set.count, 3);
}

Test(servers, are_refused_with_what_would_be_right) {
  static const struct {
    const char *text, *why;
  } wrong[] = {
      {"tls://dns.quad9.net", "write tls://ADDRESS#dns.quad9.net"},
      {"tls://dns.quad9.net:853", "write tls://ADDRESS#dns.quad9.net"},
      {"tls://9.9.9.9#", "behind # should be the server's name"},
      {"tls://9.9.9.9#9.9.9.9", "behind # should be the server's name"},
      {"tls://9.9.9.9#dns quad9", "behind # should be the server's name"},
      {"tls://9.9.9.9#a..b", "behind # should be the server's name"},
      {"tls://9.9.9.9:0", "such as 9.9.9.9"},
      {"tls://", "such as 9.9.9.9"},
      {"tls://0.0.0.0", "such as 9.9.9.9"},
      {"quic://9.9.9.9", "such as 9.9.9.9"},
      {"9.9.9.9#dns.quad9.net", "such as 9.9.9.9"},
      {"tls:", "put the whole into quotes"},
      {"https://dns.quad9.net/dns-query", "write https://ADDRESS/dns-query#dns.quad9.net"},
      {"https://9.9.9.9/dns-query{?dns}", "without blanks and braces, such as /dns-query"},
      {"https://9.9.9.9/a b", "without blanks and braces"},
      {"https://9.9.9.9/a#", "behind # should be the server's name"},
      {"http://9.9.9.9/", "such as 9.9.9.9"},
  };
  char why[WHY_TEXT];
  for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    cr_expect_not(settings_add_server(wrong[i].text, &set), "%s", wrong[i].text);
    settings_explain_server(wrong[i].text, why);
    cr_expect(strstr(why, wrong[i].why), "%s: %s", wrong[i].text, why);
  }
  cr_expect_eq(set.count, 0);
}

Test(servers, have_room_for_names_of_any_length_and_an_end) {
  char text[600] = "tls://9.9.9.9#";
  for (unsigned i = 0; i < 4; i++)
    strncat(text, "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefgh.", 60);
  cr_expect(settings_add_server(text, &set));
  strncat(text, "abcdefghijabcdefghij", 21);
  cr_expect_not(settings_add_server(text, &set), "longer than a name may be");
}

Test(servers, say_whom_they_have_to_be) {
  struct settings_pins pins = {0};
  struct ns_address a;
  cr_assert(settings_add_server("tls://9.9.9.9#dns.quad9.net", &set) && settings_add_server("9.9.9.9", &set));
  cr_assert(settings_add_pin("sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", &pins));
  settings_server_address(&set, 0, &pins, &a);
  cr_expect(a.transport == TRANSPORT_TLS && a.expect.pin_count == 1 && a.expect.pins[0][0] == 0xe3);
  cr_expect_str_eq(a.expect.name, "dns.quad9.net");
  settings_server_address(&set, 1, &pins, &a);
  cr_expect(a.transport == TRANSPORT_UDP && a.expect.pin_count == 0 && !*a.expect.name);
}

Test(servers, have_pins_of_32_octets_in_base64) {
  static const char good[] = "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
  static const char *const wrong[] = {"",
                                      "sha256/",
                                      "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
                                      "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
                                      "sha256/47DEQpj8HBSa-_TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
                                      "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=",
                                      "sha512/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="};
  struct settings_pins pins = {0};
  char text[TLS_PIN_TEXT];
  cr_expect(settings_add_pin(good, &pins) && settings_add_pin(good, &pins) && pins.count == 1);
  cr_expect_str_eq(expect_format_pin(pins.list[0], text), good);
  for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++)
    cr_expect_not(settings_add_pin(wrong[i], &pins), "%s", wrong[i]);
}

Test(servers, of_a_domain_have_pins_of_their_own_or_those_of_all) {
  static const char file[] =
      "upstream { server = \"tls://9.9.9.9#dns.quad9.net\" }\n"
      "tls { ca = /etc/other pin = \"sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\" }\n"
      "forward a.example { upstream = \"tls://192.0.2.1#ns.a.example\" "
      "pin = \"sha256/J0giKRJyWK6mxd50wQTJu/ub3YmGRDkYZTGd0c1vNjI=\" }\n"
      "forward b.example { upstream = {\"tls://192.0.2.2\", 192.0.2.3} }\n";
  const struct settings *s = said_right("", file);
  cr_assert(s->forward_count == 2 && s->pins.count == 1 && settings_encrypts(s));
  cr_expect_str_eq(s->tls_ca, "/etc/other");
  cr_expect_eq(settings_forward_pins(s, &s->forwards[0])->list[0][0], 0x27);
  cr_expect_eq(settings_forward_pins(s, &s->forwards[1]), &s->pins);
  cr_expect_eq(s->forwards[1].servers.list[0].transport, TRANSPORT_TLS);
  cr_expect_eq(s->forwards[1].servers.list[1].transport, TRANSPORT_UDP);
  cr_expect(settings_encrypts(said_right("--forward a.b=tls://192.0.2.1#c.d", NULL)));
  cr_expect_not(settings_encrypts(said_right("--upstream 9.9.9.9", NULL)));
}

Test(servers, tls_is_tried_with_plain_ones_if_that_is_set) {
  cr_expect(settings_tries_tls(said_right("--upstream-tls opportunistic --upstream 9.9.9.9", NULL)));
  cr_expect(settings_tries_tls(said_right("--upstream-tls opportunistic", NULL)), "those of resolv.conf");
  cr_expect_not(settings_tries_tls(said_right("--upstream 9.9.9.9", NULL)));
  cr_expect_not(
      settings_tries_tls(said_right("--upstream-tls opportunistic --upstream tls://9.9.9.9#d", NULL)));
  const struct settings *s = said_right(
      "--upstream-tls opportunistic --upstream tls://9.9.9.9#d --forward a.b=192.0.2.1", NULL);
  cr_expect(settings_tries_tls(s) && settings_needs_proof(s) && settings_encrypts(s));
  s = said_right("--upstream-tls opportunistic --upstream 9.9.9.9", NULL);
  cr_expect(settings_encrypts(s) && !settings_needs_proof(s));
}

Test(servers, without_quotes_in_the_file_are_told_of_the_comment) {
  said_wrong_file("upstream {\n server = tls://9.9.9.9#dns.quad9.net\n}\n", 2, "quotes", "tls:");
}
