/* sandbox_seccomp_none.c: built without libseccomp, or with sanitizers, which make calls of their own.
 * Exports sandbox_filter, sandbox_filter_word. */
#include "ops/sandbox.h"

bool sandbox_filter(enum sandbox_seccomp how, FILE *err) {
  if (how != SANDBOX_KILL) return true;
  fprintf(err, "jidnsd: --seccomp kill: this jidnsd was built without libseccomp\n");
  return false;
}

const char *sandbox_filter_word(enum sandbox_seccomp how) {
  (void)how;
  return "off (built without libseccomp)";
}
