/* test_zonefile.c: zone files as they are written, and what is said of wrong ones. */
#include "rr/zonefile.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kit/rng.h"
#include "rr/print.h"

enum { SAID = 4096, RECORDS = 64 };

static char folder[] = "/tmp/jidns-zonefile-XXXXXX";
static char said[SAID];
static struct seen {
  char *text; /* "owner TTL IN TYPE RDATA" */
  unsigned line;
  char file[64]; /* its last part */
} seen[RECORDS];
static unsigned seen_count, take_most;

static void write_file(const char *name, const char *text) {
  char path[200];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *out = fopen(path, "w");
  cr_assert(out);
  cr_assert(fwrite(text, 1, strlen(text), out) == strlen(text) && fclose(out) == 0);
}

static bool take(void *ctx, const struct record *r, const struct zonefile_place *at) {
  struct seen *s = &seen[seen_count];
  cr_assert(ctx == seen && seen_count < RECORDS);
  if (seen_count == take_most) return false;
  s->text = print_record(r);
  for (char *p = s->text; *p; p++) *p = *p == '\t' ? ' ' : *p;
  s->line = at->line;
  snprintf(s->file, sizeof s->file, "%s", strrchr(at->file, '/') + 1);
  seen_count++;
  return true;
}

/* Reads zone.lab's file main; the text is written into it unless it is NULL. */
static bool read_zone(const char *text) {
  char path[200];
  uint8_t origin[NAME_MAX_LEN];
  if (text) write_file("main", text);
  snprintf(path, sizeof path, "%s/main", folder);
  memset(said, 0, sizeof said);
  while (seen_count) free(seen[--seen_count].text);
  FILE *err = fmemopen(said, sizeof said, "w");
  struct zonefile *z = zonefile_open(err);
  cr_assert(z, "no ldns");
  bool good = zonefile_read(z, path, origin, name_parse("zone.lab", origin), take, seen, err);
  zonefile_close(z);
  fclose(err);
  return good;
}

static void right(const char *text, unsigned records) {
  cr_expect(read_zone(text), "'%s': %s", text, said);
  cr_expect_str_empty(said);
  cr_assert_eq(seen_count, records, "%u records in '%s'", seen_count, text);
}

static void expect(unsigned i, unsigned line, const char *text) {
  cr_assert_lt(i, seen_count);
  cr_expect_str_eq(seen[i].text, text);
  cr_expect_eq(seen[i].line, line, "%s: line %u", text, seen[i].line);
}

/* One line: "jidnsd: FOLDER/FILE:LINE: ... WORDS ...". */
static void wrong(const char *text, const char *file_and_line, const char *words) {
  char start[200];
  snprintf(start, sizeof start, "jidnsd: %s/%s: ", folder, file_and_line);
  cr_expect(!read_zone(text), "'%s' was taken", text);
  cr_expect(strncmp(said, start, strlen(start)) == 0 && strstr(said, words), "'%s': %s", text, said);
  cr_expect_eq(strchr(said, '\n'), said + strlen(said) - 1, "not one line: %s", said);
}

static void set_up(void) {
  cr_assert(mkdtemp(folder));
  take_most = RECORDS;
}

static void tear_down(void) {
  static const char *const names[] = {"main", "part", "other", "link", "hard", "sub/deep", "sub", ""};
  for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
    char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, names[i]);
    remove(path);
  }
}

TestSuite(zonefile, .init = set_up, .fini = tear_down);

Test(zonefile, owners_ttls_and_classes_may_be_left_out) {
  right("@ 60 IN A 192.0.2.1\n  AAAA 2001:db8::1\nxmpp IN 1h A 192.0.2.2\n\tA 192.0.2.3\nother.example. 5 "
        "TXT x\n 0 A "
        "192.0.2.4\n 1M A 192.0.2.5\n",
        7);
  expect(0, 1, "zone.lab. 60 IN A 192.0.2.1");
  expect(1, 2, "zone.lab. 3600 IN AAAA 2001:db8::1");
  expect(2, 3, "xmpp.zone.lab. 3600 IN A 192.0.2.2");
  expect(3, 4, "xmpp.zone.lab. 3600 IN A 192.0.2.3");
  expect(4, 5, "other.example. 5 IN TXT \"x\"");
  expect(5, 6, "other.example. 0 IN A 192.0.2.4");
  expect(6, 7, "other.example. 60 IN A 192.0.2.5");
}

