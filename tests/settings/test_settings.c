/* test_settings.c: what the command line means, and what is said when it means nothing. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "settings/said.h"

Test(settings, has_defaults) {
  const struct settings *s = said_right("", NULL);
  cr_expect(s->listen_default && s->listen_count == 2);
  cr_expect(is_addr(&s->listen[0], "127.0.0.1:53") && is_addr(&s->listen[1], "[::1]:53"));
  cr_expect(s->upstream.count == 0 && s->threads == 1);
  cr_expect(s->cache_size == 0 && s->forward.max_stale_s == 86400); /* see settings_fit_memory */
  cr_expect(s->xmpp.expand == XMPP_EXPAND_CACHED && s->xmpp.prefetch && !s->xmpp.expand_all);
  cr_expect(s->log.levels[LOG_COMPONENT_xmpp] == LOG_INFO && s->log.format == LOG_TEXT && !s->log.times);
  cr_expect(s->tcp.connections == 1000 && s->tcp.per_host == 100 && s->tcp.idle_ms == 10000);
}

Test(settings, takes_each_option) {
  const struct settings *s = said_right(
      "--listen 192.0.2.1:5353 --listen [2001:db8::1]:54 --upstream 9.9.9.9 --upstream [2620:fe::fe]:5353 "
      "--threads 4 --expand-srv wait --prefetch off --cache-size 64M --max-stale 0 --log-level debug",
      NULL);
  cr_expect(!s->listen_default && s->listen_count == 2 && s->upstream.count == 2);
  cr_expect(is_addr(&s->listen[0], "192.0.2.1:5353") && is_addr(&s->listen[1], "[2001:db8::1]:54"));
  cr_expect(is_addr(&s->upstream.list[0].addr, "9.9.9.9:53") &&
            is_addr(&s->upstream.list[1].addr, "[2620:fe::fe]:5353"));
  cr_expect(s->threads == 4 && s->xmpp.expand == XMPP_EXPAND_WAIT && !s->xmpp.prefetch);
  cr_expect(s->cache_size == 64u << 20 && s->forward.max_stale_s == 0 &&
            s->log.levels[LOG_COMPONENT_base] == LOG_DEBUG);
}

Test(settings, takes_values_behind_an_equals_sign) {
  const struct settings *s = said_right("--listen=192.0.2.1 --threads=2 --expand-srv=off --prefetch=on",
                                        NULL);
  cr_expect(is_addr(&s->listen[0], "192.0.2.1:53"));
  cr_expect(s->threads == 2 && s->xmpp.expand == XMPP_EXPAND_OFF && s->xmpp.prefetch);
}

Test(settings, lets_the_last_of_several_values_hold) {
  cr_expect(said_right("--threads 2 --threads 3", NULL)->threads == 3);
  cr_expect(!said_right("--prefetch on --prefetch off", NULL)->xmpp.prefetch);
}

Test(settings, reads_sizes) {
  cr_expect(said_right("--cache-size 1048576", NULL)->cache_size == 1048576);
  cr_expect(said_right("--cache-size 1024K", NULL)->cache_size == 1048576);
  cr_expect(said_right("--cache-size 1m", NULL)->cache_size == 1048576);
  cr_expect(said_right("--cache-size 2G", NULL)->cache_size == 2ull << 30);
}

Test(settings, takes_a_cache_as_large_as_the_program_can_have) {
  bool small = sizeof(size_t) == 4;
  cr_expect(said_right(small ? "--cache-size 2G" : "--cache-size 1024G", NULL)->cache_size ==
            (small ? 2ull : 1024ull) << 30);
  said_wrong(small ? "--cache-size 4G" : "--cache-size 1025G", "--cache-size",
             small ? "1M to 2G" : "1M to 1024G");
  said_wrong(small ? "--cache-size 8G" : "--cache-size 2048G", "--cache-size",
             small ? "1M to 2G" : "1M to 1024G");
}

Test(settings, refuses_sizes_that_are_none) {
  static const char *const sizes[] = {"1048575",
                                      "1023K",
                                      "0",
                                      "1025G",
                                      "M",
                                      "64MB",
                                      "64 M",
                                      "-64M",
                                      "+64M",
                                      "0x40M",
                                      "1.5G",
                                      "18446744073709551616",
                                      "17179869185G",
                                      "99999999999999999999G"};
  for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    char line[80];
    snprintf(line, sizeof line, "--cache-size=%s", sizes[i]);
    if (!strchr(sizes[i], ' ')) said_wrong(line, "--cache-size", sizes[i]);
  }

  said_wrong("--cache-size=", "--cache-size ''", "a size from 1M to");
}

