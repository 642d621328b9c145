/* test_tap_stream.c: a stream that can't be had. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tap/tap_stream.h"

/* As under a unit's TasksMax. Root is not bound by the limit, so nobody asks. */
static void forbid_threads(void) {
  struct rlimit none = {0, 0};
  cr_assert(getuid() != 0 || setresuid(65534, 65534, 65534) == 0);
  cr_assert(setrlimit(RLIMIT_NPROC, &none) == 0);
}

Test(tap_stream, says_that_no_thread_can_be_had) {
  struct tap_policy policy = {.socket = "/nonexistent/tap", .sample = 1};
  char *said = NULL;
  size_t len;
  FILE *err = open_memstream(&said, &len);
  struct tap_library *library = tap_library_load(err);
  if (library) {
    forbid_threads();
    cr_expect_null(tap_stream_open(library, &policy, "1", 2, err));
    tap_library_unload(library);
  }

  fclose(err);
  if (!library) cr_skip_test("%s", said);
  cr_expect_eq(strncmp(said, "jidnsd: can't start a thread for dnstap: ", 41), 0, "%s", said);
  free(said);
}
