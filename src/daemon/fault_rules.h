/* The faults in force, in all workers alike: those of the settings, and those set while running. */
#ifndef JIDNS_DAEMON_FAULT_RULES_H
#define JIDNS_DAEMON_FAULT_RULES_H
#include "base/jsonw.h"
#include "daemon/workers.h"
#include "ops/control.h"

/* The main thread's; all zero at first. */
struct fault_rules {
  struct faults *set; /* NULL until there was one */
};

/* Those of the settings are to take the place of the settings' before, unless they are the same: then they go
 * on as they are, and *next is NULL. *next is for one of the two below. False, and nothing is to be done,
 * when memory is out, or with all others they would be more than FAULTS_MAX. */
bool fault_rules_prepare(const struct fault_rules *f, const struct settings *s, struct faults **next);
/* NULL is allowed */
void fault_rules_use(struct fault_rules *f, struct faults *next, struct workers *workers);
void fault_rules_drop(const struct fault_rules *f, struct faults *next);

/* The command "fault": add RULE, list, clear, clear NUMBER; what was added or cleared is so in all workers
 * when it is answered. */
void fault_rules_command(struct fault_rules *f, struct workers *workers, struct control_reply *r,
                         unsigned argc, char *const *argv);

/* The rules in force, as the list "faults": an object each. */
void fault_rules_write(const struct fault_rules *f, struct jsonw *j);

void fault_rules_free(struct fault_rules *f); /* behind the workers */
#endif
