/* host_facts.c: reads what matters for resolv.conf. Exports host_facts_read, host_file_*, host_path_join. */
#include "tool/host_facts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/must.h"

char *host_path_join(const char *root, const char *path) {
  char *joined = NULL;
  must(asprintf(&joined, "%s%s", root, path) >= 0);
  return joined;
}

/* ---- one file ---- */

/* Opens it with links that stay within root; a pipe without a writer holds nobody up. */
static int open_within(const char *root, const char *path) {
  enum { FLAGS = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY };
  if (!*root) return open(path, FLAGS);

  struct open_how how = {.flags = FLAGS, .resolve = RESOLVE_IN_ROOT};
  int top = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (top < 0) return -1;
  int fd = (int)syscall(SYS_openat2, top, path, &how, sizeof how);
  int e = errno;
  close(top);
  errno = e;
  return fd;
}

/* The whole file; NULL with errno. */
static char *read_all(int fd, size_t *len) {
  struct stat s;
  if (fstat(fd, &s) != 0) return NULL;
  if (!S_ISREG(s.st_mode)) {
    errno = S_ISDIR(s.st_mode) ? EISDIR : EINVAL;
    return NULL;
  }

  char *text = must_alloc(HOST_FILE_MOST + 1);
  ssize_t n = 1;
  for (*len = 0; *len < HOST_FILE_MOST && n > 0; *len += (size_t)(n > 0 ? n : 0)) {
    n = read(fd, text + *len, HOST_FILE_MOST - *len);
  }

  if (n != 0) {
    if (n > 0) errno = EFBIG;
    int e = errno;
    free(text);
    errno = e;
    return NULL;
  }
  text[*len] = 0;
  char *fitting = realloc(text, *len + 1);
  return fitting ? fitting : text;
}

static void read_text(const char *root, const char *path, struct host_file *file) {
  int fd = open_within(root, path);
  if (fd >= 0) file->text = read_all(fd, &file->len);
  if (!file->text) file->error = errno;
  if (fd >= 0) close(fd);
}

/* Is something mounted at just this path? */
static bool is_mounted(const char *path) {
  char *real = realpath(path, NULL), *line = NULL;
  size_t room = 0;
  bool found = false;
  FILE *mounts = fopen("/proc/self/mountinfo", "re");
  while (real && mounts && !found && getline(&line, &room, mounts) > 0) {
    char *rest = line, *word = NULL;
    for (unsigned i = 0; i < 5; i++) word = strsep(&rest, " ");
    found = word && strcmp(word, real) == 0;
  }
  if (mounts) fclose(mounts);
  free(line);
  free(real);
  return found;
}

void host_file_read(const char *root, const char *path, struct host_file *file) {
  char target[4096];
  struct stat s;
  char *joined = host_path_join(root, path);
  *file = (struct host_file){.kind = HOST_MISSING};

  if (lstat(joined, &s) != 0) {
    file->error = errno;
  } else {
    file->kind = S_ISREG(s.st_mode) ? HOST_FILE : S_ISLNK(s.st_mode) ? HOST_LINK : HOST_OTHER;
    file->mode = s.st_mode & 07777;
    file->uid = s.st_uid;
    file->gid = s.st_gid;
    file->written = s.st_mtim;
  }

  if (file->kind == HOST_LINK) {
    ssize_t len = readlink(joined, target, sizeof target - 1);
    target[len > 0 ? len : 0] = 0;
    file->target = strdup(target);
    must(file->target);
  }
  file->mounted = file->kind == HOST_FILE && is_mounted(joined);
  if (file->kind == HOST_FILE || file->kind == HOST_LINK) read_text(root, path, file);
  free(joined);
}

void host_file_free(struct host_file *file) {
  free(file->target);
  free(file->text);
  *file = (struct host_file){0};
}

/* ---- settings in many files ---- */

static void append_file(const char *root, const char *path, FILE *out) {
  struct host_file file = {0};
  read_text(root, path, &file);
  if (file.text) fprintf(out, "%s\n", file.text);
  host_file_free(&file);
}