Test(zonefile, directives_hold_from_where_they_stand) {
  right("$TTL 30\na A 192.0.2.1\n$ORIGIN _tcp\n_xmpp-server SRV 5 0 5269 xmpp\n$TTL 1h30m\n$ORIGIN "
        "other.lab.\n@ MX 1 @\n$ttl "
        "0\nb A 192.0.2.2",
        4);
  expect(0, 2, "a.zone.lab. 30 IN A 192.0.2.1");
  expect(1, 4, "_xmpp-server._tcp.zone.lab. 30 IN SRV 5 0 5269 xmpp._tcp.zone.lab.");
  expect(2, 7, "other.lab. 5400 IN MX 1 other.lab.");
  expect(3, 9, "b.other.lab. 0 IN A 192.0.2.2");
}

Test(zonefile, parentheses_join_lines_and_comments_are_none) {
  right("; a comment (\n@ SOA ns host ( ; \" here, too )\n  1 ; serial\n  7200 3600\n\n  1209600 60 )\n\n ; "
        "another\nt TXT \"a;b "
        "(c)\" \"d\" ; e\n",
        2);
  expect(0, 2, "zone.lab. 3600 IN SOA ns.zone.lab. host.zone.lab. 1 7200 3600 1209600 60");
  expect(1, 9, "t.zone.lab. 3600 IN TXT \"a;b (c)\" \"d\"");
}

Test(zonefile, texts_and_names_have_escapes) {
  right("a\\.b TXT \"x\\\"y\" \"\\\\\"\nc\\032d A 192.0.2.1\ne\\.\tA 192.0.2.2\nf TXT \"\\255\" \"\"\n", 4);
  expect(0, 1, "a\\.b.zone.lab. 3600 IN TXT \"x\\\"y\" \"\\\\\"");
  expect(1, 2, "c\\032d.zone.lab. 3600 IN A 192.0.2.1");
  expect(2, 3, "e\\..zone.lab. 3600 IN A 192.0.2.2");
  expect(3, 4, "f.zone.lab. 3600 IN TXT \"\\255\" \"\"");
}

Test(zonefile, types_that_nobody_knows_are_taken_as_octets) {
  right("a TYPE65280 \\# 3 abcdef\nb TYPE65281 \\# 0\nc A \\# 4 c0000201\nd TYPE33 \\# 7 0005 0000 1467 00\n",
        4);
  expect(0, 1, "a.zone.lab. 3600 IN TYPE65280 \\# 3 abcdef");
  expect(1, 2, "b.zone.lab. 3600 IN TYPE65281 \\# 0");
  expect(2, 3, "c.zone.lab. 3600 IN A 192.0.2.1");
  expect(3, 4, "d.zone.lab. 3600 IN SRV 5 0 5223 .");
}

Test(zonefile, spelling_is_kept) {
  right("XMPP.Zone.LAB. A 192.0.2.1\n", 1);
  expect(0, 1, "XMPP.Zone.LAB. 3600 IN A 192.0.2.1");
}

Test(zonefile, lines_may_end_in_carriage_return_and_line_feed) {
  right("$TTL 5\r\na A 192.0.2.1\r\nb TXT x\r\n", 2);
  expect(1, 3, "b.zone.lab. 5 IN TXT \"x\"");
}

Test(zonefile, an_included_file_has_its_own_origin_and_owners) {
  write_file("part", "@ A 192.0.2.1\n$ORIGIN far.lab.\n$TTL 9\nb A 192.0.2.2\n");
  right("$TTL 7\na A 192.0.2.3\n$INCLUDE part\n  A 192.0.2.4\n$INCLUDE part sub\nc A 192.0.2.5\n", 7);
  expect(1, 1, "zone.lab. 7 IN A 192.0.2.1");
  expect(2, 4, "b.far.lab. 9 IN A 192.0.2.2");
  expect(3, 4, "a.zone.lab. 7 IN A 192.0.2.4");
  expect(4, 1, "sub.zone.lab. 7 IN A 192.0.2.1");
  expect(6, 6, "c.zone.lab. 7 IN A 192.0.2.5");
  cr_expect_str_eq(seen[2].file, "part");
  cr_expect_str_eq(seen[6].file, "main");
}

Test(zonefile, files_below_the_folder_may_be_included_and_no_others) {
  char path[200];
  snprintf(path, sizeof path, "%s/sub", folder);
  cr_assert_eq(mkdir(path, 0700), 0);
  write_file("sub/deep", "$INCLUDE ../part\n");
  write_file("part", "a A 192.0.2.1\n");
  right("$INCLUDE sub/deep\n", 1);
  wrong("$INCLUDE ../../etc/hostname\n", "main:1", "outside the folder");
  wrong("$INCLUDE /etc/hostname\n", "main:1", "outside the folder");
  snprintf(path, sizeof path, "%s/link", folder);
  cr_assert_eq(symlink("/etc/hostname", path), 0);
  wrong("\n$INCLUDE link\n", "main:2", "not a link");
  wrong("$INCLUDE missing\n", "main:1", "No such file");
  wrong("$INCLUDE sub\n", "sub", "should be a file");
}

