/* test_control_socket.c: the control socket's file, and who is let in. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ops/control_rig.h"

static char folder[] = "/tmp/control.XXXXXX";
static char said[400];

static void make_folder(void) { cr_assert_not_null(mkdtemp(folder)); }

static void remove_folder(void) { cr_expect_eq(rmdir(folder), 0, "something is left in it"); }

static struct control_policy at(const char *name, const char *group) {
  struct control_policy o = {.usual = false};
  snprintf(o.path, sizeof o.path, "%s/%s", folder, name);
  snprintf(o.group, sizeof o.group, "%s", group);
  return o;
}

/* control_bind for the user of the test; what it complains of is in `said`. */
static bool binds(struct control_socket *s, const struct control_policy *o) {
  FILE *err = fmemopen(said, sizeof said, "w");
  bool bound = control_bind(s, o, geteuid(), getegid(), err);
  fclose(err);
  if (bound) *said = 0;
  return bound;
}

static struct stat stat_of(const char *path) {
  struct stat st;
  cr_assert_eq(lstat(path, &st), 0, "%s", path);
  return st;
}

TestSuite(control_socket, .init = make_folder, .fini = remove_folder);

Test(control_socket, is_for_its_user_and_group_alone) {
  struct control_policy o = at("s", "");
  struct control_socket s;
  umask(0);
  uid_t uid = geteuid() ? geteuid() : 65534;
  cr_assert(control_bind(&s, &o, uid, getegid(), stderr));
  struct stat st = stat_of(o.path);
  cr_expect(S_ISSOCK(st.st_mode));
  cr_expect_eq(st.st_mode & 07777, 0660);
  cr_expect_eq(st.st_uid, uid);
  control_unbind(&s);
  cr_expect_eq(umask(0), 0, "the umask stays as it was");
}

Test(control_socket, a_dead_daemons_file_is_replaced) {
  struct control_policy o = at("s", "");
  struct control_socket dead, s;
  cr_assert(binds(&dead, &o));
  close(dead.fd);
  cr_expect(binds(&s, &o), "%s", said);
  control_unbind(&s);
}

Test(control_socket, a_live_daemons_is_an_error_that_names_it) {
  struct control_policy o = at("s", "");
  struct control_socket live, s;
  char want[200];
  cr_assert(binds(&live, &o));
  cr_expect_not(binds(&s, &o));
  snprintf(want, sizeof want, "jidnsd: --control '%s': another jidnsd answers there\n", o.path);
  cr_expect_str_eq(said, want);
  cr_expect_eq(s.fd, -1);
  cr_expect_eq(stat_of(o.path).st_ino, live.inode, "it is still that one's");
  control_unbind(&live);
}

