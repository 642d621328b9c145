/* sandbox_caps.c: another user, one capability, by libcap-ng. Exports sandbox_become. */
#include <cap-ng.h>
#include <errno.h>
#include <string.h>

#include "ops/sandbox.h"

bool sandbox_become(unsigned uid, unsigned gid, bool change, FILE *err) {
  if (capng_get_caps_process() != 0) return true; /* a kernel without capabilities */
  bool may_bind = capng_have_capability(CAPNG_PERMITTED, CAP_NET_BIND_SERVICE);
  bool may_change = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETUID) && capng_have_capability(CAPNG_EFFECTIVE, CAP_SETGID);
  if (change && !may_change) {
    fprintf(err, "jidnsd: can't become another user without CAP_SETUID and CAP_SETGID; --user root if it is to stay as it is\n");
    return false;
  }
  bool bounding = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);
  capng_clear(bounding ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS);
  if (may_bind) capng_update(CAPNG_ADD, (capng_type_t)(CAPNG_EFFECTIVE | CAPNG_PERMITTED), CAP_NET_BIND_SERVICE);
  int e = change ? capng_change_id((int)uid, (int)gid, (capng_flags_t)(CAPNG_DROP_SUPP_GRP | (bounding ? CAPNG_CLEAR_BOUNDING : 0)))
                 : capng_apply(bounding ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS);
  if (e == 0) return true;
  fprintf(err, "jidnsd: can't give up what root may do: %s (libcap-ng %d)\n", strerror(errno), e);
  return false;
}
