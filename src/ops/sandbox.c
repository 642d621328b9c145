/* sandbox.c: the order in which rights are given up. Exports sandbox_enter. */
#include "ops/sandbox.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/log.h"

static void warn(const struct sandbox_identity *who) {
  if (who->shared) {
    log_warn(
        "ops",
        "there is no user jidns: running as %s, a user that other services may share, so that only root may "
        "command jidnsd; create the user and restart: useradd --system --user-group --no-create-home --shell "
        "/usr/sbin/nologin jidns",
        who->name);
  }
  if (who->is_said && who->uid == 0)
    log_warn("ops", "jidnsd runs as root: whoever breaks in is root, too; set --user to change that");
}

bool sandbox_enter(const struct sandbox_policy *o, FILE *err) {
  struct sandbox_identity who;
  if (!sandbox_whom(o, &who, err)) return false;
  warn(&who);
  if (!sandbox_become(who.uid, who.gid, sandbox_changes(&who), err)) return false;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    fprintf(err, "jidnsd: the kernel has no no-new-privs: %s\n", strerror(errno));
    return false;
  }
  if (!sandbox_filter(o->seccomp, err)) return false;
  log_info("ops", "running as %s; seccomp %s", who.name, sandbox_filter_word(o->seccomp));
  return true;
}
