/* Is an emulator between a test and the kernel (`configure EMULATOR=...`)? What it keeps in memory, what it
 * has not of the kernel's, and limits that would be its own are not the program's. */
#ifndef JIDNS_TESTS_KIT_EMULATED_H
#define JIDNS_TESTS_KIT_EMULATED_H
#include <stdbool.h>
#include <stdlib.h>

static inline bool emulated(void) {
  const char *emulator = getenv("EMULATOR");
  return emulator && *emulator;
}

/* A big-endian program on a machine of the other kind: qemu hands UDP_SEGMENT's two octets on unswapped, and
 * nothing is cut. */
static inline bool emulated_in_other_order(void) {
  return emulated() && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
}
#endif
