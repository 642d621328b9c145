/* test_resolvconf.c: which servers a resolv.conf names. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/resolvconf.h"

static struct resolvconf found;
static union addr own[4];
static unsigned owns;

static void listens(const char *text) { cr_assert(addr_parse(text, 53, &own[owns++])); }

static void read_octets(const char *text, size_t len) {
  char path[64];
  int fd = memfd_create("resolv.conf", MFD_CLOEXEC);
  cr_assert_eq(write(fd, text, len), (ssize_t)len);
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  memset(&found, 0xee, sizeof found);
  cr_expect_eq(resolvconf_read(path, own, owns, &found), found.count > 0);
  close(fd);
}

static void read_text(const char *text) { read_octets(text, strlen(text)); }

/* The servers as one string: "192.0.2.1:53 [2001:db8::1]:53". */
static const char *servers(void) {
  static char all[(RESOLVCONF_SERVERS + 1) * ADDR_TEXT];
  char one[ADDR_TEXT];
  all[0] = 0;
  for (unsigned i = 0; i < found.count; i++) {
    if (i) strcat(all, " ");
    strcat(all, addr_format(&found.servers[i], one));
  }
  return all;
}

#define expect_servers(text, want)                                                                           \
  do {                                                                                                       \
    read_text(text);                                                                                         \
    cr_expect_str_eq(servers(), want, "%s gives %s", text, servers());                                       \
  } while (0)

Test(resolvconf, takes_nameservers_in_their_order) {
  expect_servers("nameserver 192.0.2.1\nnameserver 2001:db8::1\nnameserver 198.51.100.7\n",
                 "192.0.2.1:53 [2001:db8::1]:53 198.51.100.7:53");
}

Test(resolvconf, takes_nothing_else) {
  expect_servers("# nameserver 192.0.2.1\n;nameserver 192.0.2.2\nsearch example.org\noptions edns0\n"
                 "domain nameserver\n nameserver 192.0.2.3\nnameservers 192.0.2.4\nNameserver 192.0.2.5\n"
                 "nameserver\nnameserver \nnameserver192.0.2.6\n\n\n",
                 "");
  cr_expect(found.state == RESOLVCONF_WRONG && found.wrong == 1 && found.wrong_line == 10);
  expect_servers("", "");
  cr_expect(found.state == RESOLVCONF_EMPTY);
  expect_servers("# nameserver 192.0.2.1\n", "");
  cr_expect(found.state == RESOLVCONF_EMPTY);
}

Test(resolvconf, spaces_comments_and_line_ends_do_not_matter) {
  expect_servers("nameserver\t192.0.2.1 \t # the first\r\nnameserver   192.0.2.2;second\n"
                 "nameserver 192.0.2.3\r\nnameserver \t 192.0.2.4",
                 "192.0.2.1:53 192.0.2.2:53 192.0.2.3:53 192.0.2.4:53");
}

Test(resolvconf, what_is_no_address_is_left_out) {
  expect_servers("nameserver one.one.one.one\nnameserver 192.0.2\nnameserver 192.0.2.1.5\n"
                 "nameserver 192.0.2.256\nnameserver 2001:db8::g\nnameserver 192.0.2.1:5353\n"
                 "nameserver [2001:db8::1]:5353\n"
                 "nameserver fe80::1%nosuchif\nnameserver #\nnameserver 192.0.2.9\n",
                 "192.0.2.9:53");
  cr_expect(found.wrong == 8 && found.wrong_line == 1 && found.away == 1);
  cr_expect_str_eq(found.wrong_word, "one.one.one.one");
}

Test(resolvconf, a_port_behind_a_hash_is_a_comment) {
  expect_servers("nameserver 127.0.0.11#53\nnameserver 127.0.0.12#5353\n", "127.0.0.11:53 127.0.0.12:53");
}

Test(resolvconf, an_octet_of_zero_ends_a_line_but_not_the_next) {
  static const char text[] =
      "nameserver 192.0.2.1\0 x\nnameserver 192.0.2.2\n\0nameserver 192.0.2.3\nnameserver 192.0.2.4";
  read_octets(text, sizeof text - 1);
  cr_expect_str_eq(servers(), "192.0.2.1:53 192.0.2.2:53 192.0.2.4:53");
}

Test(resolvconf, an_interface_may_be_named_or_numbered) {
  char text[64];
  snprintf(text, sizeof text, "nameserver fe80::1%%%u\n", if_nametoindex("lo"));
  expect_servers(text, "[fe80::1%lo]:53");
  expect_servers("nameserver fe80::1%999999\nnameserver fe80::1%nosuchif\n", "");
  cr_expect(found.state == RESOLVCONF_AWAY && found.away == 2 && found.wrong == 0);
  expect_servers("nameserver fe80::1%\nnameserver fe80::1%99999999999999999\nnameserver fe80::1%a/b\n", "");
  cr_expect(found.state == RESOLVCONF_WRONG && found.wrong == 3);
}

Test(resolvconf, a_scope_is_kept) {
  expect_servers("nameserver fe80::1%lo\n", "[fe80::1%lo]:53");
  cr_expect_eq(found.servers[0].v6.sin6_scope_id, if_nametoindex("lo"));
}

