/* test_show.c: what is printed, tables included. */
#include "tool/show.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "tool/fake.h"
#include "tool/table.h"

static const struct ask_options *options(bool dnssec) {
  static struct ask_options o;
  addr_parse("127.0.0.1", 5353, &o.server);
  o.dnssec = dnssec;
  return &o;
}

/* The text, to be freed. */
static char *shown_lookup(struct fake *f, bool dnssec, bool json) {
  char *text = NULL;
  size_t len;
  struct lookup *l = fake_lookup(f, "d.lab", LOOKUP_C2S, true);
  struct findings *all = findings_new(l);

  FILE *out = open_memstream(&text, &len);
  if (json) {
    cr_assert(show_lookup_json(all, options(dnssec), out));
  } else {
    show_lookup(all, options(dnssec), NULL, out);
  }

  fclose(out);
  findings_free(all);
  lookup_free(l);
  f->rounds = 0;
  return text;
}

static char *shown_query(struct msg *m, bool json) {
  char *text = NULL;
  size_t len;
  struct asked a = {.type = TYPE_SRV, .klass = CLASS_IN, .outcome = ASKED_ANSWERED, .took_us = 1234};
  a.name_len = (uint8_t)name_parse("d.lab", a.name);
  a.msg = m->octets;
  a.len = m->len;
  FILE *out = open_memstream(&text, &len);
  if (json) {
    cr_assert(show_query_json(&a, options(false), out));
  } else {
    show_query(&a, options(false), out);
  }
  fclose(out);
  return text;
}

static void expect_in(const char *text, const char *part) {
  cr_expect_not_null(strstr(text, part), "\"%s\" is not in\n%s", part, text);
}

static struct fake *usual(void) {
  struct fake *f = fake_new();
  fake_add(f, "_xmpp-client._tcp.d.lab", TYPE_SRV, 18000, rd_srv(5, 10, 5222, "x.lab"));
  fake_add(f, "_xmpps-client._tcp.d.lab", TYPE_SRV, 600, rd_srv(0, 0, 0, "."));
  fake_add(f, "x.lab", TYPE_A, 300, rd_a("192.0.2.1"));
  fake_along(f);
  fake_add(f, "x.lab", TYPE_AAAA, 60, rd_aaaa("2001:db8::1"));
  fake_add(f, "_jabber._tcp.d.lab", TYPE_A, 60, rd_a("192.0.2.2"));
  return f;
}

Test(show, prints_a_block_for_each_service_with_addresses_below_their_host) {
  struct fake *f = usual();
  char *text = shown_lookup(f, false, false);

  cr_expect_str_eq(text,
                   "d.lab, asked 127.0.0.1:5353\n\n"
                   "_xmpps-client._tcp: not offered: the target is \".\" (TTL 600, 1.5 ms)\n"
                   "_xmpp-client._tcp: TTL 18000, 1.5 ms\n"
                   "  x.lab port 5222, priority 5, weight 10\n"
                   "      192.0.2.1         TTL 300, 1.5 ms, came with the SRV answer\n"
                   "      2001:db8::1       TTL 60, 1.5 ms\n"
                   "domain itself\n"
                   "  d.lab port 5222\n"
                   "      no address\n\n"
                   "What a program does\n"
                   "  c2s: connects to x.lab port 5222 (STARTTLS).\n",
                   "got:\n%s", text);
  free(text);
  free(f);
}

Test(show, says_what_is_secure_only_when_asked) {
  struct fake *f = usual();
  f->secure = true;
  char *text = shown_lookup(f, true, false);
  expect_in(text, "1.5 ms, came with the SRV answer, secure: yes\n");
  free(text);
  text = shown_lookup(f, false, false);
  cr_expect_null(strstr(text, "secure"));
  free(text);
  free(f);
}

Test(show, tells_absent_from_failed) {
  struct fake *f = fake_new();
  fake_add(f, "_xmpps-client._tcp.d.lab", TYPE_TXT, 60, rd_txt("here"));
  fake_fail(f, "_xmpp-client._tcp.d.lab", TYPE_SRV, ASKED_ANSWERED, RCODE_REFUSED);
  fake_fail(f, "d.lab", TYPE_A, ASKED_TIMEOUT, 0);
  char *text = shown_lookup(f, false, false);
  expect_in(text, "_xmpps-client._tcp: none: no such record (1.5 ms)\n");
  expect_in(text, "_xmpp-client._tcp: failed: REFUSED (1.5 ms)\n");
  expect_in(text, "failed: no answer in time\n");
  expect_in(text, "\nMistakes\n  The question for _xmpp-client._tcp failed (REFUSED)");
  free(text);
  free(f);
}

