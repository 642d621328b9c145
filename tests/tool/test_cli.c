/* test_cli.c: the tool's command line. What it says to people is tested end to end. */
#include "tool/cli.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdlib.h>

enum { WORDS_MAX = 16 };

/* Reads "lookup --type c2s x"; words set apart by one blank. */
static bool reads(struct cli *c, unsigned mask, const char *line) {
  static char copy[512];
  static char *argv[WORDS_MAX + 1];
  int argc = 0;
  snprintf(copy, sizeof copy, "%s", line);
  for (char *rest = copy, *word; (word = strsep(&rest, " ")) && argc < WORDS_MAX;) argv[argc++] = word;
  argv[argc] = NULL;
  return cli_read(c, argv[0], mask, argc, argv);
}

Test(cli, has_defaults) {
  struct cli c;
  cr_assert(reads(&c, CLI_LOOKUP, "lookup example.lab"));
  cr_expect_eq(c.sides, LOOKUP_BOTH);
  cr_expect_eq(c.ask.timeout_ms, ASK_TIMEOUT_MS);
  cr_expect(!c.ask.tcp && !c.ask.dnssec && !c.json && !c.all_records && !c.help);
  cr_expect_eq(addr_port(&c.ask.server), 53);
  cr_assert_eq(c.words_count, 1);
  cr_expect_str_eq(c.words[0], "example.lab");
}

Test(cli, takes_options_before_and_after_words) {
  struct cli c;
  char text[ADDR_TEXT];
  cr_assert(reads(&c, CLI_LOOKUP,
                  "lookup --type s2s a@b.lab --server=[::1]:5353 --tcp --dnssec --json --all-records "
                  "--timeout 250"));
  cr_expect_eq(c.sides, LOOKUP_S2S);
  cr_expect_str_eq(addr_format(&c.ask.server, text), "[::1]:5353");
  cr_expect(c.ask.tcp && c.ask.dnssec && c.json && c.all_records);
  cr_expect_eq(c.ask.timeout_ms, 250);
  cr_assert_eq(c.words_count, 1);
  cr_expect_str_eq(c.words[0], "a@b.lab");
}

/* Some servers say AD to who asks for it, others to who asks for signatures. */
Test(cli, dane_asks_for_both_ad_and_signatures) {
  struct cli c;
  cr_assert(reads(&c, CLI_LOOKUP, "lookup --dane a.lab"));
  cr_expect(c.dane && c.ask.dnssec && c.ask.want_ad);
  cr_assert(reads(&c, CLI_LOOKUP, "lookup --dnssec a.lab"));
  cr_expect(!c.dane && c.ask.dnssec && !c.ask.want_ad);
}

Test(cli, takes_port_53_for_a_server_without_port) {
  struct cli c;
  char text[ADDR_TEXT];
  cr_assert(reads(&c, CLI_QUERY, "query --server 192.0.2.1 a SRV"));
  cr_expect_str_eq(addr_format(&c.ask.server, text), "192.0.2.1:53");
}

Test(cli, takes_for_words_what_stands_behind_two_dashes) {
  struct cli c;
  cr_assert(reads(&c, CLI_QUERY, "query -- --json SRV"));
  cr_expect(!c.json);
  cr_expect_eq(c.words_count, 2);
}

Test(cli, refuses_wrong_values_and_says_what_is_right, .init = cr_redirect_stderr) {
  struct cli c;
  static const char *const wrong[] = {"--server 9",
                                      "--server a.lab",
                                      "--server 192.0.2.1:0",
                                      "--type both",
                                      "--type",
                                      "--timeout 0",
                                      "--timeout -1",
                                      "--timeout 60001",
                                      "--timeout 1s",
                                      "--timeout=",
                                      "--tcp=yes",
                                      "--bogus",
                                      "-x",
                                      "--timeout 99999999999999999999"};
  char line[64];
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    snprintf(line, sizeof line, "lookup d.lab %s", wrong[i]);
    cr_expect(!reads(&c, CLI_LOOKUP, line), "%s", line);
  }
}

Test(cli, has_for_each_command_its_own_options, .init = cr_redirect_stderr) {
  struct cli c;
  cr_expect(!reads(&c, CLI_QUERY, "query a SRV --type c2s"));
  cr_expect(!reads(&c, CLI_QUERY, "query a SRV --all-records"));
  cr_expect(reads(&c, CLI_QUERY, "query a SRV --json"));
}

Test(cli, keeps_its_help_within_80_columns_and_names_values) {
  char *text = NULL;
  size_t len;

  FILE *out = open_memstream(&text, &len);
  cli_write_options(CLI_LOOKUP | CLI_QUERY | CLI_CHECK | CLI_CONTROL | CLI_FLUSH | CLI_NAMES | CLI_STATS |
                        CLI_TOP,
                    NULL, out);
  fclose(out);
  cr_expect_not_null(strstr(text, "--fail-on error|warning|notice\n"));
  cr_expect_not_null(strstr(text, "--color auto|always|never\n"));
  for (char *rest = text, *line; (line = strsep(&rest, "\n"));) cr_expect_leq(strlen(line), 80, "%s", line);
  free(text);
}

Test(cli, takes_colours_by_word) {
  struct cli c;
  unsetenv("COLUMNS");
  cr_expect(reads(&c, CLI_QUERY, "query a SRV --color always"));
  cr_expect(c.term.colours);
  cr_expect(reads(&c, CLI_QUERY, "query a SRV --color never"));
  cr_expect_not(c.term.colours);
  cr_expect(!reads(&c, CLI_QUERY, "query a SRV --color blue"));
}

Test(cli, names_each_option_in_its_help) {
  char *text = NULL;
  size_t len;

  FILE *out = open_memstream(&text, &len);
  cli_write_options(CLI_LOOKUP, NULL, out);
  fclose(out);
  static const char *const names[] = {"--server ADDR[:PORT]",
                                      "--type c2s|s2s|all",
                                      "--timeout MS",
                                      "--tcp",
                                      "--dnssec",
                                      "--dane",
                                      "--all-records",
                                      "--json",
                                      "--help"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    cr_expect_not_null(strstr(text, names[i]), "%s", names[i]);
  free(text);
}
