/* Shared libraries that only some settings need: loaded when they do, so that nobody else pays for their
 * memory. */
#ifndef JIDNS_BASE_LIBRARY_H
#define JIDNS_BASE_LIBRARY_H
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct library_symbol {
  const char *name;
  size_t offset; /* of the pointer to it in the table that library_open fills */
};

/* Loads the library with this soname and puts the addresses of `count` symbols into the table. Returns a
 * handle for library_close; NULL, and the reason in one line on err, when the library or one of the symbols
 * is lacking. To be called before system calls are filtered: a library's code could not be mapped later. */
void *library_open(const char *soname, const struct library_symbol *symbols, unsigned count, void *table,
                   FILE *err);
void library_close(void *handle); /* NULL is allowed */

/* A table of functions out of one list: LIST(F) with F(name) for each; the types are those that prefix##name
 * was declared with. LIBRARY_MEMBER declares its members, LIBRARY_SYMBOL names them to library_open. */
#define LIBRARY_MEMBER(prefix, name) __typeof__(prefix##name) *name;
#define LIBRARY_SYMBOL(prefix, type, name) {#prefix #name, offsetof(type, name)},
#endif