Test(zonefile, no_link_leads_to_an_included_file) {
  char path[200], other[200];
  write_file("part", "a A 192.0.2.1\n");
  snprintf(path, sizeof path, "%s/hard", folder);
  snprintf(other, sizeof other, "%s/part", folder);
  cr_assert_eq(link(other, path), 0);
  wrong("\n$INCLUDE hard\n", "main:2", "'hard': should have no hard links");
  remove(path);
  right("$INCLUDE ./sub/../part\n", 1);
  snprintf(path, sizeof path, "%s/link", folder);
  cr_assert_eq(symlink(".", path), 0);
  wrong("$INCLUDE link/part\n", "main:1", "through links");
}

Test(zonefile, files_that_include_themselves_come_to_an_end) { wrong("$INCLUDE main\n", "main:1", "deep"); }

Test(zonefile, mistakes_in_an_included_file_are_said_to_be_there) {
  write_file("part", "a A 192.0.2.1\n\nb A 192.0.2\n");
  wrong("$INCLUDE part\n", "part:3", "b A 192.0.2");
}

Test(zonefile, says_file_line_and_what_is_wrong) {
  static const struct {
    const char *text, *place, *words;
  } mistakes[] = {
      {"a A 192.0.2.1\nb A 192.0.2.256\n", "main:2", "'b A 192.0.2.256': "},
      {"a A\n", "main:1", "'a A': "},
      {"a B 1\n", "main:1", "'a B 1': "},
      {"a A 192.0.2.1 192.0.2.2\n", "main:1", "'a A 192.0.2.1 192.0.2.2': "},
      {"a SRV 5 0 xmpp\n", "main:1", "'a SRV 5 0 xmpp': "},
      {"a SRV 5 0 65536 xmpp\n", "main:1", "'a SRV 5 0 65536 xmpp': "},
      {"a CH TXT x\n", "main:1", "class IN"},
      {"a 5 CLASS3 TXT x\n", "main:1", "class IN"},
      {"a IN IN A 192.0.2.1\n", "main:1", "'a IN IN A"},
      {"a MX 65536 b\n", "main:1", "0 to 65535"},
      {"a ANY \\# 0\n", "main:1", "'a ANY "},
      {"a TYPE41 \\# 1 00\n", "main:1", "type that no zone has"},
      {"a TYPE33 \\# 2 0005\n", "main:1", "the form of its type"},
      {"a A \\# 3 c00002\n", "main:1", "'a A "},
      {"a 4294967295 A 192.0.2.1\n", "main:1", "'4294967295': should be seconds"},
      {"$TTL x\n", "main:1", "'x': should be seconds"},
      {"$TTL -1\n", "main:1", "'-1': should be seconds"},
      {"$TTL 2147483648\n", "main:1", "should be seconds"},
      {"$TTL\n", "main:1", "'$TTL': should have a value"},
      {"$TTL 1 2\n", "main:1", "'2': is one word too many"},
      {"$ORIGIN a..b.\n", "main:1", "'a..b.': should be a domain name"},
      {"$INCLUDE\n", "main:1", "should name a file"},
      {"$INCLUDE a b c\n", "main:1", "'c': is one word too many"},
      {"$INCLUDE main a..b\n", "main:1", "'a..b': should be a domain name"},
      {"\n$GENERATE 1-9 a$ A 192.0.2.$\n", "main:2", "$ORIGIN, $TTL or $INCLUDE"},
      {"@ SOA ns host (\n 1 2 3 4 5\n", "main:1", "should end with )"},
      {"a A 192.0.2.1\n)\n", "main:2", "no ( to this )"},
      {"a TXT \"x\nb A 192.0.2.1\n", "main:1", "should end with \""},
      {"a TXT \"x\001\"\n", "main:1", "control character"},
      {"a..b A 192.0.2.1\n", "main:1", "'a..b': should be a domain name"},
      {"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg A 192.0.2.1\n", "main:1",
       "should be a domain name"},
  };
  for (unsigned i = 0; i < sizeof mistakes / sizeof *mistakes; i++)
    wrong(mistakes[i].text, mistakes[i].place, mistakes[i].words);
}

Test(zonefile, what_is_shown_of_an_entry_is_short) {
  char text[300];
  memset(text, 'x', sizeof text);
  memcpy(text, "a TXT \\\"", 8);
  text[299] = 0;
  cr_expect(!read_zone(text));
  cr_expect(strlen(said) < 200 && strstr(said, "xxx..."), "%s", said);
}

