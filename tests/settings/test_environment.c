/* test_environment.c: settings wholly by environment, as containers get them. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "settings/said.h"

static struct said *with(const char *variable, const char *value) {
  setenv(variable, value, 1);
  struct said *said = said_words((const char *const[]){NULL});
  unsetenv(variable);
  return said;
}

static void expect_warning(const char *variable, const char *value, const char *words) {
  struct said *said = with(variable, value);
  cr_expect(said->outcome == SETTINGS_RUN && strstr(said->err, "warning: ") && strstr(said->err, words),
            "%s: %s", variable, said->err);
}

static void expect_wrong(const char *variable, const char *value, const char *words) {
  struct said *said = with(variable, value);
  cr_expect(said->outcome == SETTINGS_WRONG && strstr(said->err, words), "%s: %s", variable, said->err);
}

/* ---- a whole text ---- */

Test(environment, a_text_says_all_that_a_file_can_say) {
  static const char text[] = "xmpp \"shop.example\" {\n"
                             "  overlay = on\n"
                             "  host \"xmpp1\" { address = {192.0.2.10, \"2001:db8::10\"} client = 5223 }\n"
                             "}\n"
                             "zone \"lab\" { file = \"/lab.zone\"\n overlay = on }  # a comment\n"
                             "forward \"corp.example\" { upstream = {10.0.0.53} max-ttl = 60 }\n"
                             "fault \"slow\" { rule = \"type=SRV delay=200\" }\n"
                             "listen { address = {\"0.0.0.0:5300\"} }\n"
                             "cache { size = 8M }";
  struct said *said = with("JIDNS_SETTINGS", text);
  const struct settings *s = &said->s;
  cr_assert(said->outcome == SETTINGS_RUN && !*said->err, "%s", said->err);
  cr_assert(s->zones.domain_count == 1 && s->zones.zone_count == 1 && s->forward_count == 1);
  cr_expect(s->zones.domains[0].overlay && s->zones.domains[0].hosts[0].client == 5223);
  cr_expect_eq(s->zones.domains[0].hosts[0].address_count, 2);
  cr_expect(s->zones.zones[0].overlay);
  cr_expect_eq(s->forwards[0].max_ttl_s, 60);
  cr_expect_str_eq(s->faults[0].title, "slow");
  cr_expect(s->listen_count == 1 && is_addr(&s->listen[0], "0.0.0.0:5300"));
  cr_expect_eq(s->cache_size, 8u << 20);
}

Test(environment, a_text_may_stand_in_one_line) {
  struct said *said = with("JIDNS_SETTINGS",
                           "xmpp a.example { host x { address = 192.0.2.1 } } cache { size = 2M }");
  cr_expect(said->outcome == SETTINGS_RUN && said->s.zones.domain_count == 1 &&
                said->s.cache_size == 2u << 20,
            "%s", said->err);
}

Test(environment, the_text_replaces_the_file_and_is_replaced_by_variables_and_options) {
  static const char file[] = "cache { max-ttl = 10\n max-stale = 10\n size = 1M }\n"
                             "upstream { server = {192.0.2.1, 192.0.2.2} }\n"
                             "forward \"a.example\" { upstream = {10.0.0.1} }\n"
                             "forward \"b.example\" { upstream = {10.0.0.1} }";
  setenv("JIDNS_SETTINGS",
         "cache { max-ttl = 20\n max-stale = 20\n size = 2M }\n upstream { server = {192.0.2.3} }\n"
         "forward \"B.example.\" { upstream = {10.0.0.2} }",
         1);
  setenv("JIDNS_MAX_STALE", "30", 1);
  setenv("JIDNS_CACHE_SIZE", "3M", 1);
  const struct settings *s = said_right("--cache-size 4M", file);
  cr_expect(s->forward.max_ttl_s == 20 && s->forward.max_stale_s == 30 && s->cache_size == 4u << 20);
  cr_expect(s->upstream.count == 1 && is_addr(&s->upstream.list[0].addr, "192.0.2.3:53"));
  cr_expect(s->forward_count == 2 && is_addr(&s->forwards[0].servers.list[0].addr, "10.0.0.1:53") &&
            is_addr(&s->forwards[1].servers.list[0].addr, "10.0.0.2:53"));
}

