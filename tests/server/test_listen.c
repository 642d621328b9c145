/* test_listen.c: the sockets that clients ask on. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "server/rig.h"

static union addr at(const char *text) {
  union addr a;
  cr_assert(addr_parse(text, 1, &a));
  return a;
}

static union addr any_port(const char *text) {
  union addr a = at(text);
  if (a.any.sa_family == AF_INET6) a.v6.sin6_port = 0;
  else a.v4.sin_port = 0;
  return a;
}

/* A socket of somebody else's on the same port, sharing it as far as that goes. */
static int squat(const union addr *addr, int type) {
  int fd = socket(addr->any.sa_family, type, 0);
  setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &(int){1}, sizeof(int));
  if (bind(fd, &addr->any, addr_len(addr)) == 0 && (type == SOCK_DGRAM || listen(fd, 1) == 0)) return fd;
  close(fd);
  return -1;
}

static union addr squatted(int fd) {
  union addr a;
  cr_assert(getsockname(fd, &a.any, &(socklen_t){sizeof a}) == 0);
  return a;
}

Test(listen, opens_both_transports_on_one_port_that_the_kernel_chose) {
  struct listener l;
  union addr want = any_port("127.0.0.1");
  cr_assert_null(listen_anywhere(&l, &want));
  cr_expect(addr_port(&l.addr) > 0 && addr_same_host(&l.addr, &want));
  union addr udp = squatted(l.udp), tcp = squatted(l.tcp);
  cr_expect(addr_equal(&udp, &l.addr) && addr_equal(&tcp, &l.addr));
  listen_close(&l);
}

Test(listen, rfc9715_what_icmp_says_of_a_path_is_not_believed) {
  struct listener l;
  union addr want = any_port("127.0.0.1");
  int value = -1;
  cr_assert_null(listen_anywhere(&l, &want));
  getsockopt(l.udp, IPPROTO_IP, IP_MTU_DISCOVER, &value, &(socklen_t){sizeof value});
  cr_expect_eq(value, IP_PMTUDISC_OMIT);
  listen_close(&l);
}

Test(listen, opens_descriptors_that_do_not_block_and_are_not_inherited) {
  struct listener l;
  union addr want = any_port("127.0.0.1");
  cr_assert_null(listen_anywhere(&l, &want));
  int fds[] = {l.udp, l.tcp};
  for (unsigned i = 0; i < 2; i++) {
    cr_expect(fcntl(fds[i], F_GETFL) & O_NONBLOCK);
    cr_expect(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
  }
  listen_close(&l);
}

Test(listen, shares_its_port_with_its_own_further_listeners) {
  struct listener l[3];
  union addr want = any_port("127.0.0.1");
  for (unsigned i = 0; i < 3; i++) {
    cr_assert_null(i ? listen_open(&l[i], &want, i) : listen_anywhere(&l[i], &want));
    want = l[0].addr;
  }
  for (unsigned i = 0; i < 3; i++) listen_close(&l[i]);
}

Test(listen, does_not_share_the_udp_port_of_another_that_would) {
  union addr free_port = any_port("127.0.0.1");
  int fd = squat(&free_port, SOCK_DGRAM);
  union addr taken = squatted(fd);
  struct listener l;
  const char *failed = listen_open(&l, &taken, 0);
  cr_assert(failed);
  cr_expect_str_eq(failed, "UDP");
  cr_expect(errno == EADDRINUSE);
  cr_expect(l.udp == -1 && l.tcp == -1);
  close(fd);
}

Test(listen, does_not_share_the_tcp_port_of_another_that_would_and_closes_udp_again) {
  union addr free_port = any_port("127.0.0.1");
  int fd = squat(&free_port, SOCK_STREAM);
  union addr taken = squatted(fd);
  struct listener l;
  const char *failed = listen_open(&l, &taken, 0);
  cr_assert(failed);
  cr_expect_str_eq(failed, "TCP");
  cr_expect(errno == EADDRINUSE);
  cr_expect(l.udp == -1 && l.tcp == -1);
  int udp = squat(&taken, SOCK_DGRAM);
  cr_expect(udp >= 0);
  close(udp);
  close(fd);
}

Test(listen, takes_an_address_that_this_machine_may_get_later) {
  struct listener l;
  union addr elsewhere = any_port("192.0.2.1");
  cr_assert_null(listen_open(&l, &elsewhere, 0));
  cr_expect_neq(l.addr.v4.sin_port, 0);
  close(l.udp);
  close(l.tcp);
}

Test(listen, takes_both_families_wildcards_on_one_port) {
  struct listener v4, v6;
  union addr want = any_port("0.0.0.0"), same;
  cr_assert_null(listen_anywhere(&v4, &want));
  same = any_port("::");
  same.v6.sin6_port = v4.addr.v4.sin_port;
  const char *failed = listen_open(&v6, &same, 0);
  if (failed && errno == EAFNOSUPPORT) cr_skip_test("no IPv6");
  cr_assert_null(failed);
  listen_close(&v4);
  listen_close(&v6);
}

Test(listen, takes_copies_of_sockets_that_are_open_and_opens_the_one_that_lacks) {
  struct listener l, second;
  union addr want = any_port("127.0.0.1");
  int udp = squat(&want, SOCK_DGRAM);
  union addr addr = squatted(udp);
  cr_assert_null(listen_take(&l, &addr, udp, -1, 0));
  cr_assert_null(listen_take(&second, &addr, udp, -1, 1));

  union addr of_udp = squatted(l.udp), of_tcp = squatted(second.tcp);
  cr_expect(addr_equal(&of_udp, &addr) && addr_equal(&of_tcp, &addr));
  cr_expect(l.udp != udp && second.udp != l.udp);
  listen_close(&l);
  listen_close(&second);
  cr_expect(fcntl(udp, F_GETFD) >= 0, "the one that was taken stays open");
  close(udp);
}

Test(listen, may_be_closed_twice) {
  struct listener l;
  union addr want = any_port("127.0.0.1");
  cr_assert_null(listen_anywhere(&l, &want));
  listen_close(&l);
  cr_expect(l.udp == -1 && l.tcp == -1);
  listen_close(&l);
}
