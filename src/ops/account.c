/* account.c: users and groups by name or number. Exports account_*. */
#include "ops/account.h"

#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdlib.h>

/* The last number means "none" to the kernel. */
static bool parse_id(const char *text, uint32_t *id) {
  char *end;
  if (*text < '0' || *text > '9') return false;
  unsigned long long v = strtoull(text, &end, 10);
  *id = (uint32_t)v;
  return !*end && v < UINT32_MAX;
}

bool account_group(const char *text, gid_t *gid) {
  const struct group *group = getgrnam(text);
  if (group) *gid = group->gr_gid;
  return group || parse_id(text, gid);
}

bool account_user(const char *text, uid_t *uid, gid_t *gid) {
  const struct passwd *user = getpwnam(text);
  if (!user) {
    if (!parse_id(text, uid)) return false;
    *gid = *uid;
    user = getpwuid(*uid);
  }
  if (user) {
    *uid = user->pw_uid;
    *gid = user->pw_gid;
  }
  return true;
}
