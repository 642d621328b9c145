/* replay.c: runs a fuzz target over files and folders of them: `fuzz_x [FILE|FOLDER]...`, without any: over
 * its corpus and what once crashed it, tests/fuzz/corpus/x and tests/fuzz/crashes/x. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "fuzz/fuzz.h"

enum { INPUT_MAX = 1 << 20 };

static void fail(const char *path) {
  perror(path);
  exit(2);
}

static unsigned run_file(const char *path) {
  static uint8_t room[INPUT_MAX];
  FILE *in = fopen(path, "rb");
  if (!in) fail(path);
  size_t len = fread(room, 1, sizeof room, in);
  if (ferror(in)) fail(path);
  fclose(in);
  uint8_t *exact = must_alloc(len ? len : 1); /* so that a sanitizer sees the first octet read beyond */
  memcpy(exact, room, len);
  LLVMFuzzerTestOneInput(exact, len);
  free(exact);
  return 1;
}

static unsigned run(const char *path) {
  struct stat st;
  unsigned n = 0;

  if (stat(path, &st) != 0) fail(path);
  if (!S_ISDIR(st.st_mode)) {
    fprintf(stderr, "%s\n", path); /* the last one named is the one that crashed */
    return run_file(path);
  }

  DIR *folder = opendir(path);
  if (!folder) fail(path);
  for (struct dirent *e; (e = readdir(folder));) {
    char inner[4096];
    if (e->d_name[0] == '.') continue;
    if (snprintf(inner, sizeof inner, "%s/%s", path, e->d_name) < (int)sizeof inner) n += run(inner);
  }

  closedir(folder);
  return n;
}

static unsigned run_kept(const char *kind, const char *target) {
  const char *top = getenv("top_srcdir");
  char path[4096];
  struct stat st;
  snprintf(path, sizeof path, "%s/tests/fuzz/%s/%s", top ? top : ".", kind, target);
  return stat(path, &st) == 0 ? run(path) : 0;
}

int main(int argc, char **argv) {
  unsigned n = 0;
  for (int i = 1; i < argc; i++) n += run(argv[i]);
  if (argc == 1) {
    const char *target = strstr(program_invocation_short_name, "fuzz_");
    if (!target) fail(program_invocation_short_name);
    target += sizeof "fuzz_" - 1;
    n = run_kept("corpus", target) + run_kept("crashes", target);
  }
  printf("%u inputs\n", n);
  return n ? EXIT_SUCCESS : EXIT_FAILURE;
}
