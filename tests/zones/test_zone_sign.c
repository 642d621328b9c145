/* Zones signed when they are loaded: what a validator needs is there, and those who validate nothing see none
 * of it. Whether it is right, unbound and delv say (tests/e2e/test_lab_signed.py). */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "zones/zone_kit.h"

#define RECORDS                                                                                              \
  "a A 192.0.2.1\nb CNAME a\n*.w A 192.0.2.2\nc CNAME x.w\nfar NS ns.far\nns.far A 192.0.2.3\n"              \
  "x.deep A 192.0.2.4\nd DNAME w\n_1._tcp TLSA 3 1 1 00\n*.out CNAME far.example.\nto CNAME a.out\n"

static struct zones_policy *o;
static struct zones *lab;

static void finish(void) {
  zones_free(lab);
  lab = NULL;
  if (o && *o->keys) zones_keys_remove(o);
}
TestSuite(zone_sign, .fini = finish);

static void load(enum zones_sign sign) {
  o = zones_options_new();
  zones_option_zone(o, "zone.lab", RECORDS, false);
  o->zones[0].sign = ZONES_SIGN_AUTO;
  zones_option_sign(o, sign);
  lab = zones_made(o);
}

static void has(const char *name, uint16_t type, const char *words) {
  const char *said = zones_say(lab, name, type, LAB_DO);
  cr_expect(strstr(said, words), "%s: '%s' instead of '%s'", name, said, words);
}

static void lacks(const char *name, uint16_t type, const char *words) {
  const char *said = zones_say(lab, name, type, LAB_DO);
  cr_expect(!strstr(said, words), "%s: '%s' has '%s'", name, said, words);
}

Test(zone_sign, each_rrset_is_signed_but_for_what_is_delegated) {
  load(ZONES_SIGN_NSEC);
  has("a.zone.lab", TYPE_A, "an a.zone.lab. 3600 RRSIG A 13 3 3600 ");
  has("zone.lab", TYPE_SOA, "RRSIG SOA 13 2 60 ");
  has("zone.lab", TYPE_DNSKEY, "an zone.lab. 60 DNSKEY 257 3 13 ");
  has("zone.lab", TYPE_DNSKEY, "RRSIG DNSKEY 13 2 60 ");
  has("b.zone.lab", TYPE_A, "RRSIG CNAME 13 3 ");
  has("b.zone.lab", TYPE_A, "RRSIG A 13 3 ");
  has("q.w.zone.lab", TYPE_A, "an q.w.zone.lab. 3600 RRSIG A 13 3 3600 ");
  has("x.d.zone.lab", TYPE_A, "RRSIG DNAME 13 3 ");
  cr_expect_str_eq(zones_say(lab, "far.zone.lab", TYPE_NS, LAB_DO), "elsewhere");
}

Test(zone_sign, any_is_answered_with_what_the_zone_says) {
  load(ZONES_SIGN_NSEC);
  has("_1._tcp.zone.lab", TYPE_ANY, "NOERROR | an _1._tcp.zone.lab. 3600 TLSA 3 1 1 00");
}

Test(zone_sign, each_denial_is_proven_by_nsec) {
  load(ZONES_SIGN_NSEC);
  has("nobody.zone.lab", TYPE_A, "NXDOMAIN | ns zone.lab. 30 SOA ");
  has("nobody.zone.lab", TYPE_A, "| ns far.zone.lab. 30 NSEC *.out.zone.lab. NS RRSIG NSEC");
  has("nobody.zone.lab", TYPE_A, "| ns zone.lab. 30 NSEC _1._tcp.zone.lab. SOA RRSIG NSEC DNSKEY");
  has("a.zone.lab", TYPE_TXT, "| ns a.zone.lab. 30 NSEC b.zone.lab. A RRSIG NSEC");
  has("deep.zone.lab", TYPE_A, "NOERROR | ns");
  has("q.w.zone.lab", TYPE_TXT, "| ns *.w.zone.lab. 30 NSEC ");
  has("far.zone.lab", TYPE_DS, "| ns far.zone.lab. 30 NSEC ");
}

