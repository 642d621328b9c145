/* test_tcp_limits.c: how long, how many, how much of TCP connections. */
#include <criterion/criterion.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "dns/frame.h"
#include "server/rig.h"

static uint8_t got[65536];

enum { LARGE = 3000, LARGE_LEN = 48038 }; /* large.lab: A records, octets */

static uint16_t hear(struct rig *r, int fd, unsigned answers) {
  size_t len = client_hear_tcp(r, fd, got);
  cr_assert(len > 0, "nothing came");
  return heard_id(got, len, RCODE_NOERROR, answers);
}

static uint16_t hear_large(struct rig *r, int fd) {
  cr_assert(client_hear_tcp(r, fd, got) == LARGE_LEN && load_u16(got + 6) == LARGE);
  return load_u16(got);
}

static void skip_and_turn(struct rig *r, uint32_t ms) {
  skip_ms(ms);
  rig_turns(r, 5);
}

/* ---- how long ---- */

Test(tcp_limits, an_idle_connection_is_closed_after_ten_seconds) {
  struct rig *r = rig_new("127.0.0.1", NULL);
  int fd = client_tcp(r);
  skip_and_turn(r, 9500);
  cr_expect(!client_is_closed(r, fd));
  skip_and_turn(r, 600);
  cr_expect(client_is_closed(r, fd));
  cr_expect(serve_tcp_connections(r->tcp) == 0);
  close(fd);
  rig_free(r);
}

/* The kernel had it ready, and no other was ever taken. */
Test(tcp_limits, a_connection_taken_as_its_address_is_given_up_is_closed_when_idle) {
  struct rig *r = rig_new("127.0.0.1", NULL);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  cr_assert(connect(fd, &r->addr.any, addr_len(&r->addr)) == 0);
  serve_tcp_remove(r->tcp, &r->addr);
  cr_assert(serve_tcp_connections(r->tcp) == 1);
  skip_and_turn(r, 10100);
  cr_expect(serve_tcp_connections(r->tcp) == 0);
  close(fd);
  rig_free(r);
}

Test(tcp_limits, a_query_gives_another_ten_seconds) {
  struct rig *r = rig_new("127.0.0.1", NULL);
  rig_know(r, "a.lab", 1);
  int asking = client_tcp(r), idle = client_tcp(r);
  skip_and_turn(r, 6000);
  client_ask_tcp(asking, "a.lab", 1);
  cr_expect(hear(r, asking, 1) == 1);
  skip_and_turn(r, 5000);
  cr_expect(client_is_closed(r, idle));
  cr_expect(!client_is_closed(r, asking));
  skip_and_turn(r, 5500);
  cr_expect(client_is_closed(r, asking));
  close(asking);
  close(idle);
  rig_free(r);
}

Test(tcp_limits, octets_that_make_no_query_give_no_time) {
  struct rig *r = rig_new("127.0.0.1", NULL);
  int fd = client_tcp(r);
  for (unsigned i = 0; i < 9; i++) {
    cr_assert(send(fd, "\1", 1, 0) == 1); /* of a message of 257 octets */
    skip_and_turn(r, 1200);
  }
  cr_expect(client_is_closed(r, fd));
  close(fd);
  rig_free(r);
}

Test(tcp_limits, who_waits_for_an_answer_is_not_idle) {
  struct rig *r = rig_new("127.0.0.1", NULL);
  int fd = client_tcp(r);
  client_ask_tcp(fd, "slow.lab", 1);
  rig_asked(r, 1);
  skip_and_turn(r, 15000);
  cr_expect(!client_is_closed(r, fd));
  rig_answer(r, 0);
  cr_expect(hear(r, fd, 1) == 1);
  skip_and_turn(r, 10500);
  cr_expect(client_is_closed(r, fd));
  close(fd);
  rig_free(r);
}

/* ---- how much ---- */

/* Sends queries until the kernel takes no more; returns how many whole ones went. */
static unsigned ask_without_end(struct rig *r, int fd, unsigned most) {
  uint8_t frame[512];
  unsigned n = 0, refused = 0;
  while (n < most && refused < 20) {
    size_t len = client_stream(frame, sizeof frame, "large.lab", (uint16_t)n);
    ssize_t sent = send(fd, frame, len, 0);
    cr_assert(sent == (ssize_t)len || (sent < 0 && errno == EAGAIN));
    n += sent > 0;
    refused = sent > 0 ? 0 : refused + 1;
    if (n % 500 == 0 || sent < 0) rig_turns(r, 1);
  }
  return n;
}

