/* test_up_udp_load.c: many questions over UDP share sockets: which, how long, what goes wrong on them. */
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "kit/emulated.h"
#include "upstream/lo.h"
#include "upstream/up_udp.h"

enum { MANY = 100 };

static struct lo l;
static struct probe *p; /* MANY */
static struct got *g;   /* what the server got, MANY + UDP_QUIET */

static void setup(void) {
  if (emulated_in_other_order()) cr_skip_test("the emulator spoils what packs questions");
  lo_start(&l, AF_INET, SOCK_DGRAM);
  l.channel = up_udp_new(&l.loop, &l.server, &l.counters, &l.random);
  p = probes_new(&l, MANY);
  g = calloc(MANY + UDP_QUIET, sizeof *g);
  cr_assert(l.channel && g);
}

static void finish(void) {
  for (unsigned i = 0; i < MANY; i++) channel_drop(&p[i].x);
  free(p);
  free(g);
  lo_end(&l);
}

TestSuite(up_udp_load, .init = setup);

/* Makes load of so many questions that those after them share sockets; drops them. */
static void make_load(void) {
  struct probe *load = probes_new(&l, UDP_QUIET + 1);
  for (unsigned i = 0; i <= UDP_QUIET; i++) cr_assert_eq(probe_ask(&load[i]), ERR_NONE);
  for (unsigned i = 0; i <= UDP_QUIET; i++) channel_drop(&load[i].x);
  lo_flush(&l);
  free(load);
}

static void ask_and_get(unsigned n) {
  for (unsigned i = 0; i < n; i++) cr_assert_eq(probe_ask(&p[i]), ERR_NONE);
  lo_flush(&l);
  for (unsigned i = 0; i < n; i++) got_one(&l, &g[i]);
}

Test(up_udp_load, one_turns_questions_share_a_port_and_no_id) {
  static bool seen[65536];
  make_load();
  ask_and_get(MANY);
  for (unsigned i = 0; i < MANY; i++) {
    cr_expect_eq(addr_port(&g[i].from), addr_port(&g[0].from));
    cr_expect_not(seen[load_u16(g[i].msg)]);
    seen[load_u16(g[i].msg)] = true;
  }
  cr_expect_eq(l.counters.upstream_udp, MANY);
  finish();
}

Test(up_udp_load, each_reply_finds_its_question_in_any_order) {
  make_load();
  ask_and_get(MANY);
  for (unsigned i = MANY; i-- > 0;) answer(&l, &g[i]);
  probes_until(p, MANY, MANY);
  for (unsigned i = 0; i < MANY; i++) {
    cr_expect_eq(p[i].called, 1);
    cr_expect_eq(question_number(p[i].msg), i);
  }
  cr_expect_eq(l.counters.reply_good, MANY);
  finish();
}

/* A network may double datagrams: that is no forgery. */
Test(up_udp_load, a_copy_of_a_reply_is_passed_over) {
  make_load();
  ask_and_get(MANY);
  answer(&l, &g[0]);
  answer(&l, &g[0]);
  answer(&l, &g[1]);
  probes_until(p, MANY, 2);
  lo_turns(&l, 10);
  cr_expect_eq(p[0].called, 1);
  cr_expect_eq(l.counters.reply_wrong, 0);
  cr_expect_eq(l.counters.reply_good, 2);
  finish();
}

Test(up_udp_load, the_first_questions_have_ports_of_their_own) {
  unsigned alone = 0;
  ask_and_get(MANY);
  for (unsigned i = 0; i < MANY; i++) {
    unsigned same = 0;
    for (unsigned k = 0; k < MANY; k++) same += addr_port(&g[i].from) == addr_port(&g[k].from);
    alone += same == 1;
  }
  cr_expect_eq(alone, UDP_QUIET);
  finish();
}

Test(up_udp_load, many_questions_one_after_the_other_are_load_too) {
  int before = lo_fds();
  for (unsigned i = 0; i <= UDP_QUIET_ASKS; i++) {
    cr_expect_eq(lo_fds(), before);
    cr_assert_eq(probe_ask(&p[0]), ERR_NONE);
    channel_drop(&p[0].x);
  }
  cr_expect_eq(lo_fds(), before + 1, "a socket that stays open");
  finish();
}

/* Asks one question a turn and notes the ports. Returns how many are new. */
static unsigned ports_of_turns(unsigned turns, bool seen[65536]) {
  unsigned fresh = 0;
  for (unsigned i = 0; i < turns; i++) {
    ask_and_get(1);
    channel_drop(&p[0].x);
    fresh += !seen[addr_port(&g[0].from)];
    seen[addr_port(&g[0].from)] = true;
  }
  return fresh;
}

