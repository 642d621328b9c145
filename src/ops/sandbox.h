/* What the process gives up before it answers anybody: root, capabilities, system calls. */
#ifndef JIDNS_OPS_SANDBOX_H
#define JIDNS_OPS_SANDBOX_H
#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

enum sandbox_seccomp {
  SANDBOX_OFF,   /* all system calls that the kernel gives to such a user */
  SANDBOX_ERRNO, /* those that the daemon never makes fail with EPERM */
  SANDBOX_KILL   /* they end it: for tests */
};

enum { SANDBOX_USER = 33 }; /* octets of a user's name with its NUL */

struct sandbox_options {
  char user[SANDBOX_USER]; /* whom root becomes; "": `jidns` if there is such a user, else `nobody` */
  enum sandbox_seccomp seccomp;
};

/* Root becomes that user without supplementary groups; all capabilities go but that of binding ports below 1024; nothing that is
 * executed later can gain any; then the system calls. To be called when the sockets are bound, before there are threads. False,
 * and the reason in one line on err, when something asked for can't be had. */
bool sandbox_enter(const struct sandbox_options *o, FILE *err);

/* As whom it will run: for files that are to be that user's. False, and the reason in one line on err, when there is no such user. */
bool sandbox_whom(const struct sandbox_options *o, uid_t *uid, gid_t *gid, FILE *err);

/* The two halves, each in a file that the build chooses. */
bool sandbox_become(unsigned uid, unsigned gid, bool change, FILE *err); /* change: not only the capabilities */
bool sandbox_filter(enum sandbox_seccomp how, FILE *err);
const char *sandbox_filter_word(enum sandbox_seccomp how); /* for the log: what holds */
#endif
