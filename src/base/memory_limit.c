/* memory_limit.c: the least of the memory limits that hold for this process. Exports memory_limit_*. */
#include "base/memory_limit.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { LINE = 8192 };

static void note(struct memory_limit *least, uint64_t octets, const char *what, const char *of) {
  if (octets == 0 || octets >= least->octets) return;
  least->octets = octets;
  snprintf(least->what, sizeof least->what, "%s%s", what, of);
}

static FILE *open_below(const char *root, const char *path) {
  char whole[PATH_MAX];
  int n = snprintf(whole, sizeof whole, "%s%s", root, path);
  return n > 0 && (size_t)n < sizeof whole ? fopen(whole, "re") : NULL;
}

/* ---- files with numbers ---- */

/* A file of one number; "max" is none. False: there is no such number. */
static bool read_octets(const char *root, const char *folder, const char *name, uint64_t *octets) {
  char path[PATH_MAX], text[40];
  int n = snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *f = n > 0 && (size_t)n < sizeof path ? open_below(root, path) : NULL;
  if (!f) return false;
  bool has = fgets(text, sizeof text, f) && *text >= '0' && *text <= '9';
  if (has) *octets = strtoull(text, NULL, 10);
  fclose(f);
  return has;
}

/* The number behind a key at the beginning of a line, as in memory.stat or meminfo. */
static bool read_keyed(const char *root, const char *path, const char *key, uint64_t *value) {
  char line[LINE];
  bool found = false;
  FILE *f = open_below(root, path);
  while (f && !found && fgets(line, sizeof line, f)) {
    found = strncmp(line, key, strlen(key)) == 0;
    if (found) *value = strtoull(line + strlen(key), NULL, 10);
  }
  if (f) fclose(f);
  return found;
}

/* ---- control groups ---- */

enum version { V1, V2 };

/* Where control groups with memory limits are seen. */
struct hierarchy {
  enum version version;
  char within[PATH_MAX]; /* the control group that is mounted */
  char point[PATH_MAX];  /* there */
};

static void note_file(struct memory_limit *least, const char *root, const char *folder, const char *name) {
  char what[64];
  uint64_t octets;
  if (!read_octets(root, folder, name, &octets)) return;
  snprintf(what, sizeof what, "%s of ", name);
  note(least, octets, what, folder);
}

/* Where a group above the one that is mounted has a limit, only the old version tells of it. */
static void note_hidden(struct memory_limit *least, const char *root, const char *folder) {
  char path[PATH_MAX];
  uint64_t octets;
  int n = snprintf(path, sizeof path, "%s/memory.stat", folder);
  if (n < 0 || (size_t)n >= sizeof path) return;
  if (read_keyed(root, path, "hierarchical_memory_limit ", &octets))
    note(least, octets, "hierarchical_memory_limit of ", folder);
}

static void note_group(struct memory_limit *least, const char *root, enum version version,
                       const char *folder) {
  if (version == V1) {
    note_file(least, root, folder, "memory.limit_in_bytes");
    note_hidden(least, root, folder);
    return;
  }
  note_file(least, root, folder, "memory.max");
  note_file(least, root, folder, "memory.high");
}

/* The group at `path` as the process' own name for it, from there up to what is mounted. A name that does not
 * begin with the mounted group's is one that is not seen here: what is mounted is as near as one gets. */
static void note_all_above(struct memory_limit *least, const char *root, const struct hierarchy *h,
                           const char *path) {
  char folder[2 * PATH_MAX];
  size_t point = strlen(h->point), within = strcmp(h->within, "/") == 0 ? 0 : strlen(h->within);
  bool seen = strncmp(path, h->within, within) == 0 && (path[within] == '/' || !path[within]) &&
              !strstr(path, "/..");
  snprintf(folder, sizeof folder, "%s%s", h->point, seen ? path + within : "");

  for (;;) {
    size_t len = strlen(folder);
    while (len > point && folder[len - 1] == '/') folder[--len] = 0;
    note_group(least, root, h->version, folder);
    char *slash = strrchr(folder, '/');
    if (len <= point || !slash || slash < folder + point) return;
    *slash = 0;
  }
}

static bool has_word(const char *list, const char *word) {
  size_t len = strlen(word);
  for (const char *at = list; (at = strstr(at, word)); at += len) {
    bool begins = at == list || at[-1] == ',', ends = !at[len] || at[len] == ',' || at[len] == '\n';
    if (begins && ends) return true;
  }
  return false;
}

/* One line of mountinfo: ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [MORE...] - TYPE SOURCE OPTIONS. */
static bool parse_mount(const char *line, struct hierarchy *h) {
  char type[64], options[1024];
  const char *dash = strstr(line, " - ");
  if (!dash || sscanf(line, "%*s %*s %*s %4095s %4095s", h->within, h->point) != 2) return false;
  if (sscanf(dash, " - %63s %*s %1023s", type, options) != 2) return false;
  h->version = strcmp(type, "cgroup2") == 0 ? V2 : V1;
  return h->version == V2 || (strcmp(type, "cgroup") == 0 && has_word(options, "memory"));
}

/* The process' group in a hierarchy of that version, from lines such as "4:cpu,memory:/a/b" or "0::/a/b".
 * False: it is in none. */
static bool find_group(const char *root, enum version version, char path[PATH_MAX]) {
  char line[LINE];
  bool found = false;
  FILE *f = open_below(root, "/proc/self/cgroup");
  while (f && !found && fgets(line, sizeof line, f)) {
    char *controllers = strchr(line, ':'), *name = controllers ? strchr(++controllers, ':') : NULL;
    if (!name) continue;
    *name++ = 0;
    name[strcspn(name, "\n")] = 0;
    found = *name == '/' && strlen(name) < PATH_MAX &&
            (version == V2 ? !*controllers : has_word(controllers, "memory"));
    if (found) memcpy(path, name, strlen(name) + 1);
  }
  if (f) fclose(f);
  return found;
}

static void note_groups(struct memory_limit *least, const char *root) {
  char line[LINE], path[PATH_MAX];
  struct hierarchy h;
  FILE *f = open_below(root, "/proc/self/mountinfo");
  while (f && fgets(line, sizeof line, f)) {
    if (parse_mount(line, &h) && find_group(root, h.version, path)) note_all_above(least, root, &h, path);
  }
  if (f) fclose(f);
}

/* ---- all of them ---- */

static void note_own(struct memory_limit *least, int which, const char *what) {
  struct rlimit r;
  if (getrlimit(which, &r) == 0 && r.rlim_cur != RLIM_INFINITY) note(least, r.rlim_cur, what, "");
}

void memory_limit_find(const char *root, struct memory_limit *out) {
  uint64_t total_k;
  *out = (struct memory_limit){.octets = UINT64_MAX};
  if (read_keyed(root, "/proc/meminfo", "MemTotal:", &total_k))
    note(out, total_k << 10, "the machine's memory", "");
  note_groups(out, root);
  note_own(out, RLIMIT_AS, "RLIMIT_AS");
  note_own(out, RLIMIT_DATA, "RLIMIT_DATA");
}

const char *memory_limit_format(uint64_t octets, char text[MEMORY_LIMIT_TEXT]) {
  bool whole = octets % (1 << 20) == 0 || octets >= 100ull << 20;
  snprintf(text, MEMORY_LIMIT_TEXT, whole ? "%.0f MiB" : "%.1f MiB", (double)octets / (1 << 20));
  return text;
}
