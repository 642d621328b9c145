/* against.c: fuzz target: an older report, which may be any file, and a list of what is to be ignored. What
 * is wrong with them is said in one line that any terminal can show; what is taken from them can be shown,
 * too.
 *
 * Input: an octet that tells which of the two it is, then the file. */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz/fuzz.h"
#include "tool/check.h"

enum { COMPLAINTS = 4096 };

static void check_printable(const char *text) {
  for (; *text; text++) must(*text >= ' ' && *text <= '~');
}

static void check_complaint(char *err, bool good) {
  char *end = strchr(err, '\n');
  must(good ? *err == 0 : end && end > err && end[1] == 0);
  if (end) *end = 0;
  for (; *err; err++) must((unsigned char)*err >= ' ' && *err != 0x7f);
}

static void read_report(const char *path, FILE *err, char *text) {
  struct old_reports old = {.count = 0};
  bool good = against_read(&old, path, err);
  fclose(err);
  check_complaint(text, good);
  for (size_t i = 0; good && i < old.count; i++) {
    check_printable(old.list[i].domain);
    check_printable(old.list[i].time);
    check_printable(old.list[i].verdicts[0]);
    for (size_t k = 0; k < old.list[i].count; k++) {
      check_printable(old.list[i].list[k].code);
      check_printable(old.list[i].list[k].subject);
      check_printable(old.list[i].list[k].side);
      check_printable(old.list[i].list[k].text);
    }
  }

  against_free(&old);
}

static void read_ignores(const char *path, FILE *err, char *text) {
  static struct check_options options;
  options = (struct check_options){.ignore_count = 0};
  bool good = check_read_ignores(&options, path, "2026-01-31", err);
  fclose(err);
  check_complaint(text, good);
  must(options.ignore_count <= CHECK_IGNORES_MAX);
  for (size_t i = 0; i < options.ignore_count; i++) free(options.ignores[i].subject);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static int fd = -1;
  static char path[32], text[COMPLAINTS];
  if (fd < 0) {
    fd = memfd_create("report", MFD_CLOEXEC);
    must(fd >= 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  }

  if (size == 0) return 0;
  must(ftruncate(fd, 0) == 0 && pwrite(fd, data + 1, size - 1, 0) == (ssize_t)(size - 1));
  *text = 0;
  FILE *err = fmemopen(text, sizeof text, "w");
  must(err);
  if (*data % 2) read_report(path, err, text);
  else read_ignores(path, err, text);
  return 0;
}
