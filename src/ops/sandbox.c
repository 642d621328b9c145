/* sandbox.c: the order in which rights are given up. Exports sandbox_enter, sandbox_whom. */
#include "ops/sandbox.h"

#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/log.h"

static const struct passwd *find_user(const char *name, FILE *err) {
  if (*name) {
    const struct passwd *user = getpwnam(name);
    if (!user) fprintf(err, "jidnsd: --user '%s': there is no such user\n", name);
    return user;
  }
  const struct passwd *user = getpwnam("jidns");
  if (!user) user = getpwnam("nobody");
  if (!user) fprintf(err, "jidnsd: there is neither a user 'jidns' nor 'nobody'; give one with --user\n");
  return user;
}

bool sandbox_whom(const struct sandbox_options *o, uid_t *uid, gid_t *gid, FILE *err) {
  const struct passwd *user = geteuid() == 0 ? find_user(o->user, err) : NULL;
  if (geteuid() == 0 && !user) return false;
  *uid = user ? user->pw_uid : geteuid();
  *gid = user ? user->pw_gid : getegid();
  return true;
}

static bool leave_root(const struct sandbox_options *o, const char **name, FILE *err) {
  const struct passwd *user = find_user(o->user, err);
  if (!user) return false;
  *name = user->pw_name;
  if (user->pw_uid == 0) log_warn("ops", "answering as root: whoever breaks in is root, too");
  return sandbox_become(user->pw_uid, user->pw_gid, user->pw_uid != 0, err);
}

/* Who is not root can't become another; having been told to is a mistake. */
static bool stay(const struct sandbox_options *o, FILE *err) {
  const struct passwd *user = *o->user ? find_user(o->user, err) : NULL;
  if (*o->user && !user) return false;
  if (user && user->pw_uid != geteuid()) {
    fprintf(err, "jidnsd: --user '%s': only root can become another user\n", o->user);
    return false;
  }
  return sandbox_become(geteuid(), getegid(), false, err);
}

bool sandbox_enter(const struct sandbox_options *o, FILE *err) {
  const char *name = "the user it was started as";
  if (geteuid() == 0 ? !leave_root(o, &name, err) : !stay(o, err)) return false;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    fprintf(err, "jidnsd: the kernel has no no-new-privs: %s\n", strerror(errno));
    return false;
  }
  if (!sandbox_filter(o->seccomp, err)) return false;
  log_info("ops", "running as %s, system calls: %s", name, sandbox_filter_word(o->seccomp));
  return true;
}
