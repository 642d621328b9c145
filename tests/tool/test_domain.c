/* test_domain.c: JIDs and names from the command line, and the server from resolv.conf. */
#include "tool/domain.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tool/idna.h"
#include "tool/nameserver.h"

static void expect_jid(const char *jid, const char *expected) {
  struct typed_domain typed;
  char text[NAME_TEXT];
  const char *why = domain_read_jid(jid, &typed);
  if (expected) {
    cr_assert_null(why, "%s: %s", jid, why);
    cr_expect_str_eq(domain_text(typed.name, typed.len, text), expected, "%s gave %s", jid, text);
  } else {
    cr_expect_not_null(why, "%s was taken", jid);
  }
}

Test(domain, is_what_stands_between_at_and_slash) {
  expect_jid("example.lab", "example.lab");
  expect_jid("juliet@example.lab", "example.lab");
  expect_jid("juliet@example.lab/balcony", "example.lab");
  expect_jid("example.lab/balcony", "example.lab");
  expect_jid("example.lab/a@b/c", "example.lab");
  expect_jid("juliet@example.lab/a@b", "example.lab");
  expect_jid("Example.LAB.", "Example.LAB");
  expect_jid("localhost", "localhost");
}

Test(domain, refuses_what_is_no_jid) {
  static const char *const wrong[] = {"",
                                      "@",
                                      "a@",
                                      "@example.lab",
                                      "/balcony",
                                      "a@/b",
                                      "a@b@c.lab",
                                      "a..lab",
                                      ".",
                                      "a@.",
                                      ".lab",
                                      "a b.lab",
                                      "a\tb.lab",
                                      "a\033.lab",
                                      "192.0.2.1",
                                      "a@192.0.2.1/x",
                                      "[::1]",
                                      "a@[2001:db8::1]",
                                      "2001:db8::1",
                                      "a\\999.lab"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) expect_jid(wrong[i], NULL);
}

static void expect_taken(const char *text, const char *expected, const char *from) {
  struct typed_domain typed;
  expect_jid(text, expected);
  cr_assert_null(domain_read_jid(text, &typed));
  cr_expect_eq(!typed.taken_from, !from, "%s: %s", text, typed.taken_from);
  if (from && typed.taken_from) cr_expect_str_eq(typed.taken_from, from);
}

Test(domain, is_taken_from_uris_urls_and_hosts_with_a_port) {
  expect_taken("xmpp:juliet@example.lab/balcony?message;body=a@b", "example.lab", "an XMPP URI");
  expect_taken("xmpp:room@conference.example.lab?join", "conference.example.lab", "an XMPP URI");
  expect_taken("XMPP:example.lab", "example.lab", "an XMPP URI");
  expect_taken("xmpp://guest@other.lab/support@example.lab?message", "example.lab", "an XMPP URI");
  expect_taken("xmpp://guest@example.lab", "example.lab", "an XMPP URI");
  expect_taken("https://example.lab/", "example.lab", "a URL");
  expect_taken("https://example.lab:5281/upload?x#y", "example.lab", "a URL");
  expect_taken("wss://juliet@example.lab", "example.lab", "a URL");
  expect_taken("example.lab:5222", "example.lab", "a host with a port");
  expect_taken("juliet@example.lab:5222/balcony", "example.lab", "a host with a port");
  expect_taken("example.lab/https://other.lab", "example.lab", NULL);
}

Test(domain, refuses_uris_without_a_domain) {
  static const char *const wrong[] = {"xmpp:",
                                      "xmpp:?join",
                                      "xmpp://",
                                      "https://",
                                      "https:///x",
                                      "https://192.0.2.1/",
                                      "https://[::1]:80/",
                                      "example.lab:",
                                      "example.lab:http",
                                      "192.0.2.1:5222",
                                      ":5222"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) expect_jid(wrong[i], NULL);
}

Test(domain, tells_what_older_programs_make_of_a_name) {
  struct typed_domain typed;
  if (domain_read_jid("stra\u00dfe.lab", &typed)) cr_skip_test("built without libidn2");
  cr_expect_str_eq(typed.other, "strasse.lab");
  cr_assert_null(domain_read_jid("b\u00fccher.lab", &typed));
  cr_expect_str_eq(typed.other, "", "both agree");
  cr_expect(!typed.bad_alabel);
  cr_assert_null(domain_read_jid("xn--bcher-kva.lab", &typed));
  cr_expect(!typed.bad_alabel);
  cr_assert_null(domain_read_jid("xn--zzzzzz.lab", &typed));
  cr_expect(typed.bad_alabel);
}

Test(domain, is_localhost_or_below_it) {
  uint8_t name[NAME_MAX_LEN];
  cr_expect(domain_is_localhost(name, name_parse("LocalHost", name)));
  cr_expect(domain_is_localhost(name, name_parse("a.localhost.", name)));
  cr_expect(!domain_is_localhost(name, name_parse("notlocalhost", name)));
  cr_expect(!domain_is_localhost(name, name_parse("localhost.lab", name)));
}

