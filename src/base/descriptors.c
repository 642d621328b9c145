/* descriptors.c: descriptors that a program is started with. Exports descriptors_*. */
#include "base/descriptors.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/must.h"

void descriptors_fill(void) {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
    if (fcntl(fd, F_GETFD) >= 0) continue;

    /* Opened the wrong way round, so that what is written is known to be lost. A folder that can't be used at
     * all does where there is no /dev. */
    int filled = open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    if (filled < 0) filled = open("/", O_PATH);
    must(filled == fd);
  }
}

int descriptors_for_clients(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > INT_MAX) return INT_MAX;
  rlim_t reserved = limit.rlim_cur / 4;
  return (int)(limit.rlim_cur - (reserved < DESCRIPTORS_KEPT ? reserved : DESCRIPTORS_KEPT));
}

void descriptors_raise(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}
