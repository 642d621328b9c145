/* test_up_udp.c: questions over UDP: ports, what is no reply, failures. Load: test_up_udp_load.c. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "upstream/lo.h"
#include "upstream/up_udp.h"

static struct lo l;

static void start(int family) {
  lo_start(&l, family, SOCK_DGRAM);
  l.channel = up_udp_new(&l.loop, &l.server, &l.counters, &l.random);
  cr_assert(l.channel);
}

static void setup(void) { start(AF_INET); }

TestSuite(up_udp, .init = setup);

Test(up_udp, sends_the_question_at_flush_and_not_before) {
  struct probe p;
  struct got g;
  uint8_t want[EXCHANGE_QUERY_MAX];

  probe_make(&p, &l, 1);
  size_t len = exchange_write(&p.question, &(struct exchange_opts){.edns = true}, want);
  cr_assert_eq(probe_ask(&p), ERR_NONE);
  cr_expect_eq(p.x.channel, l.channel);
  cr_expect(got_none(&l));
  cr_expect_eq(l.counters.upstream_udp, 0);
  lo_flush(&l);
  got_one(&l, &g);
  cr_expect_eq(l.counters.upstream_udp, 1);
  cr_assert_eq(g.len, len);
  cr_expect_eq(load_u16(g.msg), p.x.id);
  cr_expect_arr_eq(g.msg + 2, want + 2, len - 2);
  answer(&l, &g);
  probes_until(&p, 1, 1);
  cr_expect_eq(p.outcome, ERR_NONE);
  cr_expect_eq(p.len, len);
  cr_expect_arr_eq(p.msg, g.msg, len);
  cr_expect_eq(l.counters.reply_good, 1);
  cr_expect_eq(l.counters.reply_wrong, 0);
  lo_end(&l);
}

/* The option of the one socket here that is connected to the server. */
static int path_mtu_of_connected(void) {
  for (int fd = 0; fd < 64; fd++) {
    union addr peer;
    int value = -1;
    if (getpeername(fd, &peer.any, &(socklen_t){sizeof peer}) != 0 || !addr_equal(&peer, &l.server)) continue;
    bool v6 = peer.any.sa_family == AF_INET6;
    getsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER, &value,
               &(socklen_t){sizeof value});
    return value;
  }
  return -1;
}

Test(up_udp, what_icmp_says_of_a_path_is_not_believed) {
  struct probe p;
  probe_make(&p, &l, 1);
  cr_assert_eq(probe_ask(&p), ERR_NONE);
  cr_expect_eq(path_mtu_of_connected(), IP_PMTUDISC_OMIT);
  channel_drop(&p.x);
  lo_end(&l);
}

Test(up_udp_other, what_icmp_says_of_an_ipv6_path_is_not_believed) {
  struct probe p;
  start(AF_INET6);
  probe_make(&p, &l, 1);
  cr_assert_eq(probe_ask(&p), ERR_NONE);
  cr_expect_eq(path_mtu_of_connected(), IPV6_PMTUDISC_OMIT);
  channel_drop(&p.x);
  lo_end(&l);
}

Test(up_udp_other, asks_over_ipv6) {
  struct probe p;
  struct got g;
  start(AF_INET6);
  probe_make(&p, &l, 1);
  cr_assert_eq(probe_ask(&p), ERR_NONE);
  lo_flush(&l);
  got_one(&l, &g);
  answer(&l, &g);
  probes_until(&p, 1, 1);
  cr_expect_eq(p.outcome, ERR_NONE);
  lo_end(&l);
}

Test(up_udp, gives_each_question_a_port_of_its_own_and_keeps_no_socket) {
  struct probe *p = probes_new(&l, UDP_QUIET - 1);
  struct got g[UDP_QUIET - 1];
  int before = lo_fds();

  for (unsigned i = 0; i < UDP_QUIET - 1; i++) cr_assert_eq(probe_ask(&p[i]), ERR_NONE);
  lo_flush(&l);
  for (unsigned i = 0; i < UDP_QUIET - 1; i++) {
    got_one(&l, &g[i]);
    for (unsigned k = 0; k < i; k++) cr_expect_neq(addr_port(&g[i].from), addr_port(&g[k].from));
  }

  for (unsigned i = 0; i < UDP_QUIET - 1; i++) answer(&l, &g[i]);
  probes_until(p, UDP_QUIET - 1, UDP_QUIET - 1);
  for (unsigned i = 0; i < UDP_QUIET - 1; i++) cr_expect_eq(question_number(p[i].msg), i);
  cr_expect_eq(lo_fds(), before);
  free(p);
  lo_end(&l);
}

