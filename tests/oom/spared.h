/* Included before all else in the test's own files: what they allocate never fails; only the library's does
 * (oom.c). */
#ifndef JIDNS_OOM_SPARED_H
#define JIDNS_OOM_SPARED_H
#define malloc __real_malloc
#define calloc __real_calloc
#define realloc __real_realloc
#define must_alloc spared_alloc
#define must_zalloc spared_zalloc
#endif