Test(up_udp_load, turns_draw_from_a_pool_whose_sockets_grow_old) {
  static bool seen[65536];
  make_load();
  unsigned ports = ports_of_turns(UDP_SOCKETS * 20, seen);
  cr_expect(ports > UDP_SOCKETS / 2 && ports <= UDP_SOCKETS, "%u ports", ports);
  lo_skip_ms(UDP_AGE_MS - 3000);
  make_load();
  ports = ports_of_turns(UDP_SOCKETS * 20, seen);
  cr_expect_leq(ports, UDP_SOCKETS / 2, "the sockets are not old yet");
  lo_skip_ms(3000);
  make_load();
  ports = ports_of_turns(UDP_SOCKETS * 20, seen);
  cr_expect(ports > UDP_SOCKETS / 2, "%u new ports", ports);
  finish();
}

Test(up_udp_load, a_socket_is_used_so_often_and_no_more) {
  static unsigned uses[65536];
  unsigned ports = 0;
  make_load();
  for (unsigned asked = 0; asked < UDP_USES * (UDP_SOCKETS + 4); asked += MANY / 2) {
    ask_and_get(MANY / 2);
    for (unsigned i = 0; i < MANY / 2; i++) {
      ports += uses[addr_port(&g[i].from)]++ == 0;
      channel_drop(&p[i].x);
    }
  }
  for (unsigned i = 0; i < 65536; i++) cr_expect_leq(uses[i], UDP_USES);
  cr_expect_gt(ports, UDP_SOCKETS);
  finish();
}

Test(up_udp_load, the_pool_is_closed_when_load_is_over) {
  int before = lo_fds();
  make_load();
  ask_and_get(MANY);
  for (unsigned i = 0; i < MANY; i++) answer(&l, &g[i]);
  probes_until(p, MANY, MANY);
  cr_expect_gt(lo_fds(), before);
  lo_skip_ms(2 * UDP_BUSY_MS);
  lo_turns(&l, 3);
  cr_expect_eq(lo_fds(), before);
  finish();
}

Test(up_udp_load, a_retired_socket_stays_for_its_question) {
  int before = lo_fds();
  make_load();
  ask_and_get(1);
  lo_skip_ms(2 * UDP_BUSY_MS);
  lo_turns(&l, 3);
  cr_expect_eq(lo_fds(), before + 1);
  answer(&l, &g[0]);
  probes_until(p, 1, 1);
  cr_expect_eq(p[0].outcome, ERR_NONE);
  cr_expect_eq(lo_fds(), before);
  finish();
}

Test(up_udp_load, what_the_kernel_takes_in_parts_arrives_whole) {
  make_load();
  lo_sends_take(7);
  /* of two lengths in turn */
  for (unsigned i = 0; i < 20; i++) cr_assert_eq(probe_ask(&p[i / 2 + i % 2 * 10]), ERR_NONE);
  lo_flush(&l);
  for (unsigned i = 0; i < 20; i++) got_one(&l, &g[i]);
  cr_expect_eq(l.counters.upstream_udp, 20);
  cr_expect_eq(lo_sends(), 3);
  for (unsigned i = 0; i < 20; i++) cr_expect_eq(question_number(g[i].msg), i / 2 + i % 2 * 10);
  finish();
}

Test(up_udp_load, questions_of_one_length_go_out_as_one_message) {
  make_load();
  lo_sends_take(1);
  ask_and_get(MANY);
  cr_expect_eq(l.counters.upstream_udp, MANY);
  cr_expect_eq(lo_sends(), 3, "n0 to n9, n10 to n63, the rest");
  for (unsigned i = 0; i < MANY; i++) cr_expect_eq(question_number(g[i].msg), i);
  finish();
}

static void refuse_together(int why) {
  make_load();
  lo_sends_fail(why, 0, 1);
  lo_sends_take(1);
  ask_and_get(MANY);
  cr_expect_eq(lo_sends(), MANY);
  for (unsigned i = 0; i < MANY; i++) channel_drop(&p[i].x);
  ask_and_get(MANY);
  cr_expect_eq(lo_sends(), 2 * MANY, "it is not tried again");
  cr_expect_eq(probes_called(p, MANY), 0);
  finish();
}

