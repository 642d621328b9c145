/* Changes to a host's files that can be undone, exactly and after a crash: a folder keeps the old files, and
 * a journal that is on the disk before the first change. */
#ifndef JIDNS_TOOL_HOST_STORE_H
#define JIDNS_TOOL_HOST_STORE_H
#include "tool/host.h"

#define HOST_STORE_FOLDER "/var/lib/jidns-host"

/* Files to be changed and what they were. */
struct host_entry {
  char path[64]; /* below the root */
  enum host_writer writer;
  enum host_kind kind, new_kind; /* HOST_MISSING, HOST_FILE or HOST_LINK, before and after */
  bool in_place;                 /* written to, since nothing can take its place */
  bool made_folder;              /* its folder is new, too */
  mode_t mode, new_mode;
  uid_t uid;
  gid_t gid;
  struct timespec written;
};

enum host_store_state {
  HOST_STORE_NONE,  /* nothing was changed */
  HOST_STORE_BEGUN, /* something may have been */
  HOST_STORE_FINAL, /* all was, and was found good */
  HOST_STORE_UNREAD /* there is a journal that can't be read */
};

struct host_store {
  const char *root; /* borrowed */
  int lock;         /* -1: not held */
  enum host_store_state state;
  struct host_entry entries[HOST_CHANGES];
  unsigned count;
  char command[128]; /* "": none */
};

/* Reads what the journal says. */
void host_store_read(const char *root, struct host_store *s);

/* Sees to it that no other jidns changes this host; false after a line on err. */
bool host_store_lock(struct host_store *s, FILE *err);
void host_store_unlock(struct host_store *s);

/* Can all changes of p be made? False after a line on err that says of which file not, and what to do.
 * Changes nothing. */
bool host_store_try(struct host_store *s, const struct host_plan *p, FILE *err);

/* Makes them: keeps the old files and the journal first. False after a line on err: host_store_undo then
 * takes back what was done; when the state is HOST_STORE_NONE still, that is nothing, and host_store_forget
 * removes what was kept. */
bool host_store_change(struct host_store *s, const struct host_plan *p, FILE *err);

/* Writes into the journal that all is well. */
bool host_store_finish(struct host_store *s, FILE *err);

/* Puts all files back as they were. What somebody changed since is told on err: jidns takes its own lines
 * out, or leaves it alone when it has none there. False when something is left to be done by hand. */
bool host_store_undo(struct host_store *s, FILE *err);

/* After all is undone: the journal goes, and the files kept. */
bool host_store_forget(struct host_store *s, FILE *err);
#endif