Test(show, says_what_is_secure_insecure_and_bogus_and_why) {
  struct fake *f = fake_new();
  fake_add(f, "_xmpp-client._tcp.d.lab", TYPE_SRV, 300, rd_srv(1, 0, 5222, "a.lab"));
  fake_fail(f, "a.lab", TYPE_A, ASKED_ANSWERED, RCODE_SERVFAIL);
  fake_fail(f, "a.lab", TYPE_AAAA, ASKED_ANSWERED, RCODE_SERVFAIL);
  f->ede = 7;
  f->secure = true;
  snprintf(f->insecure, sizeof f->insecure, "%s", "_xmpps-client._tcp.d.lab.");
  char *text = shown_lookup(f, true, false);
  expect_in(text, "_xmpp-client._tcp: TTL 300, 1.5 ms, secure\n");
  expect_in(text, "_xmpps-client._tcp: none: NXDOMAIN (1.5 ms, insecure)\n");
  expect_in(text, "failed: SERVFAIL, bogus (Signature Expired)\n");
  free(text);

  text = shown_lookup(f, false, false);
  expect_in(text, "_xmpp-client._tcp: TTL 300, 1.5 ms\n");
  expect_in(text, "failed: SERVFAIL, bogus (Signature Expired)\n");
  free(text);
  f->ede = 22;
  text = shown_lookup(f, true, false);
  expect_in(text, "failed: SERVFAIL\n");
  free(text);
  free(f);
}

Test(show, prints_aliases_and_the_extended_errors_of_all_answers) {
  struct fake *f = fake_new();
  fake_add(f, "_xmpp-client._tcp.d.lab", TYPE_SRV, 300, rd_srv(1, 0, 5222, "a.lab"));
  fake_add(f, "a.lab", TYPE_CNAME, 300, rd_name("b.lab"));
  fake_add(f, "b.lab", TYPE_CNAME, 300, rd_name("x.lab"));
  fake_add(f, "x.lab", TYPE_A, 300, rd_a("192.0.2.1"));
  f->ede = 15;
  char *text = shown_lookup(f, false, false);
  expect_in(text, "\nAliases\n  a.lab -> x.lab (2 CNAMEs)\n");
  expect_in(text, "\nExtended errors\n  SRV _xmpps-client._tcp.d.lab: EDE 15 (Blocked)\n");
  expect_in(text, "  A a.lab: EDE 15 (Blocked)\n");
  free(text);
  if (show_has_json()) {
    text = shown_lookup(f, false, true);
    expect_in(text, "\"alias\": \"x.lab\"");
    expect_in(text, "\"extended_errors\": [");
    free(text);
  }

  free(f);
}

Test(show, prints_an_answer_with_flags_ede_and_all_sections) {
  static struct msg m;
  msg_start(&m, 0x87a0 | RCODE_NXDOMAIN);
  msg_question(&m, "d.lab", TYPE_SRV, CLASS_IN);
  msg_record(&m, SECTION_ANSWER, "d.lab", TYPE_SRV, 300, rd_srv(1, 2, 3, "x.lab"));
  msg_record(&m, SECTION_AUTHORITY, "lab", TYPE_NS, 60, rd_name("ns.lab"));
  msg_record(&m, SECTION_ADDITIONAL, "x.lab", TYPE_A, 30, rd_a("192.0.2.1"));
  msg_opt(&m, 1232, 0, true, "\0\17\0\7\0\3o\033ld!\0\12\0\2hi", 17);
  char *text = shown_query(&m, false);
  expect_in(text, ";; 127.0.0.1:5353 over UDP, 1.2 ms, ");
  expect_in(text, ";; NXDOMAIN, flags qr aa tc rd ra ad; EDNS 0, udp 1232, do\n"
                  ";; EDE 3 (Stale Answer): o\\027ld!\n"
                  ";; EDNS option 10: 68 69\n\n"
                  ";; QUESTION\n;d.lab.\tIN\tSRV\n\n"
                  ";; ANSWER\nd.lab.\t300\tIN\tSRV\t1 2 3 x.lab.\n\n"
                  ";; AUTHORITY\nlab.\t60\tIN\tNS\tns.lab.\n\n"
                  ";; ADDITIONAL\nx.lab.\t30\tIN\tA\t192.0.2.1\n");
  free(text);
}

