/* settings.c: fuzz target: the text of a settings file. What is wrong with it is said in whole lines that any
 * terminal can show; what is right comes back the same from what --print-config makes of it. */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz/fuzz.h"
#include "settings/settings.h"

enum { TEXT_MAX = 1 << 20 };

struct texts {
  int fd;
  char path[32];
  char *out, *err;
};

static void check_complaints(const char *err, bool wrong) {
  must(wrong || !*err || strstr(err, "warning"));
  must(!wrong || *err);
  while (*err) {
    const char *end = strchr(err, '\n');
    must(end && strncmp(err, "jidnsd: ", 8) == 0);
    for (; err < end; err++) must((unsigned char)*err >= ' ' && *err != 0x7f);
    err = end + 1;
  }
}

/* Takes the notes off that say where a value comes from. */
static void strip_notes(char *text) {
  char *to = text;
  for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
    char *note = NULL;
    for (char *p = line; (p = strstr(p, "  # ")) && p < end; p++) note = p;
    size_t len = (size_t)((note ? note : end) - line);
    memmove(to, line, len);
    to[len] = '\n';
    to += len + 1;
  }
  *to = 0;
}

/* What --print-config says to this file; in t->out. */
static enum settings_outcome settings_read_text(struct texts *t, const void *text, size_t len) {
  static struct settings settings;
  char program[] = "jidnsd", config[] = "--config", print[] = "--print-config";
  char *argv[] = {program, config, t->path, print, NULL};
  must(ftruncate(t->fd, 0) == 0 && pwrite(t->fd, text, len, 0) == (ssize_t)len);
  FILE *out = fmemopen(t->out, TEXT_MAX, "w"), *err = fmemopen(t->err, TEXT_MAX, "w");
  must(out && err);
  *t->out = *t->err = 0; /* for when nothing is written */
  enum settings_outcome outcome = settings_read(&settings, 4, argv, out, err);
  fclose(out);
  fclose(err);
  must(outcome != SETTINGS_RUN);
  check_complaints(t->err, outcome == SETTINGS_WRONG);
  return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct texts t;
  if (!t.out) {
    t.fd = memfd_create("settings", MFD_CLOEXEC);
    must(t.fd >= 0);
    snprintf(t.path, sizeof t.path, "/proc/self/fd/%d", t.fd);
    t.out = must_alloc(TEXT_MAX);
    t.err = must_alloc(TEXT_MAX);
  }

  if (size > TEXT_MAX / 4 || settings_read_text(&t, data, size) != SETTINGS_TOLD) return 0;
  char *first = strdup(t.out);
  must(first && settings_read_text(&t, first, strlen(first)) == SETTINGS_TOLD);
  strip_notes(first);
  strip_notes(t.out);
  must(strcmp(t.out, first) == 0);
  free(first);
  return 0;
}