Test(environment, an_option_gives_a_text_too_and_comes_before_the_variable) {
  setenv("JIDNS_SETTINGS", "cache { size = 2M }", 1);
  static const char *const words[] = {"--settings", "cache { size = 3M }", NULL};
  cr_expect_eq(said_words(words)->s.cache_size, 3u << 20);
  static const char *const wrong[] = {"--settings", "cache { size = x }", NULL};
  cr_expect(strstr(said_words(wrong)->err, "jidnsd: --settings:1: size 'x': should be a size"));
}

Test(environment, the_variable_and_its_line_are_named_in_complaints) {
  expect_wrong("JIDNS_SETTINGS", "cache {\n size = lots\n}",
               "jidnsd: JIDNS_SETTINGS:2: size 'lots': should be a size");
  expect_wrong("JIDNS_SETTINGS", "cache {\n\n siz = 3\n}",
               "jidnsd: JIDNS_SETTINGS:3: 'siz': unknown key; did you mean 'size'?");
  expect_wrong("JIDNS_SETTINGS", "xmpp \"a.example\" { host \"x\" {",
               "jidnsd: JIDNS_SETTINGS:1: what is opened here is not closed");
  expect_wrong("JIDNS_SETTINGS", "/etc/jidns/jidns.conf", "jidnsd: JIDNS_SETTINGS:1: ");
  expect_wrong("JIDNS_SETTINGS", "cache { size = 1M }\ncache { size = 1M }",
               "JIDNS_SETTINGS:2: size: is already set in line 1");
  expect_wrong("JIDNS_SETTINGS", "forward \"a\" { }", "JIDNS_SETTINGS:1: forward 'a': has no upstream");
}

Test(environment, an_empty_text_says_nothing) {
  const char *const texts[] = {"", " \n", "# a comment"};
  for (unsigned i = 0; i < 3; i++) {
    struct said *said = with("JIDNS_SETTINGS", texts[i]);
    cr_expect(said->outcome == SETTINGS_RUN && !*said->err, "%s", said->err);
  }
}

Test(environment, what_is_in_force_is_shown_with_the_text_it_comes_from) {
  setenv("JIDNS_SETTINGS", "cache {\n size = 2M }\nxmpp a.example { overlay = on }", 1);
  const char *out = said_line("--print-config")->out;
  cr_expect(strstr(out, "size = \"2M\"  # JIDNS_SETTINGS:2\n"), "%s", out);
  cr_expect(strstr(out, "xmpp \"a.example\" {  # JIDNS_SETTINGS:3\n"), "%s", out);
}

/* ---- single variables ---- */

Test(environment, a_fault_stands_on_each_line_of_its_variable) {
  struct said *said = with("JIDNS_FAULT", "\ntype=SRV delay=200\r\n\n  drop  \n");
  cr_assert(said->outcome == SETTINGS_RUN && said->s.fault_count == 2, "%s", said->err);
  cr_expect_str_eq(said->s.faults[1].title, "environment 2");
}

Test(environment, a_line_feed_at_the_end_is_no_part_of_a_value) {
  cr_expect_eq(with("JIDNS_THREADS", "4\n")->s.threads, 4);
  cr_expect_eq(with("JIDNS_THREADS", "4\r\n")->s.threads, 4);
}

Test(environment, an_empty_list_is_one_that_nobody_gave) {
  cr_expect(with("JIDNS_LISTEN", "")->s.listen_default);
  cr_expect_eq(with("JIDNS_UPSTREAM", " , ")->s.upstream.count, 0);
}

