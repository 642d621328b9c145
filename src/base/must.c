/* must.c: assertions that hold in release too. Exports must_failed, broken_seen, must_alloc, must_zalloc,
 * memory_*. */
#include "base/must.h"

#include <stdio.h>
#include <stdlib.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <sys/mman.h>

#include "base/log.h"
#include "base/log_out.h"

_Noreturn void must_failed(const char *what, const char *file, int line) {
  char text[1024];
  int n = snprintf(text, sizeof text, "jidns: %s:%d: must hold: %s\n", file, line, what);
  if (n > 0) log_out_last(text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
  abort();
}

bool broken_seen(const char *what, const char *file, int line) {
  if (log_broken(file, line)) log_error("base", "%s:%d: broken: %s", file, line, what);
  return true;
}

void *must_alloc(size_t size) {
  void *p = malloc(size);
  must(p != NULL);
  return p;
}

void *must_zalloc(size_t size) {
  void *p = calloc(1, size);
  must(p != NULL);
  return p;
}

/* Not by malloc, which changes its ways once something so large was freed. */
bool memory_has(size_t size) {
  void *room = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return room != MAP_FAILED && munmap(room, size) == 0;
}

void memory_give_back(void) {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}
