/* The faults in force, in all workers alike: those of the settings, and those set while running. */
#ifndef JIDNS_DAEMON_FAULTS_H
#define JIDNS_DAEMON_FAULTS_H
#include "worker.h"

/* The main thread's; all zero at first. */
struct daemon_faults {
  struct faults *set; /* NULL until there was one */
};

/* Those of the settings take the place of the settings' before, unless they are the same: then they go on as they are. False when
 * memory is out, or with all others they are more than FAULTS_MOST: some may lack. */
bool daemon_faults_set(struct daemon_faults *f, const struct settings *s, struct worker *const *workers, unsigned n);

/* One more, in all workers when this returns. Returns its number; 0 when memory is out or FAULTS_MOST are in force. */
unsigned daemon_faults_add(struct daemon_faults *f, const struct rule *r, struct worker *const *workers, unsigned n);

/* The one of that number, or all for 0, is over when this returns. False: there is none of that number, or memory is out. */
bool daemon_faults_clear(struct daemon_faults *f, unsigned number, struct worker *const *workers, unsigned n);

void daemon_faults_free(struct daemon_faults *f); /* behind the workers */
#endif
