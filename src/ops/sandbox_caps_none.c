/* sandbox_caps_none.c: another user, and with that no capability; built without libcap-ng. Exports
 * sandbox_become, sandbox_may_change. */
#include <errno.h>
#include <grp.h>
#include <string.h>
#include <unistd.h>

#include "ops/sandbox.h"

bool sandbox_may_change(void) { return true; }

bool sandbox_become(unsigned uid, unsigned gid, bool changes, FILE *err) {
  if (!changes) return true;
  /* a user namespace may deny it */
  bool dropped = setgroups(0, NULL) == 0 || getgroups(0, NULL) == 0 || errno == EPERM;
  if (dropped && setgid(gid) == 0 && setuid(uid) == 0) return true;
  fprintf(err, "jidnsd: can't switch to another user: %s; start jidnsd as that user, or set --user root\n",
          strerror(errno));
  return false;
}
