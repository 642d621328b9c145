/* test_port_holder.c: who has a port. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/port_holder.h"

/* A socket of this process at text, at a port that the kernel chooses. */
static int hold(const char *text, int type, union addr *at) {
  cr_assert(addr_parse(text, 1, at));
  if (at->any.sa_family == AF_INET6) at->v6.sin6_port = 0;
  else at->v4.sin_port = 0;
  int fd = socket(at->any.sa_family, type, 0);
  cr_assert(bind(fd, &at->any, addr_len(at)) == 0 && (type == SOCK_DGRAM || listen(fd, 1) == 0));
  cr_assert(getsockname(fd, &at->any, &(socklen_t){sizeof *at}) == 0);
  return fd;
}

static union addr at_port_of(const char *text, const union addr *other) {
  union addr a;
  cr_assert(addr_parse(text, addr_port(other), &a));
  return a;
}

static void expect_me(const union addr *addr, bool tcp) {
  char text[PORT_HOLDER_TEXT], me[40];
  snprintf(me, sizeof me, " (process %ld)", (long)getpid());
  port_holder_find(addr, tcp, text);
  cr_expect(strstr(text, me), "'%s' does not tell of '%s'", text, me);
}

static void expect_nobody(const union addr *addr, bool tcp) {
  char text[PORT_HOLDER_TEXT];
  cr_expect_str_eq(port_holder_find(addr, tcp, text), "");
}

Test(port_holder, finds_the_process_that_has_it_over_either_transport) {
  union addr udp, tcp;
  int fds[] = {hold("127.0.0.1", SOCK_DGRAM, &udp), hold("127.0.0.1", SOCK_STREAM, &tcp)};
  expect_me(&udp, false);
  expect_me(&tcp, true);
  close(fds[0]);
  close(fds[1]);
  expect_nobody(&udp, false);
  expect_nobody(&tcp, true);
}

Test(port_holder, sees_that_a_wildcard_has_every_address_and_that_an_address_spoils_the_wildcard) {
  union addr wild, one, wanted;
  int a = hold("0.0.0.0", SOCK_DGRAM, &wild), b = hold("127.0.0.2", SOCK_DGRAM, &one);
  wanted = at_port_of("127.0.0.3", &wild);
  expect_me(&wanted, false);
  wanted = at_port_of("0.0.0.0", &one);
  expect_me(&wanted, false);
  wanted = at_port_of("127.0.0.3", &one);
  expect_nobody(&wanted, false);
  close(a);
  close(b);
}

Test(port_holder, sees_ipv6_addresses_and_that_a_dual_stack_socket_has_the_port_for_ipv4) {
  union addr loop, wild, wanted;
  int a = hold("::1", SOCK_DGRAM, &loop), b = hold("::", SOCK_STREAM, &wild);
  expect_me(&loop, false);
  wanted = at_port_of("127.0.0.1", &wild);
  expect_me(&wanted, true);
  wanted = at_port_of("127.0.0.1", &loop);
  expect_nobody(&wanted, false);
  close(a);
  close(b);
}

Test(port_holder, advises_what_to_do_whether_or_not_it_knows_by_whom) {
  char text[PORT_HOLDER_ADVICE], end[60];
  union addr held, unheld;
  int fd = hold("127.0.0.1", SOCK_DGRAM, &held);
  unsigned next = addr_port(&held) == UINT16_MAX ? UINT16_MAX - 1 : addr_port(&held) + 1;
  snprintf(end, sizeof end, "; end that, or listen elsewhere: --listen 127.0.0.1:%u", next);
  port_holder_advise(&held, false, "--listen", text);
  cr_expect(strncmp(text, " by ", 4) == 0 && strstr(text, end), "%s", text);
  close(fd);

  cr_assert(addr_parse("[::1]:53", 53, &unheld));
  port_holder_advise(&unheld, true, "--metrics", text);
  cr_expect_str_eq(text, "; root sees by whom with `ss -ltpn`; or listen elsewhere: --metrics [::1]:5300");
}
