/* How much memory the system lets this process have. */
#ifndef JIDNS_BASE_MEMORY_LIMIT_H
#define JIDNS_BASE_MEMORY_LIMIT_H
#include <stdint.h>

enum { MEMORY_LIMIT_WHAT = 160 };

/* The least of all limits that hold. */
struct memory_limit {
  uint64_t octets;              /* UINT64_MAX: nothing is known of any */
  char what[MEMORY_LIMIT_WHAT]; /* which one, for people: "memory.max of /sys/fs/cgroup/x", "the machine's
                                   memory" */
};

/* Looks at the machine's memory, at the memory limits (memory.max, memory.high, memory.limit_in_bytes) of the
 * process' control group and all above it, in either version as mounted here, and at RLIMIT_AS and
 * RLIMIT_DATA. What can't be read is no limit. `root` stands before /proc and the mount points: "" but in
 * tests. */
void memory_limit_find(const char *root, struct memory_limit *out);

/* Octets as MiB for people: "64 MiB", "1.5 MiB". */
enum { MEMORY_LIMIT_TEXT = 32 };
const char *memory_limit_format(uint64_t octets, char text[MEMORY_LIMIT_TEXT]);
#endif