Test(settings, names_option_value_and_what_would_be_right) {
  said_wrong("--listen 300.0.0.1", "--listen '300.0.0.1'", "127.0.0.1:53");
  said_wrong("--listen localhost", "--listen 'localhost'", "127.0.0.1:53");
  said_wrong("--listen 127.0.0.1:0", "--listen '127.0.0.1:0'", "127.0.0.1:53");
  said_wrong("--listen 127.0.0.1:65536", "--listen '127.0.0.1:65536'", "127.0.0.1:53");
  said_wrong("--upstream dns.example", "--upstream 'dns.example'", "9.9.9.9");
  said_wrong("--upstream 0.0.0.0", "--upstream '0.0.0.0'", "9.9.9.9");
  said_wrong("--threads 0", "--threads '0'", "1 to 64");
  said_wrong("--threads 65", "--threads '65'", "1 to 64");
  said_wrong("--threads two", "--threads 'two'", "1 to 64");
  said_wrong("--threads 4x", "--threads '4x'", "1 to 64");
  said_wrong("--threads -1", "--threads '-1'", "1 to 64");
  said_wrong("--expand-srv on", "--expand-srv 'on'", "off, cached or wait");
  said_wrong("--prefetch yes", "--prefetch 'yes'", "on or off");
  said_wrong("--max-stale 604801", "--max-stale '604801'", "604800");
  said_wrong("--max-stale 1d", "--max-stale '1d'", "seconds");
  said_wrong("--log-level loud", "--log-level 'loud'", "error, warn, info or debug");
}

Test(settings, names_words_that_are_no_options) {
  said_wrong("--l 127.0.0.1", "'--l'", "--help"); /* listen or log-level */
  said_wrong("--threads 2 --frobnicate", "'--frobnicate'", "--help");
  said_wrong("-t 2", "'-t'", "--help");
  said_wrong("-xyz", "'-x'", "--help");
  said_wrong("resolv.conf", "'resolv.conf'", "--help");
  said_wrong("--threads 2 3", "'3'", "--help");
  said_wrong("--threads", "--threads", "needs a value");
  said_wrong("--listen", "--listen", "needs a value");
  said_wrong("--help=me", "'--help=me'", "no value");
}

Test(settings, takes_as_many_addresses_as_there_is_room_for) {
  char line[1024] = "";
  for (unsigned i = 1; i <= UPSTREAM_SERVERS; i++) sprintf(line + strlen(line), "--upstream 192.0.2.%u ", i);
  cr_expect(said_right(line, NULL)->upstream.count == UPSTREAM_SERVERS);
  strcat(line, "--upstream 192.0.2.99");
  said_wrong(line, "--upstream '192.0.2.99'", "at most 8");
  line[0] = 0;
  for (unsigned i = 1; i <= SETTINGS_LISTEN; i++) sprintf(line + strlen(line), "--listen 127.0.0.%u ", i);
  cr_expect(said_right(line, NULL)->listen_count == SETTINGS_LISTEN);
  strcat(line, "--listen 127.0.0.99");
  said_wrong(line, "--listen '127.0.0.99'", "at most 16");
}

Test(settings, counts_an_address_given_twice_once) {
  const struct settings *s = said_right(
      "--listen 127.0.0.1 --listen 127.0.0.1:53 --upstream 9.9.9.9 --upstream 9.9.9.9:53", NULL);
  cr_expect(s->listen_count == 1 && s->upstream.count == 1);
}

Test(settings, refuses_metrics_for_other_hosts_unless_told) {
  said_wrong("--metrics 0.0.0.0", "--metrics 0.0.0.0:9153", "add --metrics-public on to allow it");
  said_right("--metrics 0.0.0.0 --metrics-public on", NULL);
  said_right("--metrics 127.0.0.2", NULL);
}

