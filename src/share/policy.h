/* What the operator says of the fleet, and the files with its secrets. */
#ifndef JIDNS_SHARE_POLICY_H
#define JIDNS_SHARE_POLICY_H
#include <stdio.h>

#include "share/entry.h"
#include "share/line_target.h"

enum {
  SHARE_PATH = 256,
  SHARE_WORD = 128 /* octets of a user's name or password, with its NUL */,
  SHARE_TARGET = LINE_NAME + 32
};

enum share_role { SHARE_MEMBER, SHARE_READER };

/* What the operator decides; a part of the settings. The secrets are in files, and never in here. */
struct share_policy {
  char target[SHARE_TARGET]; /* "": there is no fleet */
  char key[SHARE_PATH];      /* files: an absolute path, or credential:NAME of systemd's */
  char password[SHARE_PATH];
  char user[SHARE_WORD];
  char space[ENTRY_NAMESPACE_MAX + 1];
  enum share_role role;
};

static inline bool share_is_on(const struct share_policy *p) { return p->target[0] != 0; }
bool share_encrypts(const struct share_policy *p); /* is the engine asked over TLS? */
bool share_is_secret(const char *path);            /* may a file be called so? */

/* What the files hold; to be wiped. */
struct share_secrets {
  size_t key_len;
  char key[MAC_SECRET_MAX + 2], password[SHARE_WORD + 2]; /* password: "" if there is none */
};
/* False after a line on err that says what to do. */
bool share_read_secrets(const struct share_policy *p, struct share_secrets *out, FILE *err);
/* Are the files there, and as they should be? False after a line on err. */
bool share_check(const struct share_policy *policy, FILE *err);
#endif