Test(up_udp_load, a_kernel_that_refuses_to_cut_gets_each_question_alone) { refuse_together(EINVAL); }
Test(up_udp_load, an_interface_that_can_not_cut_gets_each_question_alone) { refuse_together(EIO); }

/* Before Linux 4.18 nobody looks at what should be cut: it is not refused, but sent in one piece. */
Test(up_udp_load, a_kernel_that_does_not_know_how_to_cut_gets_each_question_alone) {
  lo_option_unknown(IPPROTO_UDP, UDP_SEGMENT);
  make_load();
  lo_sends_take(1);
  ask_and_get(MANY);
  cr_expect_eq(lo_sends(), MANY);
  finish();
}

Test(up_udp_load, a_signal_while_sending_does_no_harm) {
  make_load();
  lo_sends_fail(EINTR, 0, 3);
  ask_and_get(2);
  cr_expect_eq(l.counters.upstream_udp, 2);
  finish();
}

Test(up_udp_load, a_dropped_question_is_not_sent_with_the_others) {
  make_load();
  for (unsigned i = 0; i < 3; i++) cr_assert_eq(probe_ask(&p[i]), ERR_NONE);
  channel_drop(&p[1].x);
  lo_flush(&l);
  got_one(&l, &g[0]);
  got_one(&l, &g[1]);
  cr_expect(got_none(&l));
  cr_expect_eq(question_number(g[0].msg), 0);
  cr_expect_eq(question_number(g[1].msg), 2);
  finish();
}

Test(up_udp_load, a_dropped_questions_reply_is_wrong) {
  make_load();
  ask_and_get(2);
  channel_drop(&p[0].x);
  answer(&l, &g[0]);
  answer(&l, &g[1]);
  probes_until(p, 2, 1);
  cr_expect_eq(p[0].called, 0);
  cr_expect_eq(l.counters.reply_wrong, 1);
  finish();
}

/* Drops the next one, frees itself, and makes p[4] be asked again. */
static struct probe *doomed;
static void wreak_havoc(struct probe *me, uint64_t now_ms) {
  (void)now_ms;
  channel_drop(&p[1].x);
  channel_drop(&p[4].x);
  cr_expect_eq(probe_ask(&p[4]), ERR_NONE);
  free(me);
}

Test(up_udp_load, done_may_drop_others_ask_and_free_itself_in_mid_batch) {
  make_load();
  doomed = probes_new(&l, 1);
  doomed->then = wreak_havoc;
  cr_assert_eq(probe_ask(doomed), ERR_NONE);
  for (unsigned i = 1; i < 6; i++) cr_assert_eq(probe_ask(&p[i]), ERR_NONE);
  lo_flush(&l);
  for (unsigned i = 0; i < 6; i++) got_one(&l, &g[i]);
  for (unsigned i = 0; i < 6; i++) answer(&l, &g[i]);
  probes_until(p, 6, 3);
  cr_expect_eq(p[1].called, 0);
  cr_expect_eq(p[4].called, 0);
  cr_expect_eq(l.counters.reply_wrong, 2);
  cr_expect_eq(l.counters.reply_good, 4);
  lo_flush(&l);
  got_one(&l, &g[0]);
  answer(&l, &g[0]);
  probes_until(p, 6, 4);
  cr_expect_eq(p[4].outcome, ERR_NONE);
  finish();
}

Test(up_udp_load, what_is_asked_after_a_sockets_failure_goes_elsewhere_in_the_same_turn) {
  lo_close_server(&l);
  make_load();
  cr_assert_eq(probe_ask(&p[0]), ERR_NONE);
  lo_flush(&l); /* and the kernel hears that the port is closed */
  for (int turn = 0; turn < 1000 && p[1].x.waits_on != p[0].x.waits_on; turn++) {
    channel_drop(&p[1].x);
    lo_flush(&l);
    cr_assert_eq(probe_ask(&p[1]), ERR_NONE);
  }

  cr_assert_eq(p[1].x.waits_on, p[0].x.waits_on, "the socket was never drawn again");
  uv_run(&l.loop, UV_RUN_NOWAIT); /* no flush */
  cr_expect_eq(probes_called(p, 2), 2);
  cr_assert_eq(probe_ask(&p[2]), ERR_NONE);
  probes_until(p, 3, 3);
  for (int i = 0; i < 3; i++) cr_expect_eq(p[i].outcome, ERR_UNREACHABLE);
  finish();
}

static void drop_next_and_ask(struct probe *me, uint64_t now_ms) {
  (void)now_ms;
  if (me->called > 1) return;
  channel_drop(&me[1].x);
  cr_expect_eq(probe_ask(me), ERR_NONE);
}

