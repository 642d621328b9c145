/* test_check.c: what jidns check prints, and what it is told to leave out. */
#include "tool/check.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <unistd.h>

#include "tool/fake.h"

static struct checked checked_of(struct fake *f) {
  struct typed_domain typed;
  cr_assert_null(domain_read_jid("d.chat", &typed));
  struct checked c = {.facts = facts_new(&typed, LOOKUP_BOTH, NULL, 0), .ms = 7};
  addr_parse("127.0.0.1", 5300, &c.server);
  facts_run(c.facts, fake_ask, f);
  c.report = report_new(c.facts);
  return c;
}

static void checked_free(struct checked *c) {
  report_free(c->report);
  facts_free(c->facts);
}

static struct fake *with_alias(void) {
  struct fake *f = fake_new();
  fake_add(f, "_xmpp-client._tcp.d.chat", TYPE_SRV, 3600, rd_srv(5, 1, 5222, "im.d.chat"));
  fake_add(f, "_xmpp-server._tcp.d.chat", TYPE_SRV, 3600, rd_srv(5, 1, 5269, "x.d.chat"));
  fake_add(f, "im.d.chat", TYPE_CNAME, 3600, rd_name("x.d.chat"));
  fake_add(f, "x.d.chat", TYPE_A, 3600, rd_a("9.9.1.1"));
  fake_add(f, "x.d.chat", TYPE_AAAA, 3600, rd_aaaa("2a01::1"));
  fake_add(f, "d.chat", TYPE_A, 3600, rd_a("9.9.8.8"));
  return f;
}

static char *text_of(const struct checked *c, const struct check_options *o,
                     void (*write)(const struct checked *, const struct check_options *, FILE *)) {
  char *text = NULL;
  size_t len;
  FILE *out = open_memstream(&text, &len);
  write(c, o, out);
  fclose(out);
  return text;
}

Test(check, prints_verdict_findings_changes_and_records) {
  struct fake *f = with_alias();
  struct checked c = checked_of(f);
  struct check_options o = {.fail_on = SEVERITY_WARNING};
  char *text = text_of(&c, &o, check_write_text);

  cr_expect_str_eq(text,
                   "d.chat                                                asked 127.0.0.1:5300, 7 ms\n"
                   "  clients reach it: in part      im.d.chat 5222 STARTTLS\n"
                   "  servers reach it: yes          x.d.chat 5269 STARTTLS\n"
                   "\n"
                   "warning  The target im.d.chat is an alias (CNAME)\n"
                   "         A target must have addresses itself; this one is an alias (CNAME). Most\n"
                   "         programs follow it, some don't, and DANE looks at another name then.\n"
                   "         Hurts: blabber.im and programs that keep to the letter.\n"
                   "         - _xmpp-client._tcp   SRV 5 1 5222 im\n"
                   "         + _xmpp-client._tcp   SRV 5 1 5222 x\n"
                   "         [target-alias]\n"
                   "\n"
                   "Records\n"
                   "  _xmpps-client  none\n"
                   "  _xmpp-client     5   1  5222  im                   9.9.1.1 2a01::1\n"
                   "  _xmpps-server  none\n"
                   "  _xmpp-server     5   1  5269  x                    9.9.1.1 2a01::1\n"
                   "  domain itself                                      9.9.8.8\n"
                   "\n"
                   "1 warning.\n",
                   "got:\n%s", text);
  free(text);
  checked_free(&c);
  free(f);
}

static void expect_narrow(const char *text) {
  for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
    size_t len = strcspn(line, "\n");
    bool one_word = !memchr(line + strspn(line, " "), ' ', len - strspn(line, " "));
    cr_expect(len <= TERM_WIDTH || one_word, "%zu columns: %.*s", len, (int)len, line);
    if (line[len] == 0) break;
  }
}

Test(check, keeps_to_80_columns_whatever_it_says) {
  struct check_options o = {.fail_on = SEVERITY_WARNING, .verbose = true};
  char *text = NULL;
  size_t len;

  FILE *out = open_memstream(&text, &len);
  for (unsigned id = 0; id < RULE_COUNT; id++) check_write_rule((enum rule_id)id, &o, out);
  check_write_rules(&o, out);
  fclose(out);
  expect_narrow(text);
  free(text);

  struct fake *f = with_alias();
  for (int i = 0; i < 20; i++) {
    char address[64];
    snprintf(address, sizeof address, "2a01:1234:5678:9abc:def0:1234:5678:%x", 0x1000 + i);
    fake_add(f, "x.d.chat", TYPE_AAAA, 3600, rd_aaaa(address));
  }

  struct checked c = checked_of(f);
  text = text_of(&c, &o, check_write_text);
  expect_narrow(text);
  free(text);
  checked_free(&c);
  free(f);
}

