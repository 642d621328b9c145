/* listen.c: makes and binds the sockets that clients ask on. Exports listen_*. */
#include "server/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

enum {
  UDP_RCVBUF =
      4 << 20, /* octets: some 10 ms of the highest rate; the kernel gives what net.core.rmem_max allows */
  TCP_BACKLOG = 512
};

static void set(int fd, int level, int option, int value) {
  setsockopt(fd, level, option, &value, sizeof value);
}

/* What is merely nice to have is not checked. */
static void set_up(int fd, const union addr *addr, int type) {
  bool v6 = addr->any.sa_family == AF_INET6;
  if (v6) set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  if (type == SOCK_STREAM) {
    set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    set(fd, IPPROTO_TCP, TCP_NODELAY, 1); /* connections inherit it */
    return;
  }

  set(fd, SOL_SOCKET, SO_RCVBUF, UDP_RCVBUF);

  /* What anybody claims of a path's MTU by ICMP is not believed: nothing is sent that would need it (RFC 9715
   * section 3.1). */
  if (v6) set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_OMIT);
  else set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT);
  if (!addr_is_any(addr)) return;

  /* So that the answer can leave from the address that was asked. */
  if (v6) set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
  else set(fd, IPPROTO_IP, IP_PKTINFO, 1);
}

static bool bind_and_share(int fd, const union addr *addr, int type, unsigned nth, bool *later) {
  set_up(fd, addr, type);
  if (nth > 0) set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
  if (!addr_bind(fd, addr, later)) return false;
  /* only now: another process' port is not to be shared */
  if (nth == 0) set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
  return type != SOCK_STREAM || listen(fd, TCP_BACKLOG) == 0;
}

/* Returns the descriptor or -1 with errno. */
static int open_one(const union addr *addr, int type, unsigned nth, bool *later) {
  int fd = socket(addr->any.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0 || bind_and_share(fd, addr, type, nth, later)) return fd;
  int e = errno;
  close(fd);
  errno = e;
  return -1;
}

static int take_one(int fd, const union addr *addr, int type) {
  set_up(fd, addr, type);
  return fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

const char *listen_take(struct listener *l, const union addr *addr, int udp, int tcp, unsigned nth) {
  *l = (struct listener){.addr = *addr, .udp = -1, .tcp = -1};
  l->udp = udp < 0 ? open_one(addr, SOCK_DGRAM, nth, &l->later) : take_one(udp, addr, SOCK_DGRAM);
  if (l->udp < 0) return "UDP";

  /* TCP gets the port that UDP has, should the kernel have chosen it */
  socklen_t len = sizeof l->addr;
  if (udp < 0) getsockname(l->udp, &l->addr.any, &len);
  l->tcp = tcp < 0 ? open_one(&l->addr, SOCK_STREAM, nth, &l->later) : take_one(tcp, addr, SOCK_STREAM);
  if (l->tcp >= 0) return NULL;
  int e = errno;
  listen_close(l);
  errno = e;
  return "TCP";
}

const char *listen_open(struct listener *l, const union addr *addr, unsigned nth) {
  return listen_take(l, addr, -1, -1, nth);
}

void listen_close(struct listener *l) {
  if (l->udp >= 0) close(l->udp);
  if (l->tcp >= 0) close(l->tcp);
  l->udp = l->tcp = -1;
}
