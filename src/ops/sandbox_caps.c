/* sandbox_caps.c: another user, one capability, by libcap-ng. Exports sandbox_become, sandbox_may_change. */
#include <cap-ng.h>
#include <errno.h>
#include <string.h>

#include "ops/sandbox.h"

bool sandbox_may_change(void) {
  if (capng_get_caps_process() != 0) return true; /* a kernel without capabilities */
  return capng_have_capability(CAPNG_EFFECTIVE, CAP_SETUID) &&
         capng_have_capability(CAPNG_EFFECTIVE, CAP_SETGID);
}

/* Where a user namespace denies it, its groups are those of the user who made it, and stay. */
static bool may_drop_groups(void) {
  char text[8] = "";
  FILE *f = fopen("/proc/self/setgroups", "re");
  if (!f) return true;
  bool denied = fgets(text, sizeof text, f) && strncmp(text, "deny", 4) == 0;
  fclose(f);
  return !denied;
}

/* Where systemd gave just the one, its list of system calls may deny capset(2), too. */
static bool holds_more_than_bind(void) {
  for (unsigned cap = 0; cap <= CAP_LAST_CAP; cap++)
    if (cap != CAP_NET_BIND_SERVICE && capng_have_capability(CAPNG_PERMITTED, cap)) return true;
  return false;
}

static int change(unsigned uid, unsigned gid, bool bounding) {
  unsigned how = (may_drop_groups() ? CAPNG_DROP_SUPP_GRP : 0u) | (bounding ? CAPNG_CLEAR_BOUNDING : 0u);
  return capng_change_id((int)uid, (int)gid, (capng_flags_t)how);
}

bool sandbox_become(unsigned uid, unsigned gid, bool changes, FILE *err) {
  if (capng_get_caps_process() != 0) return true;
  bool may_bind = capng_have_capability(CAPNG_PERMITTED, CAP_NET_BIND_SERVICE);
  bool bounding = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);
  bool must_drop = changes || holds_more_than_bind();
  capng_clear(bounding ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS);
  if (may_bind)
    capng_update(CAPNG_ADD, (capng_type_t)(CAPNG_EFFECTIVE | CAPNG_PERMITTED), CAP_NET_BIND_SERVICE);
  int e = changes ? change(uid, gid, bounding)
                  : capng_apply(bounding ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS);
  if (e == 0 || !must_drop) return true;
  fprintf(err,
          "jidnsd: can't drop root's rights and switch to user %u: %s (libcap-ng %d); start jidnsd as that "
          "user, or set --user root\n",
          uid, strerror(errno), e);
  return false;
}
