/* oom.c: an allocator that fails on demand. Exports oom_*. */
#include "oom/spared.h"
/* */
#include "oom/oom.h"

#include <stdlib.h>

#undef malloc
#undef calloc
#undef realloc

void *__real_aligned_alloc(size_t align, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);
void *spared_alloc(size_t size);
void *spared_zalloc(size_t size);

static unsigned left; /* allocations until one fails; 0: none does */
static bool all_after, met;

static bool fails(void) {
  if (met && all_after) return true;
  if (!left || --left) return false;
  met = true;
  return true;
}

void oom_after(unsigned nth, bool all) {
  left = nth;
  all_after = all;
  met = false;
}

bool oom_end(void) {
  bool was = met;
  left = 0;
  met = all_after = false;
  return was;
}

void *__wrap_malloc(size_t size) { return fails() ? NULL : __real_malloc(size); }
void *__wrap_calloc(size_t n, size_t size) { return fails() ? NULL : __real_calloc(n, size); }
void *__wrap_realloc(void *old, size_t size) { return fails() ? NULL : __real_realloc(old, size); }
void *__wrap_aligned_alloc(size_t align, size_t size) {
  return fails() ? NULL : __real_aligned_alloc(align, size);
}
void *spared_alloc(size_t size) { return __real_malloc(size); }
void *spared_zalloc(size_t size) { return __real_calloc(1, size); }
