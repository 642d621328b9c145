/* Is an emulator between a test and the kernel (`configure EMULATOR=...`)? What it keeps in memory, what it has not
 * of the kernel's, and limits that would be its own are not the program's. */
#ifndef JIDNS_TESTS_KIT_EMULATED_H
#define JIDNS_TESTS_KIT_EMULATED_H
#include <stdbool.h>
#include <stdlib.h>

static inline bool emulated(void) {
  const char *emulator = getenv("EMULATOR");
  return emulator && *emulator;
}
#endif
