/* passed_sockets.c: finds the sockets that were opened for the daemon. Exports passed_sockets_*. */
#include "ops/passed_sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FIRST_PASSED = 3 };

/* A number in the environment; 0: it is not there, or is none. */
static long number_of(const char *variable) {
  const char *text = getenv(variable);
  char *end;
  if (!text || !*text) return 0;
  errno = 0;
  long n = strtol(text, &end, 10);
  return *end || errno ? 0 : n;
}

static int option_of(int fd, int level, int option) {
  int value = 0;
  socklen_t len = sizeof value;
  return getsockopt(fd, level, option, &value, &len) == 0 ? value : -1;
}

/* NULL, or what is wrong with it and what to write in jidnsd.socket. */
static const char *look_at(int fd, union addr *addr, int *type) {
  socklen_t len = sizeof *addr;
  *addr = (union addr){0};
  *type = option_of(fd, SOL_SOCKET, SO_TYPE);
  if (*type < 0) return "is no socket";
  if (getsockname(fd, &addr->any, &len) != 0 ||
      (addr->any.sa_family != AF_INET && addr->any.sa_family != AF_INET6) ||
      (*type != SOCK_DGRAM && *type != SOCK_STREAM))
    return "is neither UDP nor TCP; write addresses with ports in ListenDatagram= and ListenStream=";
  if (*type == SOCK_STREAM && option_of(fd, SOL_SOCKET, SO_ACCEPTCONN) != 1)
    return "is a connection; set Accept=no";
  if (addr->any.sa_family == AF_INET6 && addr_is_any(addr) && option_of(fd, IPPROTO_IPV6, IPV6_V6ONLY) != 1)
    return "takes IPv4 as well as IPv6; set BindIPv6Only=ipv6-only and list 0.0.0.0 for IPv4";
  return NULL;
}

static struct passed_socket *place_for(struct passed_sockets *all, const union addr *addr) {
  const struct passed_socket *there = passed_sockets_at(all, addr);
  if (there) return &all->of[there - all->of];
  if (all->count == PASSED_SOCKETS) return NULL;
  struct passed_socket *p = &all->of[all->count++];
  *p = (struct passed_socket){.addr = *addr, .udp = -1, .tcp = -1};
  return p;
}

void passed_sockets_too_many(FILE *err) {
  fprintf(err, "jidnsd: LISTEN_FDS: more than %d addresses to listen on, with those of --listen\n",
          PASSED_SOCKETS);
}

/* False, and said, if it can't be answered on. */
static bool add(struct passed_sockets *all, int fd, FILE *err) {
  union addr addr;
  int type;
  const char *wrong = look_at(fd, &addr, &type);
  if (wrong) {
    fprintf(err, "jidnsd: LISTEN_FDS: descriptor %d, passed by systemd, %s\n", fd, wrong);
    return false;
  }

  struct passed_socket *p = place_for(all, &addr);
  if (!p) {
    passed_sockets_too_many(err);
    return false;
  }

  int *place = type == SOCK_DGRAM ? &p->udp : &p->tcp;
  if (*place < 0) *place = fd;
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  return true;
}

bool passed_sockets_find(struct passed_sockets *out, FILE *err) {
  long count = number_of("LISTEN_FDS");
  out->count = 0;
  if (count <= 0 || number_of("LISTEN_PID") != getpid()) return true;

  for (int fd = FIRST_PASSED; fd < FIRST_PASSED + count; fd++) {
    if (!add(out, fd, err)) return false;
  }
  return true;
}

const struct passed_socket *passed_sockets_at(const struct passed_sockets *all, const union addr *addr) {
  for (unsigned i = 0; i < all->count; i++) {
    if (addr_equal(&all->of[i].addr, addr)) return &all->of[i];
  }
  return NULL;
}