Test(settings, refuses_to_ask_itself) {
  said_wrong("--listen 127.0.0.1:5353 --upstream 127.0.0.1:5353", "--upstream '127.0.0.1:5353'",
             "jidnsd itself listens there");
  said_wrong("--upstream 127.0.0.1", "--upstream '127.0.0.1:53'", "jidnsd itself listens there");
  said_wrong("--upstream ::1", "--upstream '[::1]:53'", "jidnsd itself listens there");
  said_wrong("--listen 0.0.0.0:5353 --upstream 127.0.0.2:5353", "--upstream '127.0.0.2:5353'",
             "jidnsd itself listens there");
  said_wrong("--listen [::]:5353 --upstream [::1]:5353", "--upstream '[::1]:5353'",
             "jidnsd itself listens there");
  said_right("--listen 127.0.0.1:5353 --upstream 127.0.0.1:5354", NULL);
  said_right("--listen 0.0.0.0:5353 --upstream 127.0.0.1:53", NULL);
  said_right("--listen [::]:5353 --upstream 127.0.0.1:5353", NULL);
  said_right("--listen 0.0.0.0:5353 --upstream 9.9.9.9:5353", NULL);
}

Test(settings, answers_help_with_every_option_and_its_default) {
  struct said *said = said_line("--help");
  static const char *const words[] = {"--listen ADDR:PORT",
                                      "127.0.0.1:53 and [::1]:53",
                                      "--upstream ADDR[:PORT]",
                                      "resolv.conf",
                                      "--threads N",
                                      "--expand-srv HOW",
                                      "(default: cached)",
                                      "--prefetch on|off",
                                      "--cache-size SIZE",
                                      "(default: 128M; less in small memory)",
                                      "--max-stale SECONDS",
                                      "(default: 86400)",
                                      "--log-level LEVEL",
                                      "--version",
                                      "--help"};
  cr_expect(said->outcome == SETTINGS_TOLD);
  cr_expect_str_empty(said->err);
  for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
    cr_expect(strstr(said->out, words[i]), "no %s", words[i]);
  for (char *line = strtok(said->out, "\n"); line; line = strtok(NULL, "\n")) {
    /* how long that is the builder chose */
    size_t path = strstr(line, SETTINGS_FILE) ? strlen(SETTINGS_FILE) : 0;
    cr_expect(strlen(line) - path <= 80, "%s", line);
    cr_expect_not(strstr(line, "(default: )"), "%s", line);
  }
}

Test(settings, answers_version_in_one_line) {
  struct said *said = said_line("--version --frobnicate");
  cr_expect(said->outcome == SETTINGS_TOLD);
  cr_expect(strncmp(said->out, "jidnsd (jidns) ", 15) == 0);
  cr_expect(strchr(said->out, '\n') == said->out + strlen(said->out) - 1);
}

/* ---- resolv.conf ---- */

static struct said *find(const char *line, const char *conf) {
  struct said *said = said_line(line);
  char path[] = "/tmp/jidns-settings-XXXXXX";
  int fd = mkstemp(path);
  cr_assert(fd >= 0 && write(fd, conf, strlen(conf)) == (ssize_t)strlen(conf));
  FILE *err = fmemopen(said->err, sizeof said->err, "w");
  settings_find_upstreams(&said->s, path, err);
  fclose(err);
  close(fd);
  unlink(path);
  return said;
}

Test(settings, finds_upstreams_in_resolv_conf) {
  struct said *said = find("", "search lab\nnameserver 192.0.2.1\nnameserver 2001:db8::1\n");
  cr_assert(said->s.upstream.count == 2);
  cr_expect(is_addr(&said->s.upstream.list[0].addr, "192.0.2.1:53") &&
            is_addr(&said->s.upstream.list[1].addr, "[2001:db8::1]:53"));
}

Test(settings, leaves_itself_out_of_resolv_conf) {
  struct said *said = find("", "nameserver 127.0.0.1\nnameserver 192.0.2.1\nnameserver ::1\n");
  cr_assert(said->s.upstream.count == 1);
  cr_expect(is_addr(&said->s.upstream.list[0].addr, "192.0.2.1:53"));
}

Test(settings, prefers_the_upstreams_that_were_given) {
  struct said *said = find("--upstream 9.9.9.9", "nameserver 192.0.2.1\n");
  cr_assert(said->s.upstream.count == 1);
  cr_expect(is_addr(&said->s.upstream.list[0].addr, "9.9.9.9:53"));
}

static void find_again(struct said *said, const char *path) {
  memset(said->err, 0, sizeof said->err);
  FILE *err = fmemopen(said->err, sizeof said->err, "w");
  settings_find_upstreams(&said->s, path, err);
  fclose(err);
}

