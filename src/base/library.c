/* library.c: shared libraries loaded on demand. Exports library_open, library_close. */
#include "base/library.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#include "config.h"

static const struct {
  const char *soname, *use, *package;
} loaded[] = {
#define LOADED(soname, use, package) {soname, use, package},
#include "base/libraries.def"
#undef LOADED
    {NULL, NULL, NULL}};

/* Whoever reads it need not know what a library is: what they lose without it, and what to install. */
static void complain_missing(const char *soname, FILE *err) {
  const char *why = dlerror();
  unsigned i = 0;
  while (loaded[i].soname && strcmp(loaded[i].soname, soname) != 0) i++;
  fprintf(err, "%s: can't load a library", program_invocation_short_name);
  if (loaded[i].soname) fprintf(err, " that %s need (Debian: %s)", loaded[i].use, loaded[i].package);
  fprintf(err, ": %s\n", why);
}

void *library_open(const char *soname, const struct library_symbol *symbols, unsigned count, void *table,
                   FILE *err) {
  void *handle = dlopen(soname, RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    complain_missing(soname, err);
    return NULL;
  }

  for (unsigned i = 0; i < count; i++) {
    void *symbol = dlsym(handle, symbols[i].name);
    if (!symbol) {
      fprintf(err, "%s: %s is another version than the one this was built with: it has no %s\n",
              program_invocation_short_name, soname, symbols[i].name);
      dlclose(handle);
      return NULL;
    }
    memcpy((char *)table + symbols[i].offset, &symbol, sizeof symbol);
  }

  return handle;
}

void library_close(void *handle) {
  if (handle) dlclose(handle);
}
