/* The faults in force, in all workers alike: those of the settings, and those set while running. */
#ifndef JIDNS_DAEMON_FAULTS_H
#define JIDNS_DAEMON_FAULTS_H
#include "ops/control.h"
#include "worker.h"

/* The main thread's; all zero at first. */
struct daemon_faults {
  struct faults *set; /* NULL until there was one */
};

/* Those of the settings are to take the place of the settings' before, unless they are the same: then they go
 * on as they are, and *next is NULL. *next is for one of the two below. False, and nothing is to be done,
 * when memory is out, or with all others they would be more than FAULTS_MOST. */
bool daemon_faults_prepare(const struct daemon_faults *f, const struct settings *s, struct faults **next);
/* NULL is allowed */
void daemon_faults_use(struct daemon_faults *f, struct faults *next, struct worker *const *workers,
                       unsigned n);
void daemon_faults_drop(const struct daemon_faults *f, struct faults *next);

/* The command "fault": add RULE, list, clear, clear NUMBER; what was added or cleared is so in all workers
 * when it is answered. */
void daemon_faults_command(struct daemon_faults *f, struct worker *const *workers, unsigned n,
                           struct control_reply *r, unsigned argc, char *const *argv);

void daemon_faults_free(struct daemon_faults *f); /* behind the workers */
#endif
