/* readable.c: who may read a file. Exports readable_*. */
#include "base/readable.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <unistd.h>

bool readable_by(uid_t uid, gid_t gid, const char *path) {
  uid_t own_uid = geteuid();
  gid_t own_gid = getegid();
  bool other = own_uid == 0 && uid != 0;

  /* For files the kernel looks at these alone; root's capabilities for files go with them, and come back. */
  if (other) {
    setgroups(0, NULL); /* refused in some user namespaces, where there are none to lose */
    setfsgid(gid);
    setfsuid(uid);
  }

  int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  bool readable = fd >= 0 || errno != EACCES;
  if (other) {
    setfsuid(own_uid);
    setfsgid(own_gid);
  }

  if (fd >= 0) close(fd);
  return readable;
}

const char *readable_why(int error, char text[READABLE_WHY]) {
  if (error != EACCES) return strerror(error);
  snprintf(
      text, READABLE_WHY,
      "%s: the user that jidnsd runs as (%u) may not read it; chmod o+r it, and o+x the folders above it",
      strerror(error), (unsigned)geteuid());
  return text;
}