/* The kernel's own choice would be above 32767, at least one in two of ours is not; ids, too, from all
 * there are. */
Test(up_udp, draws_ports_and_ids_from_all_there_are) {
  struct probe p;
  struct got g;
  unsigned low_ports = 0, low_ids = 0;

  for (unsigned i = 0; i < 100; i++) {
    probe_make(&p, &l, i);
    cr_assert_eq(probe_ask(&p), ERR_NONE);
    lo_flush(&l);
    got_one(&l, &g);
    cr_expect_geq(addr_port(&g.from), 1024);
    low_ports += addr_port(&g.from) < 32768;
    low_ids += p.x.id < 32768;
    channel_drop(&p.x);
  }

  cr_expect(low_ports > 15 && low_ports < 85, "%u of 100", low_ports);
  cr_expect(low_ids > 15 && low_ids < 85, "%u of 100", low_ids);
  lo_end(&l);
}

static void no_qr(struct got *g) { g->msg[2] &= 0x7f; }
static void other_opcode(struct got *g) { g->msg[2] |= 0x10; }
static void other_id(struct got *g) { g->msg[1] ^= 1; }
static void other_name(struct got *g) { g->msg[DNS_HEADER + 1] ^= 1; }
static void other_type(struct got *g) { g->msg[g->len - DNS_OPT - 3] ^= 1; }
static void other_class(struct got *g) { g->msg[g->len - DNS_OPT - 1] ^= 2; }
static void two_questions(struct got *g) { g->msg[5] = 2; }
static void half_a_header(struct got *g) { g->len = DNS_HEADER - 1; }
static void half_a_question(struct got *g) { g->len = DNS_HEADER + 5; }
static void bare_header(struct got *g) { g->msg[5] = 0, g->len = DNS_HEADER; }
static void nothing(struct got *g) { g->len = 0; }
static void too_long(struct got *g) { g->len = DNS_UDP_MAX + 1; }

Test(up_udp, counts_what_is_no_reply_as_wrong_and_waits_on) {
  void (*const spoil[])(struct got *) = {no_qr,           other_opcode, other_id,      other_name,
                                         other_type,      other_class,  two_questions, half_a_header,
                                         half_a_question, bare_header,  nothing,       too_long};
  enum { SPOILERS = sizeof spoil / sizeof *spoil };
  struct probe p;
  struct got g;
  probe_make(&p, &l, 1);
  cr_assert_eq(probe_ask(&p), ERR_NONE);
  lo_flush(&l);
  got_one(&l, &g);
  reply_make(g.msg);
  for (unsigned i = 0; i < SPOILERS; i++) {
    struct got bad = g;
    spoil[i](&bad);
    send_back(&l, &bad);
    for (int k = 0; k < 1000 && l.counters.reply_wrong == i; k++) lo_turns(&l, 1);
    cr_assert_eq(l.counters.reply_wrong, i + 1, "reply %u was not counted", i);
    cr_assert_eq(p.called, 0, "reply %u was taken", i);
  }

  send_back(&l, &g);
  probes_until(&p, 1, 1);
  cr_expect_eq(p.outcome, ERR_NONE);
  cr_expect_eq(l.counters.reply_good, 1);
  cr_expect_eq(l.counters.reply_wrong, SPOILERS);
  lo_end(&l);
}

Test(up_udp, takes_a_reply_of_4096_octets) {
  struct probe p;
  struct got g;
  probe_make(&p, &l, 1);
  cr_assert_eq(probe_ask(&p), ERR_NONE);
  lo_flush(&l);
  got_one(&l, &g);
  g.len = DNS_UDP_MAX;
  g.msg[g.len - 1] = 77;
  answer(&l, &g);
  probes_until(&p, 1, 1);
  cr_expect_eq(p.len, DNS_UDP_MAX);
  cr_expect_eq(p.last, 77);
  lo_end(&l);
}

Test(up_udp, takes_nothing_from_another_address) {
  struct probe p;
  struct got g;
  int other = socket(AF_INET, SOCK_DGRAM, 0);

  probe_make(&p, &l, 1);
  cr_assert_eq(probe_ask(&p), ERR_NONE);
  lo_flush(&l);
  got_one(&l, &g);
  reply_make(g.msg);
  cr_assert_eq(sendto(other, g.msg, g.len, 0, &g.from.any, sizeof g.from.v4), (ssize_t)g.len);
  lo_turns(&l, 5);
  cr_expect_eq(p.called, 0);
  send_back(&l, &g);
  probes_until(&p, 1, 1);
  close(other);
  lo_end(&l);
}