Test(domain, leaves_room_for_the_longest_service_to_the_octet) {
  char fits[300] = "", below[NAME_TEXT];
  uint8_t service[NAME_MAX_LEN];
  struct typed_domain typed;
  for (int i = 0; i < 117; i++) strcat(fits, "a."); /* 234 octets and the root's one */
  cr_assert_null(domain_read_jid(fits, &typed));
  cr_expect_eq(typed.len, 235);
  cr_expect_eq(domain_below("_xmpps-client._tcp", typed.name, typed.len, service), 235 + DOMAIN_PREFIX_MAX);
  snprintf(below, sizeof below, "b%s", fits); /* "ba.a.": one octet more */
  cr_assert_null(domain_read_jid(below, &typed));
  cr_expect_eq(typed.len, 236);
  cr_expect_eq(domain_below("_xmpps-client._tcp", typed.name, typed.len, service), NAME_MAX_LEN);
  snprintf(below, sizeof below, "bb%s", fits);
  cr_expect_not_null(domain_read_jid(below, &typed));
  cr_expect_eq(domain_below("_xmpps-client._tcp", typed.name, 237, service), 0);
}

Test(domain, refuses_one_longer_than_a_jid_may_hold) {
  char jid[1100];
  memset(jid, 'a', sizeof jid);
  jid[1024] = 0;
  expect_jid(jid, NULL);
  jid[64] = 0;
  expect_jid(jid, NULL);
  jid[63] = 0;
  expect_jid(jid, jid);
}

Test(domain, names_of_queries_may_be_the_root_and_hold_underscores_and_escapes) {
  uint8_t name[NAME_MAX_LEN];
  char text[NAME_TEXT];
  size_t len;
  cr_assert_null(domain_read_name(".", name, &len));
  cr_expect_str_eq(domain_text(name, len, text), ".");
  cr_assert_null(domain_read_name("_xmpp-client._tcp.a\\.b.lab", name, &len));
  cr_expect_str_eq(domain_text(name, len, text), "_xmpp-client._tcp.a\\.b.lab");
}

Test(domain, turns_letters_beyond_ascii_into_a_labels) {
  char *ascii = NULL;
  if (idna_to_ascii("b\303\274cher.lab", &ascii)) cr_skip_test("built without libidn2");
  free(ascii);
  expect_jid("b\303\274cher.lab", "xn--bcher-kva.lab");
  expect_jid("jos\303\251@B\303\234CHER.lab/b\303\274ro", "xn--bcher-kva.lab");
  expect_jid("fa\303\237.lab", "xn--fa-hia.lab"); /* non-transitional: the sharp s stays */
  expect_jid("b\303\274cher\343\200\202lab", "xn--bcher-kva.lab");
  expect_jid("b\374cher.lab", NULL); /* not UTF-8 */
}

Test(domain, knows_names_that_read_like_addresses) {
  static const struct {
    const char *name;
    bool is;
  } cases[] = {{"192.0.2.1", true},
               {"2001:db8::1", true},
               {"192.0.2", false},
               {"192.0.2.256", false},
               {"a.lab", false}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    uint8_t name[NAME_MAX_LEN];
    size_t len = name_parse(cases[i].name, name);
    cr_expect_eq(domain_is_address(name, len), cases[i].is, "%s", cases[i].name);
  }
}

static void expect_server(const char *file, const char *expected) {
  char path[] = "/tmp/jidns-resolv-XXXXXX", text[ADDR_TEXT];
  int fd = mkstemp(path);
  cr_assert_geq(fd, 0);
  cr_assert_eq(write(fd, file, strlen(file)), (ssize_t)strlen(file));
  close(fd);
  union addr a;
  nameserver_first(path, &a, stderr);
  unlink(path);
  cr_expect_str_eq(addr_format(&a, text), expected, "%s gave %s", file, text);
}

Test(nameserver, is_the_first_of_the_file) {
  expect_server("nameserver 192.0.2.1\nnameserver 192.0.2.2\n", "192.0.2.1:53");
  expect_server("# nameserver 192.0.2.9\nsearch lab\n\toptions x\nnameserver\t2001:db8::1  # ours\r\n",
                "[2001:db8::1]:53");
  expect_server("nameserver\nnameserver bogus\nnameserver 192.0.2.3", "192.0.2.3:53");
}

Test(nameserver, is_read_as_the_daemon_reads_it) {
  expect_server("nameserver 127.0.0.11#53\n", "127.0.0.11:53");
  expect_server("nameserver 127.0.0.11;53\n", "127.0.0.11:53");
  expect_server(" nameserver 192.0.2.1\nnameserver 192.0.2.2\n", "192.0.2.2:53");
  expect_server("nameserver 192.0.2.1:5353\nnameserver [2001:db8::1]:53\n", "[2001:db8::1]:53");
  expect_server("nameserver 0.0.0.0\n", "127.0.0.1:53");
  expect_server("nameserver ::ffff:192.0.2.1\n", "192.0.2.1:53");
  expect_server("nameserver fe80::1%lo\n", "[fe80::1%lo]:53");
}

Test(nameserver, is_loopback_when_the_file_names_none) {
  expect_server("", "127.0.0.1:53");
  expect_server("search lab\n", "127.0.0.1:53");
  char text[ADDR_TEXT];
  union addr a;
  char said[256] = "";
  FILE *err = fmemopen(said, sizeof said, "w");
  nameserver_first("/nonexistent/resolv.conf", &a, err);
  fclose(err);
  cr_expect_str_eq(said, "jidns: /nonexistent/resolv.conf: there is no such file: asking 127.0.0.1, as "
                         "programs do; --server ADDR asks another\n");
  cr_expect_str_eq(addr_format(&a, text), "127.0.0.1:53");
}
