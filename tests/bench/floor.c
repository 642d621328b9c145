/* floor.c: answers each datagram with itself, QR set: what the kernel's UDP costs a server that does nothing.
 * `floor PORT`.
 *
 * Reads and writes as serve_udp does, 64 datagrams a system call, so that what a server takes beyond this is
 * its own. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { BATCH = 64, SLOT = 4096, SPACING = SLOT + 64 };

static struct mmsghdr heads[BATCH];
static struct iovec places[BATCH];
static struct sockaddr_in peers[BATCH];
static unsigned char slots[BATCH][SPACING];

static int open_socket(unsigned long port) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0) {
    perror("floor");
    exit(1);
  }
  return fd;
}

static void rearm(unsigned i) {
  places[i] = (struct iovec){.iov_base = slots[i], .iov_len = SLOT};
  heads[i].msg_hdr = (struct msghdr){
      .msg_name = &peers[i], .msg_namelen = sizeof peers[i], .msg_iov = &places[i], .msg_iovlen = 1};
}

/* Sends the first n back; what the kernel does not take is lost. */
static void send_back(int fd, unsigned n) {
  for (unsigned i = 0; i < n;) {
    int sent = sendmmsg(fd, heads + i, n - i, 0);
    i += sent > 0 ? (unsigned)sent : 1;
  }
}

int main(int argc, char **argv) {
  unsigned long port = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;
  if (port == 0 || port > 65535) {
    fputs("usage: floor PORT\n", stderr);
    return 2;
  }

  int fd = open_socket(port);
  for (unsigned i = 0; i < BATCH; i++) rearm(i);
  for (;;) {
    int n = recvmmsg(fd, heads, BATCH, MSG_WAITFORONE, NULL);
    if (n < 0 && errno != EINTR && errno != ECONNREFUSED) return perror("floor: recvmmsg"), 1;
    for (int i = 0; i < n; i++) {
      places[i].iov_len = heads[i].msg_len;
      if (heads[i].msg_len > 2) slots[i][2] |= 0x80;
    }
    if (n > 0) send_back(fd, (unsigned)n);
    for (int i = 0; i < n; i++) rearm((unsigned)i);
  }
}