Test(zone_sign, each_denial_is_proven_by_nsec3) {
  load(ZONES_SIGN_NSEC3);
  has("nobody.zone.lab", TYPE_A, ".zone.lab. 30 NSEC3 1 0 0 - ");
  has("a.zone.lab", TYPE_TXT, " A RRSIG | ns ");
  has("deep.zone.lab", TYPE_A, "NSEC3");
  has("far.zone.lab", TYPE_DS, " NS | ns ");
  has("zone.lab", TYPE_A, " SOA RRSIG DNSKEY NSEC3PARAM");
  lacks("nobody.zone.lab", TYPE_A, " NSEC ");
}

Test(zone_sign, what_expands_a_wildcard_on_the_way_is_proven) {
  load(ZONES_SIGN_NSEC);
  has("q.w.zone.lab", TYPE_A, "| ns *.w.zone.lab. 30 NSEC zone.lab. A RRSIG NSEC");
  has("c.zone.lab", TYPE_A, "| ns *.w.zone.lab. 30 NSEC zone.lab. A RRSIG NSEC");
}

Test(zone_sign, what_expands_a_wildcard_on_the_way_out_is_proven) {
  load(ZONES_SIGN_NSEC);
  has("q.out.zone.lab", TYPE_A,
      "alias far.example. | an q.out.zone.lab. 3600 CNAME far.example. | an q.out.");
  has("q.out.zone.lab", TYPE_A, "| ns *.out.zone.lab. 30 NSEC to.zone.lab. CNAME RRSIG NSEC");
  has("to.zone.lab", TYPE_A, "| ns *.out.zone.lab. 30 NSEC to.zone.lab. CNAME RRSIG NSEC");
}

Test(zone_sign, a_zone_vouches_for_one_that_is_signed_in_its_file) {
  o = zones_options_new();
  zones_option_zone(o, "lab", "a A 192.0.2.1\n", false);
  zones_option_zone(
      o, "signed.lab", /* the key of RFC 6605 section 6.1 */
      "@ DNSKEY 257 3 13 GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edbkrSqQpF64cYbcB7wNcP+e+MAnLr+"
      "Wi9xMWyQLc8NAA==\n"
      "@ DNSKEY 256 3 13 AojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edbkrSqQpF64cYbcB7wNcP+e+MAnLr+"
      "Wi9xMWyQLc8NAA==\n"
      "a RRSIG A 13 3 60 20300101000000 20200101000000 1 zone.lab. AAAA\n",
      false);
  zones_option_sign(o, ZONES_SIGN_NSEC);
  for (unsigned i = 0; i < 2; i++) o->zones[i].sign = ZONES_SIGN_AUTO;
  lab = zones_made(o);
  has("signed.lab", TYPE_DS, "NOERROR | an signed.lab. 3600 DS ");
  has("signed.lab", TYPE_DS, " 13 2 ");
  has("signed.lab", TYPE_DS, "| an signed.lab. 3600 RRSIG DS 13 2 ");
}

Test(zone_sign, who_does_not_ask_for_signatures_sees_the_zone_as_it_was) {
  static const char *const names[] = {"a.zone.lab", "b.zone.lab", "q.w.zone.lab", "nobody.zone.lab",
                                      "zone.lab"};
  char signed_text[sizeof names / sizeof *names][2000];
  load(ZONES_SIGN_NSEC);
  for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
    strcpy(signed_text[i], zones_say(lab, names[i], TYPE_A, 0));
  struct zones *plain = zones_of(RECORDS);
  for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
    cr_expect_str_eq(zones_say(plain, names[i], TYPE_A, 0), signed_text[i]);
  zones_free(plain);
}

/* ---- several zones ---- */