Test(tcp_limits, a_client_that_does_not_read_is_not_read_from_until_it_does) {
  enum { N = 3000 };
  struct rig *r = rig_new("127.0.0.1", NULL);
  rig_know(r, "large.lab", LARGE);
  int fd = client_tcp(r);
  cr_assert(ask_without_end(r, fd, N) == N);
  rig_turns(r, 50);
  uint64_t taken = r->counters.queries;
  cr_expect(taken < 400, "%u queries were taken for %u MiB of answers", (unsigned)taken,
            (unsigned)(taken * 48 / 1024));
  for (unsigned i = 0; i < N; i++) cr_assert(hear_large(r, fd) == i);
  cr_expect(r->counters.queries == N);
  cr_expect(client_hears_nothing(r, fd) && !client_is_closed(r, fd));
  close(fd);
  rig_free(r);
}

/* In the ten seconds it may have taken something: it gets them once more. */
Test(tcp_limits, a_client_that_takes_nothing_for_ten_seconds_is_given_up) {
  struct rig *r = rig_new("127.0.0.1", NULL);
  rig_know(r, "large.lab", LARGE);
  int fd = client_tcp(r);
  ask_without_end(r, fd, 2000);
  skip_and_turn(r, 9500);
  cr_expect(serve_tcp_connections(r->tcp) == 1);
  skip_and_turn(r, 600);
  skip_and_turn(r, 10100);
  cr_expect(serve_tcp_connections(r->tcp) == 0);
  close(fd);
  rig_free(r);
}

Test(tcp_limits, a_client_that_reads_slowly_is_kept) {
  struct rig *r = rig_new("127.0.0.1", NULL);
  rig_know(r, "large.lab", LARGE);
  int fd = client_tcp(r);
  unsigned n = ask_without_end(r, fd, 1000);
  for (unsigned i = 0; i < n; i++) {
    cr_assert(hear_large(r, fd) == i);
    if (i % 20 == 0) skip_and_turn(r, 1000);
  }
  close(fd);
  rig_free(r);
}

Test(tcp_limits, an_end_behind_much_that_is_unread_is_heeded_last) {
  enum { N = 500 };
  struct rig *r = rig_new("127.0.0.1", NULL);
  rig_know(r, "large.lab", LARGE);
  int fd = client_tcp(r);
  cr_assert(ask_without_end(r, fd, N) == N);
  cr_assert(shutdown(fd, SHUT_WR) == 0);
  for (unsigned i = 0; i < N; i++) cr_assert(hear_large(r, fd) == i);
  cr_expect(client_is_closed(r, fd));
  close(fd);
  rig_free(r);
}

Test(tcp_limits, only_so_many_questions_of_a_connection_wait_at_a_time) {
  enum { N = 500 };
  bool heard[N] = {false};
  struct rig *r = rig_new("127.0.0.1", NULL);
  int fd = client_tcp(r);
  for (uint16_t i = 0; i < N; i++) {
    char name[32];
    snprintf(name, sizeof name, "n%u.lab", i);
    client_ask_tcp(fd, name, i);
  }

  rig_asked(r, SERVE_TCP_WAITING);
  rig_turns(r, 10);
  cr_expect(r->open_count == SERVE_TCP_WAITING && r->counters.queries == SERVE_TCP_WAITING);
  for (unsigned i = 0; i < N; i++) {
    for (unsigned k = 0; !r->open_count && k < 100; k++) rig_turns(r, 1);
    rig_answer(r, 0);
  }

  for (unsigned i = 0; i < N; i++) {
    uint16_t id = hear(r, fd, 1);
    cr_assert(id < N && !heard[id]);
    heard[id] = true;
  }

  close(fd);
  rig_free(r);
}

/* All wait for one reply, and none was sent before the last was there. */
static int ask_large(struct rig *r, uint16_t n, int room) {
  int fd = client_tcp(r);
  if (room) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  for (uint16_t i = 0; i < n; i++) client_ask_tcp(fd, "large.lab", i);
  rig_queries(r, n);
  rig_asked(r, 1);
  rig_answer_much(r, 0, LARGE);
  return fd;
}

