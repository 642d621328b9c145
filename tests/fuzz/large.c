/* large.c: large blocks of the library's memory, kept for the next run. The linker leads the library's calls
 * here.
 *
 * ASan maps a large block anew each time and unmaps it when it is freed, which takes longer than all that a
 * run does. A block that is kept is poisoned: who touches it, or frees it again, is found out as before. */
#include <malloc.h>
#if __has_include(<sanitizer/asan_interface.h>)
#include <sanitizer/asan_interface.h>
#else /* a compiler without ASan: replay takes nothing of this file */
#define ASAN_POISON_MEMORY_REGION(at, len) ((void)(at), (void)(len))
#define ASAN_UNPOISON_MEMORY_REGION(at, len) ((void)(at), (void)(len))
#endif
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/must.h"

enum { KEPT_MAX = 64, LARGE = 1 << 13 };

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_aligned_alloc(size_t align, size_t size);
void *__real_realloc(void *block, size_t size);
void __real_free(void *block);
void *__real_mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset);
int __real_munmap(void *at, size_t len);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);
void *__wrap_realloc(void *block, size_t size);
void __wrap_free(void *block);
void *__wrap_mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset);
int __wrap_munmap(void *at, size_t len);

struct snapshot_entry {
  void *at; /* NULL: none */
  size_t len;
};

static struct snapshot_entry blocks[KEPT_MAX], maps[KEPT_MAX];

static void *take(struct snapshot_entry *from, size_t len, size_t align) {
  for (unsigned i = 0; i < KEPT_MAX; i++) {
    void *at = from[i].at;
    if (!at || from[i].len != len || (uintptr_t)at % align) continue;
    ASAN_UNPOISON_MEMORY_REGION(at, len);
    from[i].at = NULL;
    return at;
  }
  return NULL;
}

static bool keep(struct snapshot_entry *in, void *at, size_t len) {
  struct snapshot_entry *free_one = NULL;
  for (unsigned i = 0; i < KEPT_MAX; i++) {
    must(in[i].at != at);
    if (!in[i].at) free_one = &in[i];
  }
  if (!free_one) return false;
  ASAN_POISON_MEMORY_REGION(at, len);
  *free_one = (struct snapshot_entry){at, len};
  return true;
}

void *__wrap_malloc(size_t size) {
  void *at = size < LARGE ? NULL : take(blocks, size, 1);
  return at ? at : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size) {
  size_t len;
  void *at = __builtin_mul_overflow(n, size, &len) || len < LARGE ? NULL : take(blocks, len, 1);
  return at ? memset(at, 0, len) : __real_calloc(n, size);
}

void *__wrap_aligned_alloc(size_t align, size_t size) {
  void *at = size < LARGE ? NULL : take(blocks, size, align);
  return at ? at : __real_aligned_alloc(align, size);
}

void __wrap_free(void *block) {
  size_t size = malloc_usable_size(block);
  if (size < LARGE || !keep(blocks, block, size)) __real_free(block);
}

void *__wrap_realloc(void *block, size_t size) {
  if (size < LARGE) return __real_realloc(block, size);
  void *at = __wrap_malloc(size);
  if (!at || !block) return at;
  size_t had = malloc_usable_size(block);
  memcpy(at, block, had < size ? had : size);
  __wrap_free(block);
  return at;
}

/* With MAP_NORESERVE what is in it from before stays: the cache's rings, which count on nothing there. */
void *__wrap_mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset) {
  void *kept = flags & MAP_ANONYMOUS ? take(maps, len, 1) : NULL;
  if (!kept) return __real_mmap(at, len, prot, flags, fd, offset);
  return flags & MAP_NORESERVE ? kept : memset(kept, 0, len);
}

int __wrap_munmap(void *at, size_t len) { return keep(maps, at, len) ? 0 : __real_munmap(at, len); }