Test(settings, say_in_words_that_fit_why_there_is_nobody_to_ask) {
  static const struct {
    const char *conf, *why;
  } cases[] = {{"", " names no server; "},
               {"# nameserver 192.0.2.1\nsearch lab\n", " names no server; "},
               {"nameserver 127.0.0.1\nnameserver ::1\n", " names no server but jidnsd itself; "},
               {"nameserver fe80::1%nosuchif\n", " names only servers at interfaces that are not here yet; "},
               {"search lab\nnameserver one\033.one\n", " line 2: 'one?.one' is not an address; "}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const struct said *said = find("", cases[i].conf);
    cr_expect_eq(said->s.upstream.count, 0);
    cr_expect(said->s.upstream_default && strstr(said->err, cases[i].why) && strstr(said->err, "--upstream"),
              "%s", said->err);
  }
}

Test(settings, say_once_why_resolv_conf_can_not_be_read) {
  static const struct {
    const char *path, *why;
  } cases[] = {{"/nonexistent/resolv.conf", "/nonexistent/resolv.conf: there is no such file; "},
               {"/proc", "/proc is not a file; "},
               {"/proc/1/cmdline/x", "/proc/1/cmdline/x: Not a directory; "}};
  struct said *said = said_line("");
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    find_again(said, cases[i].path);
    cr_expect(strstr(said->err, cases[i].why), "%s", said->err);
    find_again(said, cases[i].path);
    cr_expect_str_eq(said->err, "");
  }
}

Test(settings, keep_the_servers_of_a_resolv_conf_that_names_none_any_more) {
  struct said *said = find("", "nameserver 192.0.2.1\nnameserver 192.0.2.300\n");
  cr_expect(strstr(said->err, " line 2: '192.0.2.300' is not an address; jidnsd ignores that line"), "%s",
            said->err);
  find_again(said, "/nonexistent/resolv.conf");
  cr_expect(said->s.upstream.count == 1 && is_addr(&said->s.upstream.list[0].addr, "192.0.2.1:53"));
  cr_expect(strstr(said->err, "no such file: jidnsd keeps asking the servers of before"), "%s", said->err);
}

Test(settings, take_scopes_whose_interface_comes_later) {
  struct said *said = said_line("--listen [fe80::1%nosuchif]:53 --upstream fe80::2%nosuchif --upstream "
                                "fe80::2%lo --forward corp.lab=fe80::3%nosuchif");
  cr_assert(said->outcome == SETTINGS_RUN && said->s.upstream.count == 2 && said->s.listen_count == 1);
  cr_expect_not(addr_is_here(&said->s.upstream.list[0].addr, said->s.upstream.list[0].scope));
  cr_expect(addr_is_here(&said->s.upstream.list[1].addr, said->s.upstream.list[1].scope));
  cr_expect_not(
      addr_is_here(&said->s.forwards[0].servers.list[0].addr, said->s.forwards[0].servers.list[0].scope));
  cr_expect_not(settings_find_scopes(&said->s));

  strcpy(said->s.upstream.list[0].scope, "lo"); /* as if it had been called so from now on */
  cr_expect(settings_find_scopes(&said->s));
  cr_expect(addr_is_here(&said->s.upstream.list[0].addr, said->s.upstream.list[0].scope));
  cr_expect_not(settings_find_scopes(&said->s));
}

Test(settings, say_who_may_ask) {
  const struct settings *s = said_right("--allow 10.0.0.0/8 --allow fd00::/8 --allow 10.0.0.0/8 "
                                        "--refuse-with silence --rate-limit 100 --cookies off",
                                        NULL);
  cr_expect(s->access.chosen && s->access.allow_count == 2 && s->access.silent && s->access.rate == 100 &&
            !s->serve.cookies);
  s = said_right("--allow none", NULL);
  cr_expect(s->access.chosen && s->access.allow_count == 0 && !s->access.silent && s->access.rate == 0 &&
            s->serve.cookies);
  cr_expect_eq(said_right("--allow any", NULL)->access.allow_count, 2);
  cr_expect_not(said_right("", NULL)->access.chosen);
  said_wrong("--allow 10.0.0.1/8", "--allow '10.0.0.1/8'", "a prefix such as");
  said_wrong("--refuse-with maybe", "--refuse-with 'maybe'", "refused or silence");
  said_wrong("--rate-limit -1", "--rate-limit '-1'", "0 to 1000000");
}