Test(show, says_where_an_answer_is_malformed) {
  static struct msg m;
  msg_answer(&m, "d.lab", TYPE_SRV, RCODE_NOERROR);
  msg_record(&m, SECTION_ANSWER, "d.lab", TYPE_SRV, 300, rd_srv(1, 2, 3, "x.lab"));
  m.len--;
  char *text = shown_query(&m, false);
  expect_in(text, "; no EDNS\n");
  expect_in(text, ";; the answer is malformed from octet ");
  free(text);
}

Test(show, writes_json) {
  if (!show_has_json()) cr_skip_test("built without jansson");
  struct fake *f = usual();
  char *text = shown_lookup(f, true, true);
  expect_in(text, "\"connects\": true");
  expect_in(text, "\"state\": \"not-offered\"");
  expect_in(text, "\"address\": \"2001:db8::1\"");
  free(text);
  free(f);
  static struct msg m;
  msg_answer(&m, "d.lab", TYPE_SRV, RCODE_NOERROR);
  msg_record(&m, SECTION_ANSWER, "d.lab", 65280, 300, rd_octets("\xff", 1));
  text = shown_query(&m, true);
  expect_in(text, "\"data\": \"\\\\# 1 ff\"");
  expect_in(text, "\"edns\": null");
  free(text);
}

/* A table of two columns with this head, and how it is written at that width; to be freed. */
static char *written(struct table *t, unsigned width, bool colours) {
  char *text = NULL;
  size_t len;
  FILE *out = open_memstream(&text, &len);
  table_write(t, &(struct term){.width = width, .colours = colours}, out);
  fclose(out);
  return text;
}

Test(table, is_as_wide_as_its_cells) {
  struct table t = {0};
  for (int i = 0; i < 100; i++) {
    table_row(&t);
    table_cell(&t, 0, "%d", i);
    table_cell(&t, 2, "%s", "wide");
    table_cell(&t, 2, "%s", "x");
  }

  char *text = written(&t, 80, false);
  expect_in(text, "9     x\n10    x\n");
  free(text);
  table_free(&t);
  cr_expect_eq(t.rows, 0);
}

Test(table, is_a_list_where_its_columns_do_not_fit_and_leaves_nothing_out) {
  static const char *const names[] = {"SERVER", "STATE", "ASKED", "FOR"};
  struct table t = {0};
  table_head(&t, names, 4);
  table_row(&t);
  table_cell(&t, 0, "[2001:db8:1234:5678:9abc:def0:1234:5678]:53");
  table_cell(&t, 1, "not asked yet");
  table_cell(&t, 2, "12345");
  table_cell(&t, 3, "corp.lab.");

  char *text = written(&t, 80, false);
  expect_in(text, "SERVER       ");
  free(text);
  text = written(&t, 60, false);
  cr_expect_str_eq(text, "[2001:db8:1234:5678:9abc:def0:1234:5678]:53\n"
                         "  state not asked yet, asked 12345, for corp.lab.\n");
  free(text);
  text = written(&t, 40, false);
  cr_expect_str_eq(text, "[2001:db8:1234:5678:9abc:def0:1234:5678]:53\n"
                         "  state not asked yet, asked 12345,\n"
                         "  for corp.lab.\n");
  free(text);
  table_free(&t);
}

Test(table, breaks_sentences_at_the_edge_beside_their_row_or_below_it) {
  struct table t = {.wraps = true};
  table_row(&t);
  table_cell(&t, 0, "hit");
  table_cell(&t, 1, "a sentence of some words that has to be broken somewhere");
  char *text = written(&t, 40, false);
  cr_expect_str_eq(text, "hit  a sentence of some words that has\n"
                         "     to be broken somewhere\n");
  free(text);

  table_cell(&t, 0, "a_name_that_leaves_no_room");
  text = written(&t, 40, false);
  cr_expect_str_eq(text, "a_name_that_leaves_no_room  \n"
                         "    a sentence of some words that has to\n"
                         "    be broken somewhere\n");
  free(text);
  table_free(&t);
}

Test(table, colours_take_no_room) {
  struct table t = {0};
  table_row(&t);
  table_cell(&t, 0, "up");
  table_style(&t, 0, STYLE_GOOD);
  table_cell(&t, 1, "x");
  char *text = written(&t, 80, true);
  cr_expect_str_eq(text, "\033[32mup\033[0m  x\n");
  free(text);
  text = written(&t, 80, false);
  cr_expect_str_eq(text, "up  x\n");
  free(text);
  table_free(&t);
}
