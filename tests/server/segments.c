/* segments.c: what the kernel counts of a TCP connection; apart because linux/tcp.h and netinet/tcp.h can't
 * be included together. Exports client_segments. */
#include "server/segments.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

unsigned client_segments(int fd) {
  struct tcp_info info;
  socklen_t len = sizeof info;
  memset(&info, 0, sizeof info);
  return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 ? info.tcpi_data_segs_in : 0;
}
