/* Memory that runs out when the test says so: the linker leads the library's malloc, calloc, realloc and
 * aligned_alloc here. */
#ifndef JIDNS_OOM_OOM_H
#define JIDNS_OOM_OOM_H
#include <stdbool.h>

/* The nth allocation from now on fails (1: the next), and with `all` every one after it. */
void oom_after(unsigned nth, bool all);
/* None fails any more. Was there an nth? */
bool oom_end(void);
#endif