Test(tcp_limits, late_answers_that_the_kernel_takes_do_not_count_against_a_client) {
  enum { N = SERVE_TCP_GIVE_UP / LARGE_LEN + 2 };
  struct rig *r = rig_new("127.0.0.1", NULL);
  int fd = ask_large(r, N, 0);
  for (unsigned i = 0; i < N; i++) cr_assert(hear_large(r, fd) == i);
  cr_expect(r->counters.send_failed == 0 && !client_is_closed(r, fd));
  close(fd);
  rig_free(r);
}

Test(tcp_limits, a_client_that_takes_none_of_its_late_answers_is_given_up) {
  struct rig *r = rig_new("127.0.0.1", NULL);
  int fd = ask_large(r, SERVE_TCP_WAITING, 4096); /* 9 MiB */
  rig_turns(r, 5);
  cr_expect(r->counters.send_failed > 0 && serve_tcp_connections(r->tcp) == 0);
  close(fd);
  rig_free(r);
}

/* One busy connection leaves turns to others. */
Test(tcp_limits, a_client_that_asks_without_end_does_not_hold_up_others) {
  struct rig *r = rig_new("127.0.0.1", NULL);
  static uint8_t stream[60000];
  size_t len = 0;

  rig_know(r, "large.lab", LARGE);
  rig_know(r, "a.lab", 1);
  int greedy = client_tcp(r), modest = client_tcp(r);
  setsockopt(greedy, SOL_SOCKET, SO_RCVBUF, &(int){64 << 20}, sizeof(int));
  for (uint16_t i = 0; len + 64 < sizeof stream; i++) len += client_stream(stream + len, 64, "large.lab", i);
  cr_assert(send(greedy, stream, len, 0) == (ssize_t)len);
  client_ask_tcp(modest, "a.lab", 1);
  rig_turns(r, 2);
  cr_expect(r->counters.queries < 60, "%u queries in two turns", (unsigned)r->counters.queries);
  cr_expect(hear(r, modest, 1) == 1);
  close(greedy);
  close(modest);
  rig_free(r);
}

/* ---- how many ---- */

Test(tcp_limits, the_one_idle_for_longest_makes_room_for_a_new_one) {
  struct serve_tcp_policy o = {.connections = 3, .per_host = 100, .held = 1 << 20, .idle_ms = 10000};
  struct rig *r = rig_new("127.0.0.1", &o);
  int fd[4];

  rig_know(r, "a.lab", 1);
  for (unsigned i = 0; i < 3; i++) fd[i] = client_tcp(r);
  client_ask_tcp(fd[0], "a.lab", 1);
  cr_expect(hear(r, fd[0], 1) == 1);
  fd[3] = client_tcp(r);
  cr_expect(client_is_closed(r, fd[1]));
  cr_expect(!client_is_closed(r, fd[0]) && !client_is_closed(r, fd[2]));
  client_ask_tcp(fd[3], "a.lab", 2);
  cr_expect(hear(r, fd[3], 1) == 2);
  cr_expect(serve_tcp_connections(r->tcp) == 3);
  for (unsigned i = 0; i < 4; i++) close(fd[i]);
  rig_free(r);
}

Test(tcp_limits, who_is_owed_an_answer_makes_no_room) {
  struct serve_tcp_policy o = {.connections = 2, .per_host = 100, .held = 1 << 20, .idle_ms = 10000};
  struct rig *r = rig_new("127.0.0.1", &o);
  int fd[4];

  fd[0] = client_tcp(r);
  client_ask_tcp(fd[0], "slow.lab", 1);
  rig_asked(r, 1);
  fd[1] = client_tcp(r);
  fd[2] = client_tcp(r);
  cr_expect(client_is_closed(r, fd[1]) && !client_is_closed(r, fd[0]));
  client_ask_tcp(fd[2], "slow.lab", 2);
  rig_queries(r, 2);
  fd[3] = client_tcp(r);
  cr_expect(client_is_closed(r, fd[3]), "there was no room");
  rig_answer(r, 0);
  cr_expect(hear(r, fd[0], 1) == 1);
  cr_expect(hear(r, fd[2], 1) == 2);
  for (unsigned i = 0; i < 4; i++) close(fd[i]);
  rig_free(r);
}

