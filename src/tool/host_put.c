/* host_put.c: files in their places. Exports host_put_*. */
#include "tool/host_put.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/must.h"
#include "tool/host_facts.h"

static char *new_path(const char *joined) { return host_path_join(joined, ".jidns-new"); }

static bool sync_folder_of(const char *joined) {
  char *folder = strdup(joined);
  must(folder);
  *strrchr(folder, '/') = 0;
  int fd = open(*folder ? folder : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  bool good = fd >= 0 && (fsync(fd) == 0 || errno == EINVAL); /* some file systems can't, and need not */
  int e = errno;
  if (fd >= 0) close(fd);
  free(folder);
  errno = e;
  return good;
}

static bool write_all(int fd, const char *text, size_t len) {
  while (len > 0) {
    ssize_t n = write(fd, text, len);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    text += n;
    len -= (size_t)n;
  }
  return true;
}

/* Lists of access, labels of SELinux: as far as the file system takes them. */
static void copy_attributes(const char *from, int to) {
  char list[4096], value[4096];
  ssize_t len = llistxattr(from, list, sizeof list);
  for (ssize_t at = 0; at < len; at += (ssize_t)strlen(list + at) + 1) {
    ssize_t n = lgetxattr(from, list + at, value, sizeof value);
    if (n >= 0) (void)fsetxattr(to, list + at, value, (size_t)n, 0);
  }
}

/* Content, owner, mode, time; then synced. */
static bool fill(int fd, const char *root, const struct host_put *p) {
  struct timespec times[2] = {p->written, p->written};
  if (!write_all(fd, p->text, p->len) || fchown(fd, p->uid, p->gid) != 0 || fchmod(fd, p->mode) != 0)
    return false;
  if (p->like) {
    char *like = host_path_join(root, p->like);
    copy_attributes(like, fd);
    free(like);
  }
  if (p->written.tv_sec && futimens(fd, times) != 0) return false;
  return fsync(fd) == 0;
}

static bool make_file(const char *joined, const char *root, const struct host_put *p) {
  int fd = open(joined, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return false;
  bool good = fill(fd, root, p);
  int e = errno;
  if (close(fd) != 0) return false;
  errno = e;
  return good;
}

static bool make_link(const char *joined, const struct host_put *p) {
  struct timespec times[2] = {p->written, p->written};
  if (symlink(p->text, joined) != 0 || lchown(joined, p->uid, p->gid) != 0) return false;
  return !p->written.tv_sec || utimensat(AT_FDCWD, joined, times, AT_SYMLINK_NOFOLLOW) == 0;
}

bool host_put_replace(const char *root, const char *path, const struct host_put *p) {
  char *joined = host_path_join(root, path), *new = new_path(joined);
  unlink(new);
  bool good = (p->kind == HOST_LINK ? make_link(new, p) : make_file(new, root, p)) &&
              rename(new, joined) == 0 && sync_folder_of(joined);
  int e = errno;
  if (!good) unlink(new);
  free(joined);
  free(new);
  errno = e;
  return good;
}

bool host_put_write(const char *root, const char *path, const struct host_put *p) {
  char *joined = host_path_join(root, path);
  int fd = open(joined, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW);
  bool good = fd >= 0 && fill(fd, root, p);
  int e = errno;
  if (fd >= 0) close(fd);
  free(joined);
  errno = e;
  return good;
}

bool host_put_remove(const char *root, const char *path, bool with_folder) {
  char *joined = host_path_join(root, path);
  bool good = unlink(joined) == 0 ? sync_folder_of(joined) : errno == ENOENT || errno == ENOTDIR;
  int e = errno;
  if (good && with_folder) {
    *strrchr(joined, '/') = 0;
    if (rmdir(joined) == 0) sync_folder_of(joined);
  }
  free(joined);
  errno = e;
  return good;
}

bool host_put_folder(const char *root, const char *path) {
  char *joined = host_path_join(root, path);
  bool good = true;
  for (char *slash = joined + strlen(root); good && slash;) {
    slash = strchr(slash + 1, '/');
    if (slash) *slash = 0;
    good = mkdir(joined, 0755) == 0 ? sync_folder_of(joined) : errno == EEXIST;
    if (slash) *slash = '/';
  }
  int e = errno;
  free(joined);
  errno = e;
  return good;
}

void host_put_clean(const char *root, const char *path) {
  char *joined = host_path_join(root, path), *new = new_path(joined);
  unlink(new);
  free(joined);
  free(new);
}