Test(up_udp, a_closed_port_ends_the_exchange_from_the_loop) {
  struct probe p;
  lo_close_server(&l);
  probe_make(&p, &l, 1);
  cr_assert_eq(probe_ask(&p), ERR_NONE);
  lo_flush(&l);
  cr_expect_eq(p.called, 0, "done was called from within flush");
  probes_until(&p, 1, 1);
  cr_expect_eq(p.outcome, ERR_UNREACHABLE);
  cr_expect_eq(l.counters.upstream_udp, 1);
  lo_end(&l);
}

Test(up_udp_other, an_address_without_a_route_fails_at_once) {
  struct probe p;
  lo_start(&l, AF_INET, SOCK_DGRAM);
  l.server.v4.sin_addr.s_addr = INADDR_BROADCAST; /* connect refuses it without SO_BROADCAST */
  l.channel = up_udp_new(&l.loop, &l.server, &l.counters, &l.random);
  probe_make(&p, &l, 1);
  cr_expect_eq(probe_ask(&p), ERR_UNREACHABLE);
  cr_expect_eq(p.x.channel, NULL);
  lo_turns(&l, 3);
  cr_expect_eq(p.called, 0);
  lo_end(&l);
}

Test(up_udp, a_send_that_fails_ends_the_exchange_from_the_loop) {
  struct probe p;
  lo_sends_fail(ENETUNREACH, 0, 1);
  probe_make(&p, &l, 1);
  cr_assert_eq(probe_ask(&p), ERR_NONE);
  lo_flush(&l);
  cr_expect_eq(p.called, 0, "done was called from within flush");
  lo_flush(&l);
  cr_expect(got_none(&l));
  probes_until(&p, 1, 1);
  cr_expect_eq(p.outcome, ERR_UNREACHABLE);
  cr_expect_eq(l.counters.upstream_udp, 0);
  cr_expect_eq(probe_ask(&p), ERR_NONE, "the next question has a new socket");
  lo_flush(&l);
  cr_expect_eq(l.counters.upstream_udp, 1);
  channel_drop(&p.x);
  lo_end(&l);
}

Test(up_udp, an_exchange_may_be_dropped_while_its_failure_waits) {
  struct probe p;
  int before = lo_fds();
  lo_sends_fail(ENETUNREACH, 0, 1);
  probe_make(&p, &l, 1);
  cr_assert_eq(probe_ask(&p), ERR_NONE);
  lo_flush(&l);
  channel_drop(&p.x);
  lo_turns(&l, 3);
  cr_expect_eq(p.called, 0);
  cr_expect_eq(lo_fds(), before);
  lo_end(&l);
}

Test(up_udp, what_the_kernel_does_not_take_goes_out_when_it_has_room) {
  struct probe p;
  struct got g;
  lo_sends_fail(EAGAIN, 0, 1);
  probe_make(&p, &l, 1);
  cr_assert_eq(probe_ask(&p), ERR_NONE);
  lo_flush(&l);
  cr_expect(got_none(&l));
  for (int i = 0; i < 100 && l.counters.upstream_udp == 0; i++) uv_run(&l.loop, UV_RUN_NOWAIT); /* no flush */
  cr_expect_eq(l.counters.upstream_udp, 1);
  got_one(&l, &g);
  answer(&l, &g);
  probes_until(&p, 1, 1);
  cr_expect_eq(p.outcome, ERR_NONE);
  lo_end(&l);
}

Test(up_udp, a_question_dropped_before_flush_is_not_sent) {
  struct probe p;
  int before = lo_fds();
  probe_make(&p, &l, 1);
  cr_assert_eq(probe_ask(&p), ERR_NONE);
  channel_drop(&p.x);
  channel_drop(&p.x);
  lo_turns(&l, 2);
  cr_expect(got_none(&l));
  cr_expect_eq(p.called, 0);
  cr_expect_eq(l.counters.upstream_udp, 0);
  cr_expect_eq(lo_fds(), before);
  lo_end(&l);
}

static void close_channel(struct probe *p, uint64_t now_ms) {
  (void)now_ms;
  p->lo->channel->ops->close(p->lo->channel);
  p->lo->channel = NULL;
}

Test(up_udp, the_last_done_may_close_the_channel) {
  struct probe p;
  struct got g;
  probe_make(&p, &l, 1);
  p.then = close_channel;
  cr_assert_eq(probe_ask(&p), ERR_NONE);
  lo_flush(&l);
  got_one(&l, &g);
  answer(&l, &g);
  send_back(&l, &g);
  probes_until(&p, 1, 1);
  lo_end(&l);
}