static void load_family(enum zones_sign sign) {
  o = zones_options_new();
  zones_option_zone(o, "lab", "a A 192.0.2.1\n", false);
  zones_option_zone(o, "signed.lab", "a A 192.0.2.1\n", false);
  zones_option_zone(o, "open.lab", "a A 192.0.2.1\n", false);
  zones_option_zone(o, "far.between.lab", "a A 192.0.2.1\n", false);
  zones_option_zone(o, "over.lab", "a A 192.0.2.1\n", true);
  zones_option_sign(o, sign);
  for (unsigned i = 0; i < o->zone_count; i++) o->zones[i].sign = ZONES_SIGN_AUTO;
  o->zones[2].sign = ZONES_SIGN_OFF;
  lab = zones_made(o);
}

Test(zone_sign, a_zone_vouches_for_those_below_it) {
  load_family(ZONES_SIGN_NSEC);
  has("signed.lab", TYPE_DS, "NOERROR | an signed.lab. 60 DS ");
  has("signed.lab", TYPE_DS, "an signed.lab. 60 RRSIG DS 13 2 60 ");
  has("far.between.lab", TYPE_DS, "an far.between.lab. 60 RRSIG DS 13 3 60 ");
  has("signed.lab", TYPE_TXT, "| ns signed.lab. 30 NSEC a.signed.lab. SOA RRSIG NSEC DNSKEY");
  lacks("signed.lab", TYPE_TXT, " DS ");
}

Test(zone_sign, that_a_zone_below_is_not_signed_is_proven) {
  static const char *const open[] = {"open.lab", "over.lab"};
  load_family(ZONES_SIGN_NSEC);
  for (unsigned i = 0; i < 2; i++) {
    has(open[i], TYPE_DS, "NOERROR | ns lab. 30 SOA ");
    has(open[i], TYPE_DS, ".lab. NS RRSIG NSEC | ns ");
    lacks(open[i], TYPE_DS, "DNSKEY");
  }
  lacks("a.open.lab", TYPE_A, "RRSIG");
  lacks("a.over.lab", TYPE_A, "RRSIG");
}

Test(zone_sign, that_a_zone_below_is_not_signed_is_proven_by_nsec3) {
  load_family(ZONES_SIGN_NSEC3);
  has("open.lab", TYPE_DS, "NOERROR | ns lab. 30 SOA ");
  has("open.lab", TYPE_DS, " NS | ns ");
}

Test(zone_sign, names_between_two_zones_exist) {
  load_family(ZONES_SIGN_NSEC);
  has("between.lab", TYPE_A, "NOERROR | ns lab. 30 SOA ");
  has("b.between.lab", TYPE_A, "NXDOMAIN | ns lab. 30 SOA ");
}

Test(zone_sign, the_anchors_are_those_of_the_topmost_zones) {
  char text[400] = "";
  load_family(ZONES_SIGN_NSEC);
  FILE *in = fopen(zones_keys_file(o, ZONES_ANCHORS), "r");
  cr_assert(in);
  size_t len = fread(text, 1, sizeof text - 1, in);
  fclose(in);
  cr_expect(strncmp(text, "lab.\t", 5) == 0 && strchr(text, '\n') == text + len - 1, "%s", text);
}

Test(zone_sign, the_anchor_of_a_zone_for_several_clients_is_there_once) {
  char line[200];
  unsigned lines = 0;
  o = zones_options_new();
  for (unsigned i = 0; i < 2; i++) {
    zones_option_zone(o, i ? "lab" : "other", "a A 192.0.2.1\n", false);
    o->zones[i].sign = ZONES_SIGN_AUTO;
    o->zones[i].clients = (struct zones_clients){.count = 1};
    cr_assert(prefix_parse(i ? "10.0.0.0/8" : "192.0.2.0/24", &o->zones[i].clients.list[0]));
  }
  o->zones[0].name_len = o->zones[1].name_len;
  memcpy(o->zones[0].name, o->zones[1].name, o->zones[1].name_len);
  zones_option_sign(o, ZONES_SIGN_NSEC);
  lab = zones_made(o);
  FILE *in = fopen(zones_keys_file(o, ZONES_ANCHORS), "r");
  cr_assert(in);
  while (fgets(line, sizeof line, in)) lines++;
  fclose(in);
  cr_expect_eq(lines, 1);
}

