/* test_programs.c: whom each program tries to reach, in which order, and what it asks before. */
#include "tool/programs.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "tool/fake.h"

enum { BATCHES_MAX = 40 };

/* Walks through the questions; the ends as "x 5269 tls, d.chat 5269". Returns how many batches there were. */
static unsigned walk(struct fake *f, const char *program, struct walker *w, char *ends, size_t room) {
  uint8_t domain[NAME_MAX_LEN];
  unsigned batches = 0;
  size_t at = 0;

  walker_start(w, program_of(program), domain, name_parse("d.chat", domain));
  while (walker_next(w)) {
    cr_assert_lt(++batches, BATCHES_MAX);
    for (unsigned i = 0; i < w->count; i++) {
      struct asked a = {.name_len = 0}, *one = &a;
      ask_make(&a, w->questions[i].name, w->questions[i].name_len, w->questions[i].type);
      f->rounds = 0;
      fake_ask(f, &one, 1);
      walker_take(w, &w->questions[i], a.outcome == ASKED_ANSWERED ? a.msg : NULL, a.len);
      asked_free(&a);
    }
  }

  ends[0] = 0;
  for (unsigned i = 0; i < w->end_count; i++) {
    const struct walker_end *e = &w->ends[i];
    char name[NAME_TEXT];
    if (!e->has_address) continue;
    at += (size_t)snprintf(ends + at, room - at, "%s%s %u%s", at ? ", " : "",
                           domain_text(e->srv.target, e->srv.target_len, name), e->srv.port,
                           e->direct_tls ? " tls" : "");
  }
  return batches;
}

static void expect_ends(struct fake *f, const char *program, const char *wanted) {
  struct walker w;
  char ends[600];
  walk(f, program, &w, ends, sizeof ends);
  cr_expect_str_eq(ends, wanted, "%s: \"%s\", not \"%s\"", program, ends, wanted);
}

static void add_srv(struct fake *f, const char *service, uint16_t priority, uint16_t port,
                    const char *target) {
  char owner[100];
  snprintf(owner, sizeof owner, "_%s._tcp.d.chat", service);
  fake_add(f, owner, TYPE_SRV, 300, rd_srv(priority, 0, port, target));
}

static struct fake *with_hosts(void) {
  struct fake *f = fake_new();
  fake_add(f, "d.chat", TYPE_A, 300, rd_a("9.9.8.8"));
  fake_add(f, "x.d.chat", TYPE_A, 300, rd_a("9.9.1.1"));
  fake_add(f, "y.d.chat", TYPE_A, 300, rd_a("9.9.1.2"));
  return f;
}

Test(programs, all_of_them_go_to_the_domain_where_there_is_no_record) {
  struct fake *f = with_hosts();
  for (unsigned i = 0; i < PROGRAM_COUNT; i++)
    expect_ends(f, programs[i].name, programs[i].server ? "d.chat 5269" : "d.chat 5222");
  free(f);
}

Test(programs, those_that_mix_both_services_sort_them_by_priority_and_the_others_do_not) {
  struct fake *f = with_hosts();
  add_srv(f, "xmpps-server", 9, 5270, "x.d.chat");
  add_srv(f, "xmpp-server", 5, 5269, "y.d.chat");
  expect_ends(f, "ejabberd", "y.d.chat 5269, x.d.chat 5270 tls");
  expect_ends(f, "openfire", "y.d.chat 5269, x.d.chat 5270 tls");
  expect_ends(f, "prosody", "x.d.chat 5270 tls");
  expect_ends(f, "mongooseim", "x.d.chat 5270 tls");
  free(f);
}

Test(programs, a_dot_for_direct_tls_sends_prosody_to_the_other_service_or_to_the_domain) {
  struct fake *f = with_hosts();
  add_srv(f, "xmpps-server", 0, 0, ".");
  expect_ends(f, "prosody", "d.chat 5269");
  expect_ends(f, "ejabberd", "");
  add_srv(f, "xmpp-server", 5, 5269, "x.d.chat");
  expect_ends(f, "prosody", "x.d.chat 5269");
  expect_ends(f, "ejabberd", "x.d.chat 5269");
  free(f);
}

Test(programs, a_dot_for_starttls_is_the_end_but_for_slixmpp) {
  struct fake *f = with_hosts();
  struct walker w;
  char ends[100];
  add_srv(f, "xmpp-server", 0, 0, ".");
  add_srv(f, "xmpp-client", 0, 0, ".");
  walk(f, "prosody", &w, ends, sizeof ends);
  cr_expect(w.is_refused && *ends == 0, "%s", ends);
  walk(f, "libstrophe", &w, ends, sizeof ends);
  cr_expect(w.is_refused && *ends == 0, "%s", ends);
  expect_ends(f, "slixmpp", "d.chat 5222");
  free(f);
}

Test(programs, a_failed_question_is_no_record_to_them) {
  struct fake *f = with_hosts();
  add_srv(f, "xmpp-server", 5, 5269, "x.d.chat");
  fake_fail(f, "_xmpp-server._tcp.d.chat", TYPE_SRV, ASKED_ANSWERED, RCODE_SERVFAIL);
  fake_fail(f, "_xmpps-server._tcp.d.chat", TYPE_SRV, ASKED_TIMEOUT, 0);
  expect_ends(f, "prosody", "d.chat 5269");
  expect_ends(f, "ejabberd", "d.chat 5269");
  free(f);
}

Test(programs, where_no_target_has_an_address_only_some_go_to_the_domain) {
  struct fake *f = with_hosts();
  add_srv(f, "xmpp-server", 5, 5269, "gone.d.chat");
  add_srv(f, "xmpp-client", 5, 5222, "gone.d.chat");
  expect_ends(f, "prosody", "");
  expect_ends(f, "ejabberd", "");
  expect_ends(f, "libstrophe", "");
  expect_ends(f, "slixmpp", "d.chat 5222");
  expect_ends(f, "gajim", "d.chat 5222");
  expect_ends(f, "smack", "d.chat 5222");
  free(f);
}

Test(programs, jabber_is_asked_for_where_openfire_finds_nothing_else) {
  struct fake *f = with_hosts();
  add_srv(f, "jabber", 5, 5269, "x.d.chat");
  expect_ends(f, "openfire", "x.d.chat 5269");
  expect_ends(f, "prosody", "d.chat 5269");
  add_srv(f, "xmpp-server", 5, 5269, "y.d.chat");
  expect_ends(f, "openfire", "y.d.chat 5269");
  free(f);
}

Test(programs, ask_for_the_targets_of_very_many_records_in_bounded_time) {
  struct fake *f = with_hosts();
  for (unsigned i = 0; i < 200; i++) {
    char target[32];
    snprintf(target, sizeof target, "t%u.d.chat", i);
    add_srv(f, "xmpp-server", (uint16_t)i, 5269, target);
    add_srv(f, "xmpp-client", (uint16_t)i, 5222, target);
  }
  for (unsigned i = 0; i < PROGRAM_COUNT; i++) {
    struct walker w;
    char ends[600];
    walk(f, programs[i].name, &w, ends, sizeof ends);
    cr_expect_leq(w.end_count, WALKER_ENDS);
  }
  free(f);
}

Test(programs, have_names_of_their_own_and_no_others_are_found) {
  for (unsigned i = 0; i < PROGRAM_COUNT; i++) {
    cr_expect_eq(program_of(programs[i].name), &programs[i]);
    cr_expect(programs[i].sends > 0 && programs[i].patience_ms > 0 && programs[i].services[0].service);
  }
  cr_expect_null(program_of("nonsense"));
}
