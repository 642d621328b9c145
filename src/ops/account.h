/* Users and groups by name or number. */
#ifndef JIDNS_OPS_ACCOUNT_H
#define JIDNS_OPS_ACCOUNT_H
#include <stdbool.h>
#include <sys/types.h>

/* The user with that name or number, and its group: a number that no user has is its own group, too, as group
 * 0 would be no gift. False: there is no such user. */
bool account_user(const char *text, uid_t *uid, gid_t *gid);
bool account_group(const char *text, gid_t *gid);
#endif