Test(zone_sign, ds_records_that_stand_in_the_zone_above_stay_alone) {
  o = zones_options_new();
  zones_option_zone(o, "lab",
                    "signed DS 1 13 2 " /* of no key: broken on purpose */
                    "0000000000000000000000000000000000000000000000000000000000000000\n",
                    false);
  zones_option_zone(o, "signed.lab", "a A 192.0.2.1\n", false);
  zones_option_sign(o, ZONES_SIGN_NSEC);
  for (unsigned i = 0; i < 2; i++) o->zones[i].sign = ZONES_SIGN_AUTO;
  lab = zones_made(o);
  has("signed.lab", TYPE_DS, "NOERROR | an signed.lab. 3600 DS 1 13 2 0000");
  has("signed.lab", TYPE_DS, "0000 | an signed.lab. 3600 RRSIG DS ");
}

/* ---- keys ---- */

Test(zone_sign, keys_stay_when_zones_are_loaded_again) {
  char before[1000];
  load_family(ZONES_SIGN_NSEC);
  strcpy(before, zones_say(lab, "signed.lab", TYPE_DS, 0));
  zones_free(lab);
  char keys[sizeof o->keys];
  strcpy(keys, o->keys);
  o = zones_options_new();
  zones_option_zone(o, "lab", "", false);
  zones_option_zone(o, "signed.lab", "", false);
  o->sign = ZONES_SIGN_NSEC3;
  strcpy(o->keys, keys);
  for (unsigned i = 0; i < 2; i++) o->zones[i].sign = ZONES_SIGN_AUTO;
  lab = zones_made(o);
  cr_expect_str_eq(zones_say(lab, "signed.lab", TYPE_DS, 0), before);
}

static void put_key(const char *file, const char *text) {
  FILE *out = fopen(zones_keys_file(o, file), "w");
  cr_assert(out && fputs(text, out) >= 0 && fclose(out) == 0);
}

static void prepare(void) {
  o = zones_options_new();
  zones_option_zone(o, "zone.lab", RECORDS, false);
  o->zones[0].sign = ZONES_SIGN_AUTO;
  zones_option_sign(o, ZONES_SIGN_NSEC);
}

Test(zone_sign, what_is_no_key_is_refused) {
  prepare();
  put_key("Kzone.lab.+013+12345.private", "nonsense\n");
  zones_refused(o, "Kzone.lab.+013+12345.private: is not a private key");
}

#define PRIVATE                                                                                              \
  "Private-key-format: v1.2\nAlgorithm: 13 (ECDSAP256SHA256)\n"                                              \
  "PrivateKey: GU6SnQ/Ou+xC5RumuIUIuJZteXT2z0O/ok1s38Et6mQ=\n" /* RFC 6605 section 6.1 */

Test(zone_sign, a_key_whose_name_has_another_tag_is_refused) {
  prepare();
  put_key("Kzone.lab.+013+12345.private", PRIVATE);
  zones_refused(o, "should have the key's tag");
}

Test(zone_sign, too_many_keys_are_refused) {
  prepare();
  for (unsigned i = 0; i < 5; i++) {
    char file[60];
    snprintf(file, sizeof file, "Kzone.lab.+013+%05u.private", i);
    put_key(file, PRIVATE);
  }
  zones_refused(o, "at most 4 keys");
}

Test(zone_sign, a_folder_that_is_none_is_refused) {
  prepare();
  put_key("file", "");
  strcat(o->keys, "/file");
  zones_refused(o, "/file: Not a directory");
  *strrchr(o->keys, '/') = 0;
}