static int is_settings(const struct dirent *entry) { return entry->d_name[0] != '.'; }

/* The files of one folder, by name. */
static void append_folder(const char *root, const char *folder, FILE *out) {
  struct dirent **entries;
  char *joined = host_path_join(root, folder);
  int n = scandir(joined, &entries, is_settings, alphasort);
  for (int i = 0; i < n; i++) {
    char *path = NULL;
    must(asprintf(&path, "%s/%s", folder, entries[i]->d_name) >= 0);
    append_file(root, path, out);
    free(path);
    free(entries[i]);
  }
  if (n >= 0) free(entries);
  free(joined);
}

static char *read_settings(const char *root, const char *file, const char *folder) {
  char *text = NULL;
  size_t len;
  FILE *out = open_memstream(&text, &len);
  must(out);
  append_file(root, file, out);
  append_folder(root, folder, out);
  must(fclose(out) == 0);
  return text;
}

/* ---- systemd-resolved's (resolved.conf(5)) ---- */

enum { DROP_INS = 100, DROP_IN_NAME = 256 };
static const char *const drop_in_folders[] = {"/etc/systemd/resolved.conf.d", "/run/systemd/resolved.conf.d",
                                              "/usr/local/lib/systemd/resolved.conf.d",
                                              "/usr/lib/systemd/resolved.conf.d"};
enum { DROP_IN_FOLDERS = sizeof drop_in_folders / sizeof *drop_in_folders };

static int compare_names(const void *a, const void *b) { return strcmp(a, b); }

/* The names of all drop-ins but that of jidns, sorted: that is their order, whatever their folders. */
static size_t list_drop_ins(const char *root, char names[DROP_INS][DROP_IN_NAME]) {
  const char *ours = strrchr(host_paths[HOST_RESOLVED_DROP_IN], '/') + 1;
  size_t n = 0;
  for (size_t i = 0; i < DROP_IN_FOLDERS; i++) {
    char *joined = host_path_join(root, drop_in_folders[i]);
    DIR *folder = opendir(joined);
    for (struct dirent *e; folder && n < DROP_INS && (e = readdir(folder));) {
      size_t len = strlen(e->d_name);
      if (len < 6 || strcmp(e->d_name + len - 5, ".conf") != 0) continue;
      if (strcmp(e->d_name, ours) != 0) strcpy(names[n++], e->d_name);
    }
    if (folder) closedir(folder);
    free(joined);
  }
  qsort(names, n, sizeof *names, compare_names);
  return n;
}

static bool exists(const char *root, const char *path) {
  char *joined = host_path_join(root, path);
  struct stat s;
  bool there = lstat(joined, &s) == 0;
  free(joined);
  return there;
}

static void append_drop_in(const char *root, const char *name, FILE *out) {
  bool there = false;
  for (size_t i = 0; i < DROP_IN_FOLDERS && !there; i++) {
    char *path = NULL;
    must(asprintf(&path, "%s/%s", drop_in_folders[i], name) >= 0);
    there = exists(root, path);
    if (there) append_file(root, path, out);
    free(path);
  }
}

static char *read_resolved_conf(const char *root) {
  char(*names)[DROP_IN_NAME] = must_zalloc(DROP_INS * sizeof *names);
  char *text = NULL;
  size_t len, n = list_drop_ins(root, names);
  FILE *out = open_memstream(&text, &len);
  must(out);
  append_file(root,
              exists(root, "/etc/systemd/resolved.conf") ? "/etc/systemd/resolved.conf"
                                                         : "/usr/lib/systemd/resolved.conf",
              out);
  for (size_t i = 0; i < n; i++) {
    if (i == 0 || strcmp(names[i], names[i - 1]) != 0) append_drop_in(root, names[i], out);
  }
  must(fclose(out) == 0);
  free(names);
  return text;
}

/* Domains that are asked of one link: networkd's state has ROUTE_DOMAINS=, resolved's own DOMAINS= with ~
 * before each. "~." is everything, and no domain of a link's own. */