Test(check, leaves_out_what_is_ignored_and_counts_it) {
  struct fake *f = with_alias();
  struct checked c = checked_of(f);
  struct check_options o = {.fail_on = SEVERITY_WARNING, .quiet = true};
  cr_assert(check_add_ignore(&o, "target-alias:im.d.chat"));
  check_apply_ignores(&o, c.report);
  char *text = text_of(&c, &o, check_write_text);
  cr_expect_null(strstr(text, "target-alias"));
  cr_expect_not_null(strstr(text, "Nothing to complain of (1 ignored).\n"));
  free(text);
  free(o.ignores[0].subject);
  checked_free(&c);
  free(f);
}

Test(check, ignores_only_the_subject_that_is_named) {
  struct fake *f = with_alias();
  struct checked c = checked_of(f);
  struct check_options o = {.fail_on = SEVERITY_WARNING};
  cr_assert(check_add_ignore(&o, "target-alias:other.d.chat"));
  check_apply_ignores(&o, c.report);
  cr_expect_eq(report_ignored(c.report), 0);
  cr_expect(!check_add_ignore(&o, "no-such-code"));
  free(o.ignores[0].subject);
  checked_free(&c);
  free(f);
}

static bool read_ignores(const char *lines, struct check_options *o, char **said) {
  char path[] = "/tmp/jidns-ignore-XXXXXX";
  size_t len;
  int fd = mkstemp(path);
  cr_assert_geq(fd, 0);
  cr_assert_eq(write(fd, lines, strlen(lines)), (ssize_t)strlen(lines));
  close(fd);
  FILE *err = open_memstream(said, &len);
  bool good = check_read_ignores(o, path, "2026-06-15", err);
  fclose(err);
  unlink(path);
  return good;
}

Test(check, reads_ignores_with_a_day_after_which_they_speak_again) {
  struct check_options o = {.fail_on = SEVERITY_WARNING};
  char *said;
  cr_assert(read_ignores("# known\n\ntarget-alias until 2026-06-14 the provider moves\nport-zero:x.d.chat "
                         "until 2026-06-15\nttl-long we like it until they move\n",
                         &o, &said));
  cr_assert_eq(o.ignore_count, 2, "the first one's day is over");
  cr_expect_eq(o.ignores[0].rule, RULE_PORT_ZERO);
  cr_expect_str_eq(o.ignores[0].subject, "x.d.chat");
  cr_expect_eq(o.ignores[1].rule, RULE_TTL_LONG);
  free(o.ignores[0].subject);
  free(said);
}

Test(check, names_file_and_line_of_a_wrong_ignore) {
  struct check_options o = {.fail_on = SEVERITY_WARNING};
  char *said;
  cr_assert(!read_ignores("ttl-long\nnonsense\n", &o, &said));
  cr_expect_not_null(strstr(said, ":2: no such code"), "%s", said);
  free(said);
  cr_assert(!read_ignores("ttl-long until tomorrow\n", &o, &said));
  cr_expect_not_null(strstr(said, ":1: after \"until\" a day is wanted"), "%s", said);
  free(said);
}

static void write_zone_fix(const struct checked *c, const struct check_options *o, FILE *out) {
  check_write_fix(c->report, o->fix, out);
}

Test(check, prints_only_the_lines_to_enter) {
  struct fake *f = with_alias();
  struct checked c = checked_of(f);
  struct check_options o = {.fix = CHECK_FIX_ZONE};
  char *text = text_of(&c, &o, write_zone_fix);

  cr_expect_str_eq(text, "; delete: _xmpp-client._tcp.d.chat. 3600 IN SRV 5 1 5222 im.d.chat.\n"
                         "_xmpp-client._tcp.d.chat. 3600 IN SRV 5 1 5222 x.d.chat.\n");
  free(text);
  o.fix = CHECK_FIX_NSUPDATE;
  text = text_of(&c, &o, write_zone_fix);
  cr_expect_str_eq(text, "update delete _xmpp-client._tcp.d.chat. SRV 5 1 5222 im.d.chat.\n"
                         "update add _xmpp-client._tcp.d.chat. 3600 SRV 5 1 5222 x.d.chat.\n"
                         "send\n");
  free(text);
  checked_free(&c);
  free(f);
}

Test(check, gives_nagios_one_line_and_its_status) {
  enum { OK, WARNING, CRITICAL, UNKNOWN };
  struct fake *f = with_alias();
  struct checked c = checked_of(f);
  char *text = NULL;
  size_t len;
  FILE *out = open_memstream(&text, &len);
  cr_expect_eq(check_write_nagios(&c, 1, out), WARNING);
  c.report->list[0].ignored = true;
  cr_expect_eq(check_write_nagios(&c, 1, out), OK);
  cr_expect_eq(check_write_nagios(&c, 0, out), UNKNOWN);
  fclose(out);
  cr_expect_eq(strncmp(text,
                       "XMPP DNS WARNING - 1 domain, 0 errors, 1 warnings: The target im.d.chat is an alias "
                       "(CNAME) [target-alias] | errors=0;;0 ",
                       100),
               0, "%s", text);
  free(text);
  checked_free(&c);
  free(f);
}