/* One more address of a machine of the test's own, as its n-th. */
static void add_nth_address(const char *address, unsigned n) {
  struct ifreq request = {.ifr_name = "lo"};
  union addr a;
  if (n == 1 && unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
    cr_skip_test("no network namespace: %s", strerror(errno));
  }
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  cr_assert(ioctl(fd, SIOCSIFFLAGS, &request) == 0);
  cr_assert(addr_parse(address, 1, &a));
  snprintf(request.ifr_name, sizeof request.ifr_name, "lo:%u", n);
  memcpy(&request.ifr_addr, &a.v4, sizeof a.v4);
  cr_assert(ioctl(fd, SIOCSIFADDR, &request) == 0, "%s", strerror(errno));
  close(fd);
}

static void add_address(const char *address) { add_nth_address(address, 1); }

Test(tcp_limits, a_host_has_so_many_connections_and_loopback_all) {
  struct serve_tcp_policy o = {.connections = 10, .per_host = 2, .held = 1 << 20, .idle_ms = 10000};
  add_address("192.0.2.77");
  struct rig *r = rig_new("127.0.0.1", &o);
  int local[3], remote[3];
  for (unsigned i = 0; i < 3; i++) local[i] = client_tcp(r);
  rig_listen(r, "192.0.2.77"); /* who connects to it comes from it */
  for (unsigned i = 0; i < 3; i++) remote[i] = client_tcp(r);
  cr_expect(serve_tcp_connections(r->tcp) == 5);
  for (unsigned i = 0; i < 3; i++) cr_expect(!client_is_closed(r, local[i]));
  cr_expect(client_is_closed(r, remote[0]));
  cr_expect(!client_is_closed(r, remote[1]) && !client_is_closed(r, remote[2]));
  for (unsigned i = 0; i < 3; i++) {
    close(local[i]);
    close(remote[i]);
  }

  rig_free(r);
}

/* Listens on loopback and on 192.0.2.77; others come from 192.0.2.78. */
static struct rig *rig_with_others(const struct serve_tcp_policy *o, union addr *outside) {
  add_nth_address("192.0.2.77", 1);
  add_nth_address("192.0.2.78", 2);
  struct rig *r = rig_new("127.0.0.1", o);
  union addr loopback = r->addr;
  rig_know(r, "a.lab", 1);
  rig_know(r, "large.lab", LARGE);
  rig_listen(r, "192.0.2.77");
  *outside = r->addr;
  r->addr = loopback;
  return r;
}

static int from_another(struct rig *r, const union addr *to) {
  union addr from;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  cr_assert(addr_parse("192.0.2.78", 1, &from));
  from.v4.sin_port = 0;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){4096}, sizeof(int));
  cr_assert(bind(fd, &from.any, sizeof from.v4) == 0);
  cr_assert(connect(fd, &to->any, sizeof to->v4) == 0 || errno == EINPROGRESS);
  rig_turns(r, 2);
  return fd;
}

static bool loopback_is_answered(struct rig *r) {
  int fd = client_tcp(r);
  client_ask_tcp(fd, "a.lab", 9);
  size_t len = client_hear_tcp(r, fd, got);
  bool answered = len > 0 && heard_id(got, len, RCODE_NOERROR, 1) == 9;
  close(fd);
  rig_turns(r, 2);
  return answered;
}

Test(tcp_limits, who_may_not_ask_is_refused_once_and_his_connection_ends) {
  union addr outside;
  struct access_policy none = {.chosen = true};
  struct rig *r = rig_with_others(NULL, &outside);

  r->serve.access = access_new(&none);
  int fd = from_another(r, &outside);
  for (uint16_t i = 1; i < 5; i++) client_ask_tcp(fd, "a.lab", i);
  cr_expect(client_hear_tcp(r, fd, got) > 0 && (got[3] & DNS_RCODE) == RCODE_REFUSED && load_u16(got) == 1);
  cr_expect(client_is_closed(r, fd), "nothing comes behind it");
  cr_expect(r->counters.queries == 1);
  client_ask_tcp(fd, "a.lab", 6); /* half closed: this is no error yet, and is not looked at */
  skip_and_turn(r, 1100);
  cr_expect(serve_tcp_connections(r->tcp) == 0 && r->counters.queries == 1);
  close(fd);
  access_free(r->serve.access);
  r->serve.access = NULL;
  rig_free(r);
}