Test(control_socket, a_live_daemon_whose_backlog_is_full_is_live) {
  struct control_policy o = at("s", "");
  struct control_socket live, s;
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  memcpy(name.sun_path, o.path, sizeof name.sun_path);
  int fds[1000], n = 0;
  cr_assert(binds(&live, &o));
  for (;; n++) {
    fds[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    cr_assert(n < 999 && fds[n] >= 0);
    if (connect(fds[n], (struct sockaddr *)&name, sizeof name) != 0) break;
  }
  cr_expect_not(binds(&s, &o));
  for (int i = 0; i <= n; i++) close(fds[i]);
  control_unbind(&live);
}

Test(control_socket, something_else_of_that_name_is_left_alone) {
  struct control_policy o = at("s", "");
  struct control_socket s;
  close(open(o.path, O_CREAT | O_WRONLY, 0600));
  cr_expect_not(binds(&s, &o));
  cr_expect(strstr(said, "there is something else of this name"), "%s", said);
  cr_expect(S_ISREG(stat_of(o.path).st_mode));
  unlink(o.path);
}

Test(control_socket, a_folder_that_is_missing_is_an_error) {
  struct control_policy o = at("none/s", "");
  struct control_socket s;
  cr_expect_not(binds(&s, &o));
  cr_expect(strstr(said, "none/s': No such file or directory"), "%s", said);
}

Test(control_socket, the_usual_folder_is_made_and_its_lack_no_error) {
  struct control_policy o = at("folder/s", ""), nowhere = at("no/where/s", ""), live = o;
  struct control_socket s, second;
  char path[64];
  snprintf(path, sizeof path, "%s/folder", folder);
  o.usual = nowhere.usual = live.usual = true;
  cr_assert(binds(&s, &o));
  cr_expect_eq(stat_of(path).st_mode & 07777, 0755);
  cr_assert(binds(&second, &live), "that another jidnsd has the usual one is none either");
  cr_expect_eq(second.fd, -1);
  cr_expect_eq(stat_of(o.path).st_ino, s.inode);
  control_unbind(&s);
  cr_expect_eq(rmdir(path), 0);
  cr_expect(binds(&s, &nowhere));
  cr_expect_eq(s.fd, -1);
}

Test(control_socket, no_path_is_no_socket) {
  struct control_policy o = {.usual = false};
  struct control_socket s;
  cr_expect(binds(&s, &o));
  cr_expect_eq(s.fd, -1);
  control_unbind(&s);
}

Test(control_socket, only_its_own_file_is_removed) {
  struct control_policy o = at("s", "");
  struct control_socket s, second;
  cr_assert(binds(&s, &o));
  unlink(o.path);
  cr_assert(binds(&second, &o));
  control_unbind(&s);
  cr_expect_eq(stat_of(o.path).st_ino, second.inode);
  control_unbind(&second);
  cr_expect_eq(access(o.path, F_OK), -1);
}

Test(control_socket, a_group_that_does_not_exist_is_named) {
  struct control_policy o = at("s", "no-such-group-here");
  struct control_socket s;
  cr_expect_not(binds(&s, &o));
  cr_expect_str_eq(said, "jidnsd: --control-group 'no-such-group-here': there is no such group\n");
  cr_expect_eq(access(o.path, F_OK), -1);
}

/* ---- who is let in ---- */

enum { STRANGER = 65533 };

/* A process of another user, with this group beside its own, asks; what it hears. */
static const char *heard_by_stranger(struct control_rig *r, gid_t gid, gid_t beside) {
  int pipes[2];
  cr_assert_eq(pipe(pipes), 0);
  pid_t child = fork();
  if (child == 0) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    char line[400];
    memcpy(name.sun_path, r->path, sizeof name.sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (setgroups(1, &beside) != 0 || setgid(gid) != 0 || setuid(STRANGER) != 0) _exit(1);
    if (connect(fd, (struct sockaddr *)&name, sizeof name) != 0) _exit(2);
    /* who is turned away may find the door shut already */
    ssize_t sent = send(fd, "say hello\n", 10, MSG_NOSIGNAL);
    (void)sent;
    ssize_t n = recv(fd, line, sizeof line, 0);
    _exit(n > 0 && write(pipes[1], line, (size_t)n) == n ? 0 : 3);
  }

  close(pipes[1]);
  int status = -1;
  for (int i = 0; i < 2000 && waitpid(child, &status, WNOHANG) == 0; i++) control_rig_turns(r, 1);
  ssize_t n = read(pipes[0], said, sizeof said - 1);
  said[n > 0 ? n : 0] = 0;
  close(pipes[0]);
  cr_expect_eq(status, 0);
  return said;
}

static const char refusal[] = "{\"ok\":false,\"error\":\"only root, jidnsd's own user and the members of its "
                              "control group may command\"}\n";

Test(control_socket, strangers_are_turned_away_even_if_the_file_lets_them_in) {
  if (geteuid() != 0) cr_skip_test("only root can become a stranger");
  struct control_rig *r = control_rig_new();
  cr_assert(chmod(r->folder, 0755) == 0 && chmod(r->path, 0666) == 0);
  cr_expect_str_eq(heard_by_stranger(r, STRANGER, STRANGER), refusal);
  cr_expect_str_eq(heard_by_stranger(r, 0, 0), refusal, "root's group is not root");
  control_rig_free(r);
}

Test(control_socket, members_of_its_group_are_let_in_by_first_and_by_further_group) {
  if (geteuid() != 0) cr_skip_test("only root can become a stranger");
  struct group *group = getgrnam("daemon");
  if (!group) cr_skip_test("there is no group daemon");
  gid_t gid = group->gr_gid;
  struct control_rig *r = control_rig_new_for("daemon");
  cr_assert_eq(chmod(r->folder, 0755), 0);
  cr_expect_eq(stat_of(r->path).st_gid, gid);
  cr_expect_str_eq(heard_by_stranger(r, gid, STRANGER), "{\"ok\":true,\"words\":[\"hello\"]}\n");
  cr_expect_str_eq(heard_by_stranger(r, STRANGER, gid), "{\"ok\":true,\"words\":[\"hello\"]}\n");
  cr_assert_eq(chmod(r->path, 0666), 0);
  cr_expect_str_eq(heard_by_stranger(r, STRANGER, STRANGER), refusal);
  control_rig_free(r);
}