Test(zonefile, an_entry_has_an_end) {
  char *text = malloc(70000);
  memset(text, ' ', 69999);
  text[69999] = 0;
  memcpy(text, "a A", 3);
  wrong(text, "main:1", "65535");
  free(text);
}

Test(zonefile, a_missing_file_and_a_folder_are_no_zones) {
  remove(strcat(strcpy((char[200]){0}, folder), "/main"));
  cr_expect(!read_zone(NULL));
  cr_expect(strstr(said, "/main: No such file"), "%s", said);
  cr_assert_eq(mkdir(strcat(strcpy((char[200]){0}, folder), "/main"), 0700), 0);
  cr_expect(!read_zone(NULL));
  cr_expect(strstr(said, "/main: should be a file"), "%s", said);
}

Test(zonefile, ends_without_a_word_when_a_record_is_not_taken) {
  take_most = 1;
  cr_expect(!read_zone("a A 192.0.2.1\nb A 192.0.2.2\nc X\n"));
  cr_expect_str_empty(said);
  cr_expect_eq(seen_count, 1);
}

/* ---- hostile ---- */

static bool take_any(void *ctx, const struct record *r, const struct zonefile_place *at) {
  unsigned *n = ctx;
  ++*n;
  cr_assert(at->line > 0 && r->owner_len > 0 && r->klass == CLASS_IN && r->ttl <= INT32_MAX);
  return true;
}

/* Reads a text that may be anything; returns how many records it had. */
static unsigned read_any(struct zonefile *z, const char *text, size_t len) {
  uint8_t origin[NAME_MAX_LEN];
  unsigned n = 0;
  char path[200];
  snprintf(path, sizeof path, "%s/main", folder);
  FILE *out = fopen(path, "w"), *err = fmemopen(said, sizeof said, "w");
  memset(said, 0, sizeof said);
  cr_assert(out && fwrite(text, 1, len, out) == len && fclose(out) == 0);
  bool good = zonefile_read(z, path, origin, name_parse("zone.lab", origin), take_any, &n, err);
  fclose(err);
  cr_expect(good == !*said);
  cr_expect(good || strchr(said, '\n') == said + strlen(said) - 1, "not one line: %s", said);
  return n;
}

Test(zonefile, mutated_files_do_no_harm, .timeout = 60) {
  static const char special[] = "()\"\\;$@ \n\t\377.09aZ#-"; /* and NUL */
  static const char good[] =
      "$TTL 1h\n@ IN SOA ns host (1 2h 3 4 60) ; x\n  NS ns\nns 60 A 192.0.2.1\n$ORIGIN _tcp\n_xmpp-server "
      "SRV 5 0 5269 "
      "x.zone.lab.\n"
      "t TXT \"a;b\" \"\\\"c\\200\" d\nu TYPE65280 \\# 3 abcdef\nm MX 10 @\nn NAPTR 1 2 \"u\" \"E2U\" "
      "\"!^.*$!x!\" .\n"
      "l LOC 52 22 23.000 N 4 53 32.000 E -2.00m\nd DS 1 13 2 00aa ( 00\n bb )\nc CAA 0 issue \"ca\"\ns "
      "SSHFP 4 2 0011\n"
      "r RRSIG A 13 3 60 20300101000000 20200101000000 1 zone.lab. AAAA\ne NSEC a A TXT\nw *.x CNAME y\n";

  FILE *nowhere = fopen("/dev/null", "w");
  struct zonefile *z = zonefile_open(nowhere);
  fclose(nowhere);
  cr_assert(z);
  struct rng r = {0x20};
  unsigned records = 0;
  for (unsigned i = 0; i < 1000; i++) {
    char text[sizeof good + 64];
    size_t len = sizeof good - 1;
    memcpy(text, good, len);
    for (uint64_t n = 1 + rng_below(&r, 6); n > 0; n--) {
      size_t at = rng_below(&r, len), from = rng_below(&r, len), some = 1 + rng_below(&r, 12);
      switch (rng_below(&r, 4)) {
      case 0: text[at] = special[rng_below(&r, sizeof special)]; break;
      case 1: text[at] = (char)rng_next(&r); break;
      case 2: memmove(text + at, text + from, some < len - (at > from ? at : from) ? some : 1); break;
      default: len = rng_below(&r, 20) ? len : 1 + at;
      }
    }
    records += read_any(z, text, len);
  }

  zonefile_close(z);
  cr_expect_gt(records, 3000);
}