Test(tcp_limits, connections_that_wait_make_room_for_loopback_alone) {
  struct serve_tcp_policy o = {.connections = 8, .per_host = 100, .held = 1 << 20, .idle_ms = 10000};
  union addr outside;
  struct rig *r = rig_with_others(&o, &outside);
  int others[12], local[8];

  for (uint16_t i = 0; i < 12; i++) {
    others[i] = from_another(r, &outside);
    send(others[i], "\0\1", 2, MSG_NOSIGNAL);
    if (i < 7) client_ask_tcp(others[i], "slow.lab", i);
    rig_turns(r, 2);
  }

  cr_expect(serve_tcp_connections(r->tcp) == 7, "one place is for loopback");
  for (unsigned i = 0; i < 20; i++) cr_assert(loopback_is_answered(r), "the %uth", i);
  for (unsigned i = 0; i < 8; i++) local[i] = client_tcp(r);
  cr_expect(serve_tcp_connections(r->tcp) == 8);
  for (unsigned i = 0; i < 8; i++) cr_expect(!client_is_closed(r, local[i]), "others left for it");
  for (unsigned i = 0; i < 12; i++) close(others[i]);
  for (unsigned i = 0; i < 8; i++) close(local[i]);
  rig_free(r);
}

Test(tcp_limits, all_that_is_unsent_has_one_bound_and_a_host_a_quarter_of_it) {
  struct serve_tcp_policy o = {.connections = 100, .per_host = 100, .held = 2 << 20, .idle_ms = 10000};
  union addr outside;
  struct rig *r = rig_with_others(&o, &outside);
  int others[30];

  for (unsigned i = 0; i < 30; i++) {
    uint8_t frame[512];
    others[i] = from_another(r, &outside);
    for (unsigned k = 0; k < 200; k++) {
      size_t len = client_stream(frame, sizeof frame, "large.lab", (uint16_t)k);
      send(others[i], frame, len, MSG_NOSIGNAL);
    }
    rig_turns(r, 3);
    cr_assert(serve_tcp_held(r->tcp) <= o.held / 4, "%zu octets are held", serve_tcp_held(r->tcp));
    cr_assert(loopback_is_answered(r));
  }

  skip_and_turn(r, 10100);
  skip_and_turn(r, 10100);
  cr_expect(serve_tcp_held(r->tcp) == 0 && serve_tcp_connections(r->tcp) == 0, "who takes nothing leaves");
  for (unsigned i = 0; i < 30; i++) close(others[i]);
  rig_free(r);
}

Test(tcp_limits, pauses_without_spinning_when_descriptors_have_run_out) {
  struct rig *r = rig_new("127.0.0.1", NULL);
  struct rlimit limit;
  int fd[3];

  rig_know(r, "a.lab", 1);
  for (unsigned i = 0; i < 3; i++) {
    fd[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    cr_assert(connect(fd[i], &r->addr.any, addr_len(&r->addr)) == 0 || errno == EINPROGRESS);
  }

  getrlimit(RLIMIT_NOFILE, &limit);
  struct rlimit none = {.rlim_cur = (rlim_t)fd[2] + 2, .rlim_max = limit.rlim_max}; /* for one connection */
  setrlimit(RLIMIT_NOFILE, &none);
  rig_turns(r, 5);
  cr_expect(serve_tcp_connections(r->tcp) <= 1);
  setrlimit(RLIMIT_NOFILE, &limit);
  skip_and_turn(r, 200);
  unsigned answered = 0;
  for (unsigned i = 0; i < 3; i++) {
    client_ask_tcp(fd[i], "a.lab", 5);
    if (client_hear_tcp(r, fd[i], got)) answered++; /* all but the idle one that made room */
  }

  cr_expect(answered >= 2, "%u were answered", answered);
  for (unsigned i = 0; i < 3; i++) close(fd[i]);
  rig_free(r);
}