static char *read_link_domains(const char *root) {
  char *text = read_settings(root, "/run/systemd/netif/state", "/run/systemd/netif/links"), *found = NULL;
  char *more = read_settings(root, "/run/systemd/resolve/state", "/run/systemd/resolve/netif");
  size_t len;
  FILE *out = open_memstream(&found, &len);
  must(out);

  char *texts[] = {text, more};
  for (size_t i = 0; i < 2; i++) {
    for (char *rest = texts[i], *line; (line = strsep(&rest, "\n"));) {
      bool routes = strncmp(line, "ROUTE_DOMAINS=", 14) == 0;
      if (!routes && strncmp(line, "DOMAINS=", 8) != 0) continue;
      for (char *words = strchr(line, '=') + 1, *word; (word = strsep(&words, " \t"));) {
        const char *domain = *word == '~' ? word + 1 : routes ? word : "";
        if (*domain && strcmp(domain, ".") != 0) fprintf(out, "%s%s", ftell(out) > 0 ? " " : "", domain);
      }
    }
  }

  must(fclose(out) == 0);
  free(text);
  free(more);
  return found;
}

/* ---- programs ---- */

/* As /proc/PID/comm has them, cut to 15 letters. */
static const char *const comms[HOST_PROGRAMS] = {
    [HOST_RUNS_RESOLVED] = "systemd-resolve", [HOST_RUNS_NETWORK_MANAGER] = "NetworkManager",
    [HOST_RUNS_DHCLIENT] = "dhclient",        [HOST_RUNS_DHCPCD] = "dhcpcd",
    [HOST_RUNS_UNBOUND] = "unbound",          [HOST_RUNS_DNSMASQ] = "dnsmasq"};

/* One of a container's has a network of its own. What can't be told counts as ours. */
static bool is_in_our_network(const char *pid) {
  char path[64], theirs[64], ours[64];
  snprintf(path, sizeof path, "/proc/%.20s/ns/net", pid);
  ssize_t n = readlink(path, theirs, sizeof theirs), m = readlink("/proc/self/ns/net", ours, sizeof ours);
  return n < 0 || m < 0 || (n == m && memcmp(theirs, ours, (size_t)n) == 0);
}

static void find_program(const char *root, const char *pid, bool runs[HOST_PROGRAMS]) {
  char path[64], comm[32] = "";
  snprintf(path, sizeof path, "/proc/%.20s/comm", pid);
  char *joined = host_path_join(root, path);
  FILE *file = fopen(joined, "re");
  free(joined);
  if (!file) return;
  if (fgets(comm, sizeof comm, file)) comm[strcspn(comm, "\n")] = 0;
  fclose(file);
  for (unsigned i = 0; i < HOST_PROGRAMS; i++) {
    if (strcmp(comm, comms[i]) == 0 && (*root || is_in_our_network(pid))) runs[i] = true;
  }
}

static void find_programs(const char *root, bool runs[HOST_PROGRAMS]) {
  char *joined = host_path_join(root, "/proc");
  DIR *folder = opendir(joined);
  for (struct dirent *e; folder && (e = readdir(folder));) {
    if (*e->d_name >= '1' && *e->d_name <= '9') find_program(root, e->d_name, runs);
  }
  if (folder) closedir(folder);
  free(joined);
}

void host_facts_read(const char *root, struct host_facts *f) {
  *f = (struct host_facts){0};
  for (unsigned i = 0; i < HOST_PATHS; i++) host_file_read(root, host_paths[i], &f->files[i]);
  find_programs(root, f->runs);
  f->has_resolvconf = exists(root, "/etc/resolvconf/update.d/libc");
  f->has_openresolv = exists(root, "/lib/resolvconf/libc") || exists(root, "/usr/lib/resolvconf/libc") ||
                      exists(root, "/usr/libexec/resolvconf/libc");
  f->resolved_conf = read_resolved_conf(root);
  f->link_domains = read_link_domains(root);
  f->unbound_conf = read_settings(root, "/etc/unbound/unbound.conf", "/etc/unbound/unbound.conf.d");
  f->dnsmasq_conf = read_settings(root, "/etc/dnsmasq.conf", "/etc/dnsmasq.d");
}
