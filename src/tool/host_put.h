/* Files put in their places so that a power cut leaves the old one or the new one. */
#ifndef JIDNS_TOOL_HOST_PUT_H
#define JIDNS_TOOL_HOST_PUT_H
#include "tool/host.h"

struct host_put {
  enum host_kind kind; /* HOST_FILE or HOST_LINK */
  const char *text;    /* borrowed; the content, or where the link leads */
  size_t len;
  mode_t mode;
  uid_t uid;
  gid_t gid;
  struct timespec written; /* all zero: now */
  const char *like;        /* borrowed; the file below root whose extended attributes it gets; NULL: none */
};

/* All return false with errno, and have synced what they did when they return true. */

/* Puts it in the place of whatever is at path below root. */
bool host_put_replace(const char *root, const char *path, const struct host_put *p);

/* Writes it into the file that is at path: for one that can't be replaced. A crash leaves a part. */
bool host_put_write(const char *root, const char *path, const struct host_put *p);

/* Takes away what is there, and its folder when that is wanted and it is empty. True when nothing is there.
 */
bool host_put_remove(const char *root, const char *path, bool with_folder);

/* Makes a folder and those above it, unless they are there. */
bool host_put_folder(const char *root, const char *path);

/* Takes away what a host_put_replace that was cut off left beside path. */
void host_put_clean(const char *root, const char *path);
#endif
