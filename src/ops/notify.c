/* notify.c: the daemon's state, for systemd. Exports notify, notify_alive_every_ms. */
#include "ops/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

/* The socket's address; a name that begins with @ is no file. 0: nobody wants to hear. */
static socklen_t read_address(struct sockaddr_un *to) {
  const char *path = getenv("NOTIFY_SOCKET");
  size_t len = path ? strlen(path) : 0;
  if (len < 2 || len >= sizeof to->sun_path || (*path != '/' && *path != '@')) return 0;
  *to = (struct sockaddr_un){.sun_family = AF_UNIX};
  memcpy(to->sun_path, path, len);
  if (*path == '@') to->sun_path[0] = 0;
  return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

static int state_format(enum notify_state state, char *text, size_t size) {
  struct timespec now;
  if (state == NOTIFY_READY) return snprintf(text, size, "READY=1\n");
  if (state == NOTIFY_ALIVE) return snprintf(text, size, "WATCHDOG=1\n");
  if (state == NOTIFY_STOPPING) return snprintf(text, size, "STOPPING=1\n");
  clock_gettime(CLOCK_MONOTONIC, &now); /* tells this reload from one before */
  return snprintf(text, size, "RELOADING=1\nMONOTONIC_USEC=%lld\n",
                  (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
}

void notify(enum notify_state state, const char *status) {
  struct sockaddr_un to;
  char text[400];
  socklen_t to_len = read_address(&to);
  if (!to_len) return;
  int len = state_format(state, text, sizeof text);
  if (status) len += snprintf(text + len, sizeof text - (size_t)len, "STATUS=%.300s\n", status);

  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0 ||
      sendto(fd, text, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&to, to_len) < 0) {
    log_warn("ops", "NOTIFY_SOCKET: %s", strerror(errno));
  }
  if (fd >= 0) close(fd);
}

uint64_t notify_alive_every_ms(void) {
  const char *limit_us = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
  if (!limit_us || (pid && strtol(pid, NULL, 10) != getpid())) return 0;

  char *end;
  unsigned long long us = strtoull(limit_us, &end, 10);
  if (*end || us < 2000) return 0;
  return us / 2000;
}
