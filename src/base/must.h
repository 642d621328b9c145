/* Two tiers of assertion: must() is for programmers' errors and aborts, also in release; broken() is for
 * states that should not be but that a daemon survives: it counts them, logs each place once and goes on.
 * Network bytes are for neither. And memory that is there, or the end. Prefixes: broken_, memory_. */
#ifndef JIDNS_BASE_MUST_H
#define JIDNS_BASE_MUST_H
#include <stdbool.h>
#include <stddef.h>

#define must(x) ((x) ? (void)0 : must_failed(#x, __FILE__, __LINE__))
#define broken(x) (__builtin_expect(!!(x), 0) ? broken_seen(#x, __FILE__, __LINE__) : false)

_Noreturn void must_failed(const char *what, const char *file, int line);

/* Counts the broken expectation, logs it at level error when it is this place's first, and returns true. */
bool broken_seen(const char *what, const char *file, int line);

/* malloc and calloc that abort when memory is out: for start-up, and behind memory_has; never for work that a
 * packet sets off. */
void *must_alloc(size_t size);
void *must_zalloc(size_t size);

/* Could so much be had now? For work of a running daemon's that uses these, or a library that ends a process
 * without memory. */
bool memory_has(size_t size);

/* What was freed goes back to the system, where the C library would keep it. Takes a few ms after much was.
 */
void memory_give_back(void);

/* The object around its member: container(timer, struct pending, timer). */
#define container(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
#endif
