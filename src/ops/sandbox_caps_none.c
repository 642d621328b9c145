/* sandbox_caps_none.c: another user, and with that no capability; built without libcap-ng. Exports sandbox_become. */
#include <errno.h>
#include <grp.h>
#include <string.h>
#include <unistd.h>

#include "ops/sandbox.h"

bool sandbox_become(unsigned uid, unsigned gid, bool change, FILE *err) {
  if (!change || (setgroups(0, NULL) == 0 && setgid(gid) == 0 && setuid(uid) == 0)) return true;
  fprintf(err, "jidnsd: can't become another user: %s; --user root if it is to stay as it is\n", strerror(errno));
  return false;
}
