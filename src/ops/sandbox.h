/* What the process gives up before it answers anybody: root, capabilities, system calls. */
#ifndef JIDNS_OPS_SANDBOX_H
#define JIDNS_OPS_SANDBOX_H
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

enum sandbox_seccomp {
  SANDBOX_OFF,   /* all system calls that the kernel gives to such a user */
  SANDBOX_ERRNO, /* those that the daemon never makes fail with EPERM */
  SANDBOX_KILL   /* they end it: for tests */
};

enum { SANDBOX_USER = 66 }; /* octets of a user's and a group's name with a colon between and their NUL */

struct sandbox_policy {
  char user[SANDBOX_USER]; /* whom root becomes: USER or USER:GROUP, names or numbers; "": `jidns` if there is
                              such a user, else `nobody` */
  enum sandbox_seccomp seccomp;
};

/* Root becomes that user without supplementary groups; all capabilities go but that of binding ports below
 * 1024; nothing that is executed later can gain any; then the system calls. To be called when the sockets are
 * bound, before there are threads. False, and the reason in one line on err, when something asked for can't
 * be had. */
bool sandbox_enter(const struct sandbox_policy *o, FILE *err);

/* As whom it will run. */
struct sandbox_identity {
  uid_t uid;
  gid_t gid;
  bool is_said;   /* the options name it */
  bool has_group; /* and the group */
  bool shared;    /* it is nobody, for want of a user of its own: other services may be that, too */
  char name[SANDBOX_USER];
};

/* Finds that out. Root that nobody told to become somebody becomes `jidns` or, shared, `nobody`; in a user
 * namespace that has neither it stays what it is where that is an ordinary user outside. False, and the
 * reason and the way out in one line on err, when there is no such user or it can't be become. */
bool sandbox_whom(const struct sandbox_policy *o, struct sandbox_identity *who, FILE *err);

bool sandbox_changes(const struct sandbox_identity *who); /* is that anybody else than now? */
/* Is that id one of the user namespace with this map (/proc/self/uid_map)? Without such a file there are no
 * namespaces. */
bool sandbox_is_mapped(const char *map, uint32_t id);

/* The two halves, each in a file that the build chooses. */
bool sandbox_may_change(void); /* may root become somebody else, as far as that can be told? */
/* changes: not only the capabilities */
bool sandbox_become(unsigned uid, unsigned gid, bool changes, FILE *err);
bool sandbox_filter(enum sandbox_seccomp how, FILE *err);
const char *sandbox_filter_word(enum sandbox_seccomp how); /* for the log: what holds */
#endif
