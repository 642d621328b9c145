/* test_library.c: libraries loaded on demand. */
#include "base/library.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#define FUNCTIONS(F) F(cos) F(floor)

struct functions {
#define MEMBER(name) LIBRARY_MEMBER(, name)
  FUNCTIONS(MEMBER)
#undef MEMBER
};

static const struct library_symbol symbols[] = {
#define SYMBOL(name) LIBRARY_SYMBOL(, struct functions, name)
    FUNCTIONS(SYMBOL)
#undef SYMBOL
        {"no_such_function", 0}};
enum { THERE = 2 };

static char said[300];

static void *open_library(const char *soname, unsigned count, struct functions *table) {
  memset(said, 0, sizeof said);
  FILE *err = fmemopen(said, sizeof said, "w");
  void *handle = library_open(soname, symbols, count, table, err);
  fclose(err);
  return handle;
}

Test(library, gives_the_functions_of_a_library) {
  struct functions f;
  void *handle = open_library("libm.so.6", THERE, &f);
  cr_assert(handle, "%s", said);
  cr_expect(f.cos(0) > 0.99 && f.floor(2.5) < 2.01);
  cr_expect_str_empty(said);
  library_close(handle);
}

Test(library, says_what_is_lacking) {
  struct functions f;
  cr_expect_null(open_library("libjidns-none.so.1", THERE, &f));
  cr_expect(strstr(said, "libjidns-none.so.1") && strchr(said, '\n') == said + strlen(said) - 1, "%s", said);
  cr_expect_null(open_library("libm.so.6", THERE + 1, &f));
  cr_expect(strstr(said, "libm.so.6") && strstr(said, "no_such_function"), "%s", said);
}

Test(library, closing_none_is_allowed) { library_close(NULL); }