Test(up_udp_load, a_closed_port_ends_all_on_the_socket_and_done_may_do_as_it_likes) {
  make_load();
  for (unsigned i = 0; i < 10; i++) {
    if (i % 2 == 0) p[i].then = drop_next_and_ask;
    cr_assert_eq(probe_ask(&p[i]), ERR_NONE);
  }

  lo_close_server(&l);
  for (int i = 0; i < 1000 && l.counters.upstream_udp < 15; i++) lo_turns(&l, 1);
  for (int i = 0; i < 1000 && p[8].called < 2; i++) lo_turns(&l, 1);
  for (unsigned i = 0; i < 10; i += 2) {
    cr_expect_eq(p[i].called, 2);
    cr_expect_eq(p[i].outcome, ERR_UNREACHABLE);
    cr_expect_leq(p[i + 1].called, 1, "in what order they end is chance");
    cr_expect_eq(p[i + 1].x.channel, NULL);
  }

  finish();
}

Test(up_udp_load, a_reply_that_came_before_the_port_closed_counts) {
  make_load();
  lo_sends_take(1);
  lo_sends_fail(EAGAIN, 1, 1);
  cr_assert_eq(probe_ask(&p[9]), ERR_NONE);
  cr_assert_eq(probe_ask(&p[10]), ERR_NONE); /* a longer name */
  lo_flush(&l);
  got_one(&l, &g[0]);
  cr_assert(got_none(&l));
  answer(&l, &g[0]);
  lo_close_server(&l);
  probes_until(&p[9], 2, 2);
  cr_expect_eq(p[9].outcome, ERR_NONE);
  cr_expect_eq(p[10].outcome, ERR_UNREACHABLE);
  finish();
}

Test(up_udp_load, a_send_that_fails_ends_all_on_the_socket) {
  make_load();
  for (unsigned i = 0; i < 10; i++) cr_assert_eq(probe_ask(&p[i]), ERR_NONE);
  lo_sends_fail(EPERM, 0, 1);
  lo_flush(&l);
  cr_expect_eq(probes_called(p, 10), 0);
  for (int turn = 0; turn < 200; turn++) {
    cr_assert_eq(probe_ask(&p[10]), ERR_NONE);
    cr_assert_neq(p[10].x.waits_on, p[0].x.waits_on, "on the socket that failed");
    channel_drop(&p[10].x);
    lo_flush(&l);
  }

  cr_assert_eq(probe_ask(&p[10]), ERR_NONE);
  probes_until(p, 10, 10);
  for (unsigned i = 0; i < 10; i++) cr_expect_eq(p[i].outcome, ERR_UNREACHABLE);
  got_one(&l, &g[0]);
  answer(&l, &g[0]);
  probes_until(p, 11, 11);
  cr_expect_eq(p[10].outcome, ERR_NONE);
  finish();
}

Test(up_udp_load, without_descriptors_a_shared_socket_serves) {
  struct rlimit was, none;
  make_load();
  ask_and_get(1);
  lo_skip_ms(UDP_BUSY_MS + 1); /* a quiet day again; the loop has not closed the pool yet */
  cr_assert_eq(getrlimit(RLIMIT_NOFILE, &was), 0);
  none = was;
  none.rlim_cur = 3;
  cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
  enum err e = probe_ask(&p[1]);
  cr_assert_eq(setrlimit(RLIMIT_NOFILE, &was), 0);
  cr_assert_eq(e, ERR_NONE);
  lo_flush(&l);
  got_one(&l, &g[1]);
  answer(&l, &g[1]);
  probes_until(p, 2, 1);
  finish();
}

Test(up_udp_load, more_than_the_queue_holds_is_refused) {
  struct probe *many = probes_new(&l, UDP_QUEUED + 1);
  make_load();
  for (unsigned i = 0; i < UDP_QUEUED; i++) cr_assert_eq(probe_ask(&many[i]), ERR_NONE);
  cr_expect_eq(probe_ask(&many[UDP_QUEUED]), ERR_OVERLOAD);
  channel_drop(&many[7].x);
  cr_expect_eq(probe_ask(&many[UDP_QUEUED]), ERR_NONE);
  lo_flush(&l);
  cr_expect_eq(l.counters.upstream_udp, UDP_QUEUED);
  for (unsigned i = 0; i <= UDP_QUEUED; i++) channel_drop(&many[i].x);
  free(many);
  finish();
}
