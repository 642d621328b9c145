/* test_sources.c: answers from zone files, and what is asked on. */
#include "tool/sources.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tool/mock.h"
#include "tool/reply.h"

static const char zone_text[] =
    "$TTL 300\n@ SOA ns admin 1 2 3 4 60\n@ NS ns\nns A 9.9.9.1\nx A 9.9.1.1\nx AAAA 2a01::1\n"
    "*.w A 9.9.1.2\nout CNAME host.other.\nsub NS ns.elsewhere.\n";

struct rig {
  char path[32], option[64];
  const char *zones[1];
  struct ask_options ask;
  struct sources *sources;
};

static struct rig *rig_new(bool offline) {
  struct rig *r = calloc(1, sizeof *r);
  strcpy(r->path, "/tmp/jidns-zone-XXXXXX");
  int fd = mkstemp(r->path);
  cr_assert(fd >= 0 && write(fd, zone_text, sizeof zone_text - 1) == sizeof zone_text - 1);
  close(fd);
  snprintf(r->option, sizeof r->option, "d.chat=%s", r->path);
  r->zones[0] = r->option;
  r->ask = (struct ask_options){.timeout_ms = 2000};
  r->sources = sources_open(r->zones, 1, &r->ask, offline, stderr);
  cr_assert_not_null(r->sources);
  return r;
}

static void rig_free(struct rig *r) {
  sources_close(r->sources);
  unlink(r->path);
  free(r);
}

static void ask_one(struct rig *r, struct asked *a, const char *name, uint16_t type) {
  struct ask_list list = {.count = 0};
  uint8_t octets[NAME_MAX_LEN];
  *a = (struct asked){.type = type};
  ask_list_add(&list, a, octets, name_parse(name, octets), type);
  sources_ask(r->sources, list.list, list.count);
  ask_list_free(&list);
}

static unsigned answers(const struct asked *a) {
  return a->outcome == ASKED_ANSWERED ? load_u16(a->msg + 6) : 99;
}

Test(sources, answer_from_the_zone_with_authority) {
  struct rig *r = rig_new(true);
  struct asked a;
  ask_one(r, &a, "X.D.chat.", TYPE_A);
  cr_expect_eq(answers(&a), 1);
  cr_expect(a.msg[2] & DNS_AA);
  asked_free(&a);
  ask_one(r, &a, "any.w.d.chat.", TYPE_A);
  cr_expect_eq(answers(&a), 1);
  asked_free(&a);
  ask_one(r, &a, "none.d.chat.", TYPE_A);
  cr_expect_eq(reply_rcode(a.msg, a.len), RCODE_NXDOMAIN);
  asked_free(&a);
  rig_free(r);
}

Test(sources, leave_out_what_lies_elsewhere_when_offline) {
  static const char *const names[] = {"d.other.", "out.d.chat.", "a.sub.d.chat."};
  struct rig *r = rig_new(true);
  for (size_t i = 0; i < 3; i++) {
    struct asked a;
    ask_one(r, &a, names[i], TYPE_A);
    cr_expect_eq(a.outcome, ASKED_LEFT_OUT, "%s", names[i]);
    cr_expect_null(a.msg);
  }
  rig_free(r);
}

static void refuse(struct mock *m, const uint8_t *query, size_t len, bool over_tcp) {
  (void)over_tcp;
  mock_reply(m, query, len, RCODE_NXDOMAIN, false);
}

Test(sources, ask_the_resolver_for_what_lies_elsewhere_and_join_it_to_the_alias) {
  struct rig *r = rig_new(false);
  struct mock m;
  struct asked a;

  mock_start(&m, false, refuse);
  r->ask.server = m.addr;
  ask_one(r, &a, "out.d.chat.", TYPE_A);
  cr_expect_eq(answers(&a), 1, "the CNAME");
  cr_expect_eq(reply_rcode(a.msg, a.len), RCODE_NXDOMAIN, "of its target");
  asked_free(&a);
  ask_one(r, &a, "x.d.chat.", TYPE_AAAA);
  cr_expect_eq(answers(&a), 1);
  asked_free(&a);
  mock_stop(&m);
  cr_expect_eq(m.packets, 1, "the zone's own names are not asked for");
  rig_free(r);
}

Test(sources, hold_names_of_the_zone_but_not_delegated_ones) {
  static const struct {
    const char *name;
    bool held;
  } cases[] = {{"d.chat.", true},
               {"none.d.chat.", true},
               {"sub.d.chat.", false},
               {"a.sub.d.chat.", false},
               {"chat.", false}};
  struct rig *r = rig_new(true);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    uint8_t octets[NAME_MAX_LEN];
    size_t len = name_parse(cases[i].name, octets);
    cr_expect_eq(sources_hold(r->sources, octets, len), cases[i].held, "%s", cases[i].name);
  }

  rig_free(r);
}

Test(sources, take_NAME_and_FILE_only) {
  cr_expect(sources_is_zone("d.chat=zone"));
  cr_expect(sources_is_zone(".=zone"));
  cr_expect_not(sources_is_zone("d.chat"));
  cr_expect_not(sources_is_zone("d.chat="));
  cr_expect_not(sources_is_zone("=zone"));
  cr_expect_not(sources_is_zone("d..chat=zone"));
}
