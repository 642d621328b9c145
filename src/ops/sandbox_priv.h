/* The filter's rules, for tests of processors that this one is not. Only where libseccomp is. */
#ifndef JIDNS_OPS_SANDBOX_PRIV_H
#define JIDNS_OPS_SANDBOX_PRIV_H
#include <seccomp.h>

/* Adds to c what the daemon's system calls are on this architecture (SCMP_ARCH_...). Returns 0, or negative
 * when memory ran out. */
int sandbox_add_rules(scmp_filter_ctx c, uint32_t arch);
#endif
