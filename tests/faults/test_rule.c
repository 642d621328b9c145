/* test_rule.c: rules for faults as text, and the names that their patterns mean. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "faults/rule.h"
#include "kit/rng.h"

static struct rule parsed(const char *text) {
  struct rule r;
  char why[RULE_WHY] = "";
  cr_assert(rule_parse(text, &r, why), "%s: %s", text, why);
  return r;
}

Test(rule, is_written_back_as_it_was_read) {
  static const char *const same[] = {
      "name=*.lab type=SRV share=30% seed=7 delay=200-900 servfail",
      "drop",
      ("name=_xmpp-??????._tcp.*.lab type=A,AAAA,TYPE65280 client=10.0.0.0/8 transport=udp from=0.5 until=20 "
       "refused"),
      "name=. nxdomain",
      "client=2001:db8::1/128 transport=tcp close",
      "flap=10/2.5 nodata",
      "first=3 share=0.01% seed=18446744073709551615 truncate",
      "ttl=0 no-additional shuffle lose-target port=0 wrong-id garbage cut",
      "ttl=2147483647 reverse lose-target=*.example target=. port=65535 garbage=all cut=1",
      "type=A address=192.0.2.9,192.0.2.10,2001:db8::9",
      "delay=60000 target=a\\.b.\\200.example",
      "share=100% delay=0-1",
      "strip signature=expired wrong-ds",
      "strip=signatures signature=early",
      "strip=proofs signature=wrong",
      "from=4294967.294 until=4294967.295 flap=0.001/0.001 drop",
  };
  char text[RULE_TEXT];
  for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
    struct rule r = parsed(same[i]);
    cr_expect_str_eq(rule_format(&r, text), same[i]);
  }
}

Test(rule, is_written_in_one_way_however_it_was_spelled) {
  static const char *const pairs[][2] = {
      {"  servfail\tdelay=900-900\n name=*.LAB. ", "name=*.lab delay=900 servfail"},
      {"share=30.50% drop", "share=30.5% drop"},
      {"type=srv,type33 drop", "type=SRV,SRV drop"},
      {"from=10.000 drop", "from=10 drop"},
      {"client=192.0.2.7 drop", "client=192.0.2.7/32 drop"},
      {"target=XMPP1.Montague.lab.", "target=xmpp1.montague.lab"},
  };
  char text[RULE_TEXT];
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
    struct rule r = parsed(pairs[i][0]);
    cr_expect_str_eq(rule_format(&r, text), pairs[i][1]);
  }
}

Test(rule, the_longest_one_fits_into_its_text) {
  char name[NAME_TEXT] = "", rule[3 * NAME_TEXT + 800], text[RULE_TEXT];
  for (int i = 0; i < 253; i++) strcat(name, i % 64 == 63 ? "." : "\\001");
  snprintf(
      rule, sizeof rule,
      "name=%s type=TYPE65280,TYPE65281,TYPE65282,TYPE65283,TYPE65284,TYPE65285,TYPE65286,TYPE65287 "
      "client=2001:db8:1111:2222:3333:4444:5555:6666/128 transport=tcp from=4294967.294 until=4294967.295 "
      "flap=2147483.647/2147483.647 first=4294967295 share=99.99%% seed=18446744073709551615 "
      "delay=59999-60000 "
      "ttl=2147483647 no-additional shuffle lose-target=%s target=%s port=65535 "
      "address=2001:db8:1111:2222:3333:4444:5555:1111,2001:db8:1111:2222:3333:4444:5555:2222,"
      "2001:db8:1111:2222:3333:4444:5555:3333,2001:db8:1111:2222:3333:4444:5555:4444,"
      "2001:db8:1111:2222:3333:4444:5555:5555,2001:db8:1111:2222:3333:4444:5555:6666,"
      "2001:db8:1111:2222:3333:4444:5555:7777,2001:db8:1111:2222:3333:4444:5555:8888 wrong-id garbage=all "
      "cut=65535",
      name, name, name);
  struct rule r = parsed(rule);
  cr_expect_str_eq(rule_format(&r, text), rule);
}

struct wrong_rule {
  const char *rule, *why;
};

static void expect_wrong(const struct wrong_rule *wrong, size_t n) {
  for (size_t i = 0; i < n; i++) {
    struct rule r;
    char why[RULE_WHY] = "";
    cr_expect_not(rule_parse(wrong[i].rule, &r, why), "%s", wrong[i].rule);
    cr_expect_str_eq(why, wrong[i].why);
  }
}

Test(rule, what_is_wrong_is_said_with_the_word_and_what_would_be_right) {
  static const struct wrong_rule wrong[] = {
      {"", "says not what is to happen; add one of delay, drop, servfail, refused, nxdomain, nodata, "
           "truncate, ttl, no-additional, "
           "shuffle, reverse, lose-target, target, port, address, strip, signature, wrong-ds, wrong-id, "
           "garbage, cut, close"},
      {"name=a.lab seed=7",
       "says not what is to happen; add one of delay, drop, servfail, refused, nxdomain, nodata, truncate, "
       "ttl, "
       "no-additional, shuffle, reverse, lose-target, target, port, address, strip, signature, wrong-ds, "
       "wrong-id, garbage, cut, close"},
      {"share=0% drop", "\"share=0%\": should be a share from 0.01% to 100%, such as 30%"},
      {"share=100.01% drop", "\"share=100.01%\": should be a share from 0.01% to 100%, such as 30%"},
      {"share=1.001% drop", "\"share=1.001%\": should be a share from 0.01% to 100%, such as 30%"},
      {"drop=1", "\"drop=1\": drop takes no value"},
      {"delay", "\"delay\": needs a value: delay=, then milliseconds up to 60000, such as 900 or 200-900"},
      {"delay=900-200", "\"delay=900-200\": should be milliseconds up to 60000, such as 900 or 200-900"},
      {"delay=0", "\"delay=0\": should be milliseconds up to 60000, such as 900 or 200-900"},
      {"delay=60001", "\"delay=60001\": should be milliseconds up to 60000, such as 900 or 200-900"},
      {"delay=1-", "\"delay=1-\": should be milliseconds up to 60000, such as 900 or 200-900"},
      {"drop drop", "\"drop\": drop is given twice"},
      {"servfail nxdomain", "\"nxdomain\": does not go with servfail"},
      {"drop servfail", "\"servfail\": does not go with drop"},
      {"shuffle reverse", "\"reverse\": does not go with shuffle"},
      {"cut close", "\"close\": does not go with cut"},
      {"transport=udp close", "\"close\": there is nothing to close with transport=udp"},
      {"transport=quic drop", "\"transport=quic\": should be udp or tcp"},
      {"client=10.0.0.1/8 drop",
       "\"client=10.0.0.1/8\": should be an address or a prefix, such as 10.0.0.0/8"},
      {"type=SVR drop", "\"type=SVR\": should be one to eight types, such as SRV or A,AAAA"},
      {"type=A, drop", "\"type=A,\": should be one to eight types, such as SRV or A,AAAA"},
      {"type=A,A,A,A,A,A,A,A,A drop",
       "\"type=A,A,A,A,A,A,A,A,A\": should be one to eight types, such as SRV or A,AAAA"},
      {"name=a..lab drop",
       "\"name=a..lab\": should be a name or a pattern, such as _xmpp-*._tcp.example.org or *.lab"},
      {"name= drop", "\"name=\": should be a name or a pattern, such as _xmpp-*._tcp.example.org or *.lab"},
      {"from=5 until=5 drop", "\"until\": should be later than from"},
      {"from=-1 drop", "\"from=-1\": should be seconds since the rule was set, such as 10 or 0.5"},
      {"from=4294967.296 drop",
       "\"from=4294967.296\": should be seconds since the rule was set, such as 10 or 0.5"},
      {"from=99999999999999999999999 drop",
       "\"from=99999999999999999999999\": should be seconds since the rule was set, such as 10 or 0.5"},
      {"flap=10 drop", "\"flap=10\": should be seconds without and seconds with the fault, such as 10/2.5"},
      {"flap=0/1 drop", "\"flap=0/1\": should be seconds without and seconds with the fault, such as 10/2.5"},
      {"flap=1/0 drop", "\"flap=1/0\": should be seconds without and seconds with the fault, such as 10/2.5"},
      {"first=0 drop", "\"first=0\": should be a number of answers, from 1 to 4294967295"},
      {"seed=x drop", "\"seed=x\": should be a number from 0 to 18446744073709551615"},
      {"seed=18446744073709551616 drop",
       "\"seed=18446744073709551616\": should be a number from 0 to 18446744073709551615"},
      {"ttl=2147483648", "\"ttl=2147483648\": should be seconds from 0 to 2147483647"},
      {"port=65536", "\"port=65536\": should be a port from 0 to 65535"},
      {"target=", "\"target=\": should be a name"},
      {"cut=0", "\"cut=0\": should be a number of octets from 1 to 65535"},
      {"strip=all", "\"strip=all\": should be signatures or proofs, or no value"},
      {"strip=", "\"strip=\": should be signatures or proofs, or no value"},
      {"signature", "\"signature\": needs a value: signature=, then expired, early or wrong"},
      {"signature=old", "\"signature=old\": should be expired, early or wrong"},
      {"wrong-ds=1", "\"wrong-ds=1\": wrong-ds takes no value"},
      {"garbage=some", "\"garbage=some\": should be all, or no value"},
      {"a\x01\xff", "\"a\?\?\": no such word; there are name, type, client, transport, from, until, flap, "
                    "first, share, seed, delay, "
                    "drop, servfail, refused, nxdomain, nodata, truncate, ttl, no-additional, shuffle, "
                    "reverse, lose-target, target, "
                    "port, address, strip, signature, wrong-ds, wrong-id, garbage, cut, close"},
  };
  expect_wrong(wrong, sizeof wrong / sizeof *wrong);
}

Test(rule, a_misspelt_word_gets_the_nearest_one_and_a_number_its_unit) {
  static const struct wrong_rule wrong[] = {
      {"drpo", "\"drpo\": no such word; did you mean drop?"},
      {"serv-fail", "\"serv-fail\": no such word; did you mean servfail?"},
      {"adress=192.0.2.1", "\"adress=192.0.2.1\": no such word; did you mean address?"},
      {"share=30 drop", "\"share=30\": the % is missing: share=30%"},
      {"share=0 drop", "\"share=0\": should be a share from 0.01% to 100%, such as 30%"},
      {"share=101 drop", "\"share=101\": should be a share from 0.01% to 100%, such as 30%"},
      {"share= drop", "\"share=\": should be a share from 0.01% to 100%, such as 30%"},
      {"delay=900ms",
       "\"delay=900ms\": should be milliseconds up to 60000, such as 900 or 200-900, without a unit"},
      {"ttl=30s", "\"ttl=30s\": should be seconds from 0 to 2147483647, without a unit"},
      {"address=192.0.2.0/24", "\"address=192.0.2.0/24\": should be one to eight addresses, such as "
                               "192.0.2.9 or 192.0.2.9,2001:db8::9"},
      {"address=1.2.3",
       "\"address=1.2.3\": should be one to eight addresses, such as 192.0.2.9 or 192.0.2.9,2001:db8::9"},
  };
  expect_wrong(wrong, sizeof wrong / sizeof *wrong);
}

Test(rule, a_long_wrong_word_is_cut_in_the_complaint) {
  static char word[RULE_TEXT + 100];
  struct rule r;
  char why[RULE_WHY];
  memset(word, 'x', sizeof word - 1);
  cr_expect_not(rule_parse(word, &r, why));
  cr_expect(strlen(why) < 100 && strstr(why, "x...\": is too long"), "%s", why);
  word[RULE_TEXT - 1] = 0;
  cr_expect_not(rule_parse(word, &r, why));
  cr_expect(strstr(why, "x...\": no such word"), "%s", why);
}

Test(rule, any_octets_are_read_without_harm) {
  static const char *const bits[] = {"name=",  "*.lab", "type=",       "SRV",        ",",      " ",
                                     "share=", "30",    "%",           ".",          "delay=", "1-",
                                     "drop",   "\\",    "\\0",         "flap=1/",    "=",      "\xff",
                                     "seed=",  "cut",   "lose-target", "client=::/", "\n"};
  struct rng rng = {11};
  unsigned good = 0;
  for (unsigned i = 0; i < 200000; i++) {
    char text[200] = "", again[RULE_TEXT], why[RULE_WHY];
    for (uint64_t n = rng_below(&rng, 12); n > 0; n--)
      strcat(text, bits[rng_below(&rng, sizeof bits / sizeof *bits)]);
    struct rule r, same;
    if (!rule_parse(text, &r, why)) {
      for (const char *c = why; *c; c++) cr_assert(*c >= ' ' && *c <= '~');
      continue;
    }
    good++;
    rule_format(&r, again);
    cr_assert(rule_parse(again, &same, why), "%s became %s: %s", text, again, why);
    char third[RULE_TEXT];
    cr_assert_str_eq(rule_format(&same, third), again);
  }

  cr_expect(good > 500, "%u", good);
}

/* ---- patterns ---- */

