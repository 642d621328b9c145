/* library.c: shared libraries loaded on demand. Exports library_open, library_close. */
#include "base/library.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

void *library_open(const char *soname, const struct library_symbol *symbols, unsigned count, void *table,
                   FILE *err) {
  void *handle = dlopen(soname, RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    fprintf(err, "%s: can't load a library: %s\n", program_invocation_short_name, dlerror());
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