Test(resolvconf, each_server_is_named_once) {
  expect_servers("nameserver 192.0.2.1\nnameserver 2001:db8::1\nnameserver 192.0.2.1\n"
                 "nameserver 2001:db8:0::1\nnameserver ::ffff:192.0.2.1\n",
                 "192.0.2.1:53 [2001:db8::1]:53");
}

Test(resolvconf, writes_no_more_than_there_is_room_for) {
  char text[512] = "";
  for (int i = 1; i <= 12; i++)
    snprintf(text + strlen(text), sizeof text - strlen(text), "nameserver 192.0.2.%d\n", i);
  read_text(text);
  cr_expect_eq(found.count, RESOLVCONF_SERVERS);
}

Test(resolvconf, the_unspecified_address_is_loopback) {
  expect_servers("nameserver 0.0.0.0\nnameserver ::\n", "127.0.0.1:53 [::1]:53");
}

Test(resolvconf, what_it_listens_on_is_left_out) {
  listens("127.0.0.1");
  listens("[2001:db8::53]:53");
  listens("192.0.2.1:5353");
  expect_servers("nameserver 127.0.0.1\nnameserver 0.0.0.0\nnameserver ::ffff:127.0.0.1\n"
                 "nameserver 2001:db8::53\nnameserver 127.0.0.53\nnameserver ::1\nnameserver 192.0.2.1\n",
                 "127.0.0.53:53 [::1]:53 192.0.2.1:53");
}

Test(resolvconf, a_wildcard_covers_all_of_loopback) {
  const char text[] = "nameserver 127.0.0.1\nnameserver 127.0.0.53\nnameserver ::1\nnameserver 192.0.2.1\n";
  listens("0.0.0.0");
  expect_servers(text, "192.0.2.1:53");
  owns = 0;
  listens("[::]:53");
  expect_servers(text, "192.0.2.1:53");
  owns = 0;
  listens("0.0.0.0:5353");
  expect_servers(text, "127.0.0.1:53 127.0.0.53:53 [::1]:53 192.0.2.1:53");
}

Test(resolvconf, a_wildcard_covers_the_interfaces_addresses) {
  struct ifaddrs *all;
  char text[64] = "";

  cr_assert_eq(getifaddrs(&all), 0);
  for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
    if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET || i->ifa_flags & IFF_LOOPBACK) continue;
    union addr a;
    memcpy(&a.v4, i->ifa_addr, sizeof a.v4);
    snprintf(text, sizeof text, "nameserver %s\n", inet_ntoa(a.v4.sin_addr));
  }

  freeifaddrs(all);
  if (!text[0]) cr_skip_test("no interface but loopback");
  read_text(text);
  cr_expect_eq(found.count, 1);
  listens("0.0.0.0");
  read_text(text);
  cr_expect(found.count == 0 && found.state == RESOLVCONF_OWN);
}

Test(resolvconf, long_lines_are_one_line) {
  static char text[4096];
  memset(text, ' ', sizeof text);
  memcpy(text, "search", 6);
  memcpy(text + 511, "nameserver 192.0.2.1", 20); /* where the second piece starts */
  memcpy(text + 1022, "nameserver 192.0.2.2\nnameserver 192.0.2.3\n", 42);
  read_octets(text, 1064);
  cr_expect_str_eq(servers(), "192.0.2.3:53");
}

Test(resolvconf, a_file_without_end_is_not_read_to_it) {
  static char text[RESOLVCONF_LINES + 64];
  memset(text, '\n', sizeof text);
  memcpy(text + RESOLVCONF_LINES - 1, "nameserver 192.0.2.1\n", 21);
  memcpy(text + RESOLVCONF_LINES + 20, "nameserver 192.0.2.2\n", 21);
  read_octets(text, sizeof text);
  cr_expect_str_eq(servers(), "192.0.2.1:53");
  cr_expect_not(resolvconf_read("/dev/zero", own, owns, &found));
  cr_expect_eq(found.state, RESOLVCONF_EMPTY);
}

static void expect_why(const char *path, const char *why) {
  char text[RESOLVCONF_TEXT];
  cr_expect_not(resolvconf_read(path, own, owns, &found));
  cr_expect_str_eq(resolvconf_why(path, &found, text), why);
}

Test(resolvconf, says_why_it_cannot_be_read) {
  char folder[] = "/tmp/jidns-resolv-XXXXXX", path[64], why[128];
  cr_assert_not_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/r", folder);
  expect_why("/nonexistent/resolv.conf", "/nonexistent/resolv.conf: there is no such file");
  expect_why("/", "/ is not a file");

  cr_assert_eq(symlink("../run/nowhere", path), 0);
  snprintf(why, sizeof why, "%s is a link to ../run/nowhere, which is not there", path);
  expect_why(path, why);
  unlink(path);

  cr_assert_eq(mkfifo(path, 0600), 0);
  snprintf(why, sizeof why, "%s is not a file", path);
  expect_why(path, why);
  unlink(path);
  rmdir(folder);
}