static bool means(const char *pattern, const char *name) {
  char text[NAME_TEXT + 16];
  uint8_t octets[NAME_MAX_LEN];
  snprintf(text, sizeof text, "name=%s drop", pattern);
  struct rule r = parsed(text);
  size_t len = name_parse(name, octets);
  cr_assert(len > 0);
  return rule_name_matches(&r.name, octets);
}

Test(rule, a_name_means_itself_alone) {
  cr_expect(means("xmpp.lab", "xmpp.lab."));
  cr_expect(means("XMPP.Lab.", "xmpp.lab"));
  cr_expect(means(".", "."));
  cr_expect_not(means("xmpp.lab", "a.xmpp.lab"));
  cr_expect_not(means("xmpp.lab", "lab"));
  cr_expect_not(means("xmpp.lab", "xmpp.labs"));
  cr_expect_not(means("xmpp.lab", "."));
  cr_expect_not(means(".", "lab"));
}

Test(rule, a_star_in_front_means_all_that_is_below) {
  cr_expect(means("*.lab", "a.lab"));
  cr_expect(means("*.lab", "_xmpp-server._tcp.a.lab"));
  cr_expect_not(means("*.lab", "lab"));
  cr_expect_not(means("*.lab", "a.lab.example"));
  cr_expect_not(means("*.lab", "collab"));
  cr_expect(means("*", "a.b.c"));
  cr_expect_not(means("*", "."));
}