Test(up_udp, the_last_failure_may_close_the_channel) {
  struct probe p;
  lo_close_server(&l);
  probe_make(&p, &l, 1);
  p.then = close_channel;
  cr_assert_eq(probe_ask(&p), ERR_NONE);
  probes_until(&p, 1, 1);
  lo_end(&l);
}

static void ask_again(struct probe *p, uint64_t now_ms) {
  (void)now_ms;
  if (p->called == 1) cr_expect_eq(probe_ask(p), ERR_NONE);
}

Test(up_udp, done_may_ask_the_same_exchange_again) {
  struct probe p;
  struct got g;

  probe_make(&p, &l, 1);
  p.then = ask_again;
  cr_assert_eq(probe_ask(&p), ERR_NONE);
  lo_flush(&l);
  for (unsigned times = 1; times <= 2; times++) {
    got_one(&l, &g);
    answer(&l, &g);
    probes_until(&p, 1, times);
    lo_flush(&l);
  }

  cr_expect_eq(l.counters.upstream_udp, 2);
  cr_expect_eq(l.counters.reply_good, 2);
  lo_end(&l);
}

/* RFC 5452 section 9.3: nobody but a forger sends so many. */
Test(up_udp, a_flood_of_wrong_replies_ends_the_exchange_as_forged) {
  struct probe p;
  struct got g;

  probe_make(&p, &l, 1);
  cr_assert_eq(probe_ask(&p), ERR_NONE);
  lo_flush(&l);
  got_one(&l, &g);
  reply_make(g.msg);
  for (unsigned i = 1; i <= UDP_FORGED + 2; i++) {
    cr_assert_eq(p.called, 0, "after %u", i);
    store_u16(g.msg, (uint16_t)(load_u16(g.msg) + 1));
    if (load_u16(g.msg) == p.x.id) store_u16(g.msg, (uint16_t)(load_u16(g.msg) + 1));
    send_back(&l, &g);
    for (int k = 0; k < 1000 && l.counters.reply_wrong < i; k++) lo_turns(&l, 1);
  }

  probes_until(&p, 1, 1);
  cr_expect_eq(p.outcome, ERR_FORGED);
  lo_end(&l);
}

/* Epoll is asked more than once for a socket: whichever time it has no room, the question fails and nothing
 * else. */
Test(up_udp, without_room_in_epoll_asking_fails_and_recovers) {
  struct probe p;
  enum { TIMES = 2 };
  probe_make(&p, &l, 1);
  for (unsigned after = 0; after < TIMES; after++) {
    lo_watches_end(true, after);
    cr_expect_eq(probe_ask(&p), ERR_OVERLOAD, "after %u", after);
    lo_turns(&l, 2);
  }

  /* What it has taken libuv may wait for. */
  lo_watches_end(true, TIMES);
  cr_expect_eq(probe_ask(&p), ERR_NONE);
  lo_turns(&l, 2);
  struct got g;
  got_one(&l, &g);
  answer(&l, &g);
  probes_until(&p, 1, 1);
  cr_expect_eq(p.outcome, ERR_NONE);
  lo_watches_end(false, 0);
  lo_end(&l);
}

/* A send that the kernel does not take now is waited for, which may fail: nothing comes of the question then.
 */
Test(up_udp, without_room_in_epoll_a_queue_that_waits_harms_nobody) {
  struct probe p;
  probe_make(&p, &l, 1);
  cr_assert_eq(probe_ask(&p), ERR_NONE);
  lo_watches_end(true, 0);
  lo_sends_fail(EAGAIN, 0, 1);
  lo_turns(&l, 3);
  cr_expect_eq(p.called, 0);
  channel_drop(&p.x);
  lo_turns(&l, 2);
  lo_watches_end(false, 0);
  lo_end(&l);
}

Test(up_udp, without_descriptors_asking_fails_and_recovers) {
  struct probe p;
  struct rlimit was, none;
  cr_assert_eq(getrlimit(RLIMIT_NOFILE, &was), 0);
  probe_make(&p, &l, 1);
  none = was;
  none.rlim_cur = 3;
  cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
  enum err e = probe_ask(&p);
  cr_assert_eq(setrlimit(RLIMIT_NOFILE, &was), 0);
  cr_expect_eq(e, ERR_OVERLOAD);
  cr_expect_eq(probe_ask(&p), ERR_NONE);
  channel_drop(&p.x);
  lo_end(&l);
}
