/* control_socket.c: the control socket's file, and who may use it. Exports control_bind, control_unbind,
 * control_may. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "ops/account.h"
#include "ops/control.h"

enum { BACKLOG = 128, GROUPS_MAX = 65536 /* NGROUPS_MAX */ };

/* ---- making it ---- */

static int open_socket(void) { return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0); }

static struct sockaddr_un name_of(const char *path) {
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  _Static_assert(sizeof name.sun_path == CONTROL_PATH, "the kernel's limit");
  memcpy(name.sun_path, path, strlen(path) + 1);
  return name;
}

/* Does anybody listen there? One whose backlog is full does. */
static bool is_live(const char *path) {
  struct sockaddr_un name = name_of(path);
  int fd = open_socket();
  bool live = fd >= 0 && (connect(fd, (struct sockaddr *)&name, sizeof name) == 0 || errno == EAGAIN);
  if (fd >= 0) close(fd);
  return live;
}

/* Makes room at path; NULL, or why it can't. */
static const char *clear_way(const char *path) {
  struct stat st;
  if (lstat(path, &st) != 0) return errno == ENOENT ? NULL : strerror(errno);
  if (!S_ISSOCK(st.st_mode)) return "there is something else of this name";
  if (is_live(path)) return "another jidnsd answers there";
  return unlink(path) == 0 ? NULL : strerror(errno);
}

/* The usual folder is made where nobody has (who packages jidns or runs it under systemd does): it is gone
 * after each boot. */
static void make_folder(const char *path, uid_t uid, gid_t gid) {
  char folder[CONTROL_PATH];
  memcpy(folder, path, strlen(path) + 1);
  *strrchr(folder, '/') = 0;
  if (mkdir(folder, 0755) == 0 && chown(folder, uid, gid) != 0)
    log_warn("ops", "%s: %s", folder, strerror(errno));
}

/* Gives the file to uid and gid. Its folder may be that user's, who could put something else in its place:
 * what is given is looked at first, and held meanwhile. */
static bool give_file(struct control_socket *s, int fd, uid_t uid, gid_t gid) {
  struct stat st;
  if (fstat(fd, &st) != 0) return false;
  errno = ENOTSOCK;
  if (!S_ISSOCK(st.st_mode) || st.st_nlink != 1) return false;
  s->device = st.st_dev;
  s->inode = st.st_ino;
  if ((st.st_uid == uid && st.st_gid == gid) || fchownat(fd, "", uid, gid, AT_EMPTY_PATH) == 0) return true;

  /* It is of use without the group, too, and where root may give away nothing (CAP_CHOWN) to root. */
  s->not_group = errno == EPERM && s->has_group && st.st_uid == uid;
  s->for_root = errno == EPERM && st.st_uid == 0 && st.st_uid != uid;
  return s->not_group || s->for_root;
}

/* The mode is right from the start. */
static bool bind_file(struct control_socket *s, uid_t uid, gid_t gid) {
  struct sockaddr_un name = name_of(s->path);
  mode_t before = umask(0117);
  bool bound = bind(s->fd, (struct sockaddr *)&name, sizeof name) == 0;
  int fd = bound ? open(s->path, O_PATH | O_NOFOLLOW | O_CLOEXEC) : -1;
  bool good = fd >= 0 && give_file(s, fd, uid, gid);
  int e = errno;
  umask(before);
  if (fd >= 0) close(fd);
  errno = e;
  return good;
}

/* NULL, or why not. */
static const char *make(struct control_socket *s, uid_t uid, gid_t gid) {
  const char *why = clear_way(s->path);
  if (why) return why;
  s->fd = open_socket();
  if (s->fd >= 0 && bind_file(s, uid, gid) && listen(s->fd, BACKLOG) == 0) return NULL;
  why = strerror(errno);
  control_unbind(s);
  return why;
}

static bool find_group(const char *name, gid_t *gid, FILE *err) {
  bool found = account_group(name, gid);
  if (!found) fprintf(err, "jidnsd: --control-group '%s': there is no such group\n", name);
  return found;
}

bool control_has_group(const struct control_policy *o, FILE *err) {
  gid_t gid;
  return !*o->path || !*o->group || find_group(o->group, &gid, err);
}

static void warn_of_group(const char *group) {
  log_warn("ops",
           "--control-group '%s': only root and jidnsd's own user can command it, as jidnsd is no member of "
           "that group; start it as "
           "root, or in systemd's unit say SupplementaryGroups=%s and SystemCallFilter=@chown",
           group, group);
}

bool control_bind(struct control_socket *s, const struct control_policy *o, uid_t uid, gid_t gid, FILE *err) {
  *s = (struct control_socket){.fd = -1, .uid = uid};
  if (!*o->path) return true;
  s->has_group = *o->group;
  if (s->has_group && !find_group(o->group, &s->group, err)) return false;
  memcpy(s->path, o->path, sizeof s->path);
  if (o->usual) make_folder(s->path, uid, gid);
  const char *why = make(s, uid, s->has_group ? s->group : gid);
  if (s->not_group) warn_of_group(o->group);
  if (s->for_root)
    log_warn("ops", "the control socket is for root alone, as jidnsd lacks CAP_CHOWN to give it to others");
  if (!why) return true;
  if (o->usual)
    log_line(s->has_group ? LOG_WARN : LOG_INFO, "ops", "no control socket: %s: %s", o->path, why);
  else fprintf(err, "jidnsd: --control '%s': %s\n", o->path, why);
  return o->usual;
}

void control_unbind(struct control_socket *s) {
  struct stat st;
  if (!*s->path || s->fd < 0) return;
  close(s->fd);
  s->fd = -1;
  bool ours = s->inode && lstat(s->path, &st) == 0 && st.st_dev == s->device && st.st_ino == s->inode;
  if (ours && unlink(s->path) != 0) log_debug("ops", "%s: %s", s->path, strerror(errno));
}

/* ---- who may use it ---- */

/* The other end's supplementary groups, as many as a process can have. */
static bool is_member(int fd, gid_t group) {
  gid_t *list = malloc(GROUPS_MAX * sizeof *list);
  socklen_t len = GROUPS_MAX * sizeof *list;
  bool member = false;
  if (list && getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, list, &len) == 0) {
    for (size_t i = 0; i < len / sizeof *list; i++) member = member || list[i] == group;
  }
  free(list);
  return member;
}

bool control_may(const struct control_socket *s, int fd, uid_t *uid) {
  struct ucred peer;
  socklen_t len = sizeof peer;
  *uid = (uid_t)-1;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0) return false;
  *uid = peer.uid;
  if (peer.uid == 0 || peer.uid == s->uid) return true;
  return s->has_group && (peer.gid == s->group || is_member(fd, s->group));
}