Test(rule, stars_and_question_marks_elsewhere_stay_within_their_label) {
  cr_expect(means("_xmpp-*._tcp.*.lab", "_xmpp-server._tcp.a.lab"));
  cr_expect_not(means("_xmpp-*._tcp.*.lab", "_xmpp-server._tcp.a.b.lab"));
  cr_expect_not(means("_xmpp-*._tcp.*.lab", "_xmpps-server._tcp.a.lab"));
  cr_expect(means("_xmpp*-server._tcp.*.lab", "_xmpps-server._tcp.a.lab"));
  cr_expect(means("*._tcp.*", "_xmpps-server._tcp.a"));
  cr_expect(means("*._tcp.*", "x.y._tcp.a"));
  cr_expect(means("xmpp?.lab", "xmpp1.lab"));
  cr_expect_not(means("xmpp?.lab", "xmpp.lab"));
  cr_expect_not(means("xmpp?.lab", "xmpp12.lab"));
  cr_expect(means("a*b*c.lab", "axxbybzc.lab"));
  cr_expect_not(means("a*b*c.lab", "axxbybzd.lab"));
  cr_expect(means("**.lab", "a.lab"));
  cr_expect_not(means("**.lab", "a.b.lab"));
  cr_expect(means("a.*", "a.b"));
  cr_expect_not(means("a.*", "a.b.c"));
}