/* ---- what is not signed ---- */

Test(zone_sign, a_zone_with_signatures_of_its_own_is_left_alone) {
  o = zones_options_new();
  zones_option_zone(o, "zone.lab",
                    "a A 192.0.2.1\na RRSIG A 13 3 60 20300101000000 20200101000000 1 zone.lab. AAAA\n",
                    false);
  o->zones[0].sign = ZONES_SIGN_AUTO;
  zones_option_sign(o, ZONES_SIGN_NSEC);
  lab = zones_made(o);
  cr_expect(strstr(zones_said(), "the zone zone.lab. has signatures in its file: it is not signed again"),
            "%s", zones_said());
  has("a.zone.lab", TYPE_A, "RRSIG A 13 3 60 20300101000000 20200101000000 1 zone.lab. AAAA");
  cr_expect(!zones_age(lab, UINT32_MAX));
}

Test(zone_sign, zones_age_when_half_of_their_time_has_passed) {
  load(ZONES_SIGN_NSEC);
  uint64_t now_s = ((uint64_t)clock_epoch_ms() + clock_ms()) / 1000;
  cr_expect(!zones_age(lab, now_s + 14 * 86400));
  cr_expect(zones_age(lab, now_s + 15 * 86400 + 60));
}

/* ---- signatures made anew ---- */

enum { EXPIRATION_AT = 8, SIGNATURE_LEN = 64 };

/* The answer with DO, whole; its length. */
static size_t answer_of(const char *name, uint16_t type, uint8_t *out) {
  static struct asked a;
  static struct zones_alias alias;
  asked_edns(&a, name, type, 4096, true);
  int len = zones_answer(lab, &a.query, 4096, out, &alias);
  cr_assert(len > 0);
  return (size_t)len;
}

/* The first RRSIG record. */
static struct record signature_in(const uint8_t *msg, size_t len) {
  struct wire w = record_start(msg, len);
  struct record r;
  do cr_assert(record_read(&w, &r));
  while (r.type != TYPE_RRSIG);
  return r;
}

static void expect_signed_again(const char *name, uint16_t type) {
  static uint8_t before[4096], after[4096];
  size_t len = answer_of(name, type, before);
  memcpy(after, before, len);
  struct record sig = signature_in(after, len);
  size_t at = sig.rdata_at + sig.rdlen - SIGNATURE_LEN;
  store_u32(after + sig.rdata_at + EXPIRATION_AT, 1);
  zones_sign_again(lab, after, len);
  cr_expect_eq(load_u32(after + sig.rdata_at + EXPIRATION_AT), 1);
  cr_expect(memcmp(before + at, after + at, SIGNATURE_LEN) != 0, "%s", name);
}

Test(zone_sign, a_changed_answer_is_signed_again_with_the_dates_it_has) {
  load(ZONES_SIGN_NSEC);
  expect_signed_again("a.zone.lab", TYPE_A);
  expect_signed_again("q.w.zone.lab", TYPE_A);
  expect_signed_again("nobody.zone.lab", TYPE_A);
  expect_signed_again("zone.lab", TYPE_DNSKEY);
}

Test(zone_sign, what_is_not_by_a_zones_key_or_is_cut_short_stays) {
  static uint8_t before[4096], after[4096];
  load(ZONES_SIGN_NSEC);
  size_t len = answer_of("a.zone.lab", TYPE_A, before);
  memcpy(after, before, len);
  for (size_t n = 0; n < len - 20; n++) { /* without OPT, a record is not whole */
    zones_sign_again(lab, after, n);
    cr_assert_arr_eq(after, before, len);
  }
  struct record sig = signature_in(after, len);
  before[sig.rdata_at + 16] = after[sig.rdata_at + 16] ^= 1; /* the key's tag */
  zones_sign_again(lab, after, len);
  cr_expect_arr_eq(after, before, len);
}