Test(environment, a_broken_number_names_its_variable_and_what_would_be_right) {
  expect_wrong("JIDNS_MAX_TTL", "", "JIDNS_MAX_TTL '': should be seconds from 1 to 604800");
  expect_wrong("JIDNS_THREADS", "two", "JIDNS_THREADS 'two': should be a number from 1 to 64");
  expect_wrong("JIDNS_THREADS", "4\n4", "JIDNS_THREADS '4?4': should be");
}

/* ---- what is no setting ---- */

Test(environment, a_misspelt_variable_is_said_with_the_nearest) {
  expect_warning("JIDNS_CACHE_SIZ", "1M",
                 "JIDNS_CACHE_SIZ: unknown setting; did you mean JIDNS_CACHE_SIZE?\n");
  expect_warning("JIDNS_UPSTREAMS", "192.0.2.1", "did you mean JIDNS_UPSTREAM?\n");
  expect_warning("JIDNS_SETTING", "", "did you mean JIDNS_SETTINGS?\n");
  expect_warning("JIDNS_HELP", "1", "JIDNS_HELP: unknown setting");
  expect_warning("JIDNS_", "1", "JIDNS_: unknown setting");
  expect_warning("JIDNS_NOTHING_AT_ALL_LIKE_IT", "1", "see jidnsd --help\n");
}

Test(environment, a_variables_name_can_break_no_line_of_the_log) {
  struct said *said = with("JIDNS_A\nerror x: y", "1");
  cr_expect(strchr(said->err, '\n') == said->err + strlen(said->err) - 1, "%s", said->err);
}

Test(environment, variables_that_kubernetes_sets_for_services_make_no_sound) {
  static const char *const set[][2] = {
      {"JIDNS_SERVICE_HOST", "10.96.0.11"},
      {"JIDNS_SERVICE_PORT", "53"},
      {"JIDNS_SERVICE_PORT_DNS_TCP", "53"},
      {"JIDNS_PORT", "udp://10.96.0.11:53"},
      {"JIDNS_PORT_53_UDP", "udp://10.96.0.11:53"},
      {"JIDNS_PORT_53_UDP_PROTO", "udp"},
      {"JIDNS_PORT_53_UDP_PORT", "53"},
      {"JIDNS_PORT_53_UDP_ADDR", "10.96.0.11"},
      {"JIDNS_PORT_53_TCP", "tcp://[fd00::1]:53"},
      {"JIDNS_METRICS_SERVICE_HOST", "fd00::2"},
      {"JIDNS_METRICS_SERVICE_PORT", "9153"},
      {"JIDNS_METRICS_SERVICE_PORT_METRICS", "9153"},
      {"JIDNS_METRICS_PORT", "tcp://10.96.0.12:9153"},
      {"JIDNS_METRICS_PORT_9153_TCP_ADDR", "10.96.0.12"},
      {"JIDNS_PORT_FORWARDER_PORT_53_SCTP", "sctp://10.96.0.12:53"},
      {"JIDNS_PORT_FORWARDER_PORT", "sctp://10.96.0.12:53"},
  };
  for (unsigned i = 0; i < sizeof set / sizeof *set; i++) {
    struct said *said = with(set[i][0], set[i][1]);
    cr_expect(said->outcome == SETTINGS_RUN && !*said->err, "%s: %s", set[i][0], said->err);
  }
}

Test(environment, what_only_looks_like_them_is_warned_of) {
  expect_warning("JIDNS_PORT", "5353", "JIDNS_PORT: unknown setting");
  expect_warning("JIDNS_METRICS_PORT", "9153", "JIDNS_METRICS_PORT: unknown setting");
  expect_warning("JIDNS_PORT_X_UDP", "53", "JIDNS_PORT_X_UDP: unknown setting");
  expect_warning("JIDNS_PORT_53_DCCP", "53", "JIDNS_PORT_53_DCCP: unknown setting");
  expect_warning("JIDNS_SERVICE", "53", "JIDNS_SERVICE: unknown setting");
  expect_warning("JIDNS_SUPPORT_53_TCP", "53", "JIDNS_SUPPORT_53_TCP: unknown setting");
}
