/* bug_report.c: versions, settings without secrets, state and counters, in one text. Exports bug_report_run.
 */
#include "tool/bug_report.h"

#include <dlfcn.h>
#include <gnu/libc-version.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "config.h"
#include "tool/ctl.h"
#include "tool/ctl_show.h"
#include "tool/hide.h"
#include "tool/nameserver.h"
#include "tool/show.h"

enum { PATH_ROOM = 4096 };

static void heading(FILE *out, const char *text) { fprintf(out, "\n== %s\n", text); }

/* ---- versions ---- */

/* The name under which the library lies there says its version: libuv.so.1.0.0. */
static void put_library(FILE *out, const char *path) {
  char *real = realpath(path, NULL);
  const char *name = real ? real : path, *slash = strrchr(name, '/');
  fprintf(out, " %s", slash ? slash + 1 : name);
  free(real);
}

static int put_own_library(struct dl_phdr_info *info, size_t size, void *out) {
  (void)size;
  if (*info->dlpi_name == '/') put_library(out, info->dlpi_name);
  return 0;
}

/* Its file's name does not say its version. */
static void put_openssl(FILE *out, void *symbol) {
  const char *(*version)(int) = NULL;
  memcpy(&version, &symbol, sizeof version);
  fprintf(out, "%s\n", version(0));
}

/* Those of jidns, and those that it or jidnsd would load. */
static void put_own_libraries(FILE *out) {
  static const struct {
    const char *soname, *use;
  } loaded[] = {
#define LOADED(soname, use, package) {soname, use},
#include "base/libraries.def"
#undef LOADED
      {NULL, NULL}};
  bool has_openssl = false; /* two of them are its */
  for (unsigned i = 0; loaded[i].soname; i++) {
    void *library = dlopen(loaded[i].soname, RTLD_LAZY | RTLD_LOCAL), *version;
    if (!library) fprintf(out, "not installed: %s, for %s\n", loaded[i].soname, loaded[i].use);
    else if (!has_openssl && (version = dlsym(library, "OpenSSL_version"))) {
      put_openssl(out, version);
      has_openssl = true;
    }
  }
  fprintf(out, "libraries: glibc %s;", gnu_get_libc_version());
  dl_iterate_phdr(put_own_library, out);
  fputc('\n', out);
}

/* Of the daemon, as far as we may look: each file is mapped several times, one after the other. */
static void put_libraries_of(FILE *out, unsigned long pid) {
  char name[40], last[PATH_ROOM] = "", line[PATH_ROOM + 100];
  snprintf(name, sizeof name, "/proc/%lu/maps", pid);
  FILE *maps = fopen(name, "re");
  bool any = false;
  while (maps && fgets(line, sizeof line, maps)) {
    char *path = strchr(line, '/');
    if (!path || !strstr(path, ".so")) continue;
    path[strcspn(path, "\n")] = 0;
    if (strcmp(path, last) == 0) continue;
    snprintf(last, sizeof last, "%s", path);
    fputs(any ? "" : "jidnsd's libraries:", out);
    put_library(out, path);
    any = true;
  }

  if (maps) fclose(maps);
  fputs(any ? "\n" : "jidnsd's libraries: only root and jidnsd's user can see them\n", out);
}

/* Lines of the file that begin so, without that. */
static void put_lines_of(FILE *out, const char *path, const char *beginning, const char *label) {
  char line[300];
  FILE *in = fopen(path, "re");
  while (in && fgets(line, sizeof line, in)) {
    size_t len = strlen(beginning);
    if (strncmp(line, beginning, len) == 0)
      fprintf(out, "%s%.*s\n", label, (int)strcspn(line + len, "\n"), line + len);
  }
  if (in) fclose(in);
}

static void put_versions(FILE *out) {
  struct utsname u;
  char now[40];
  time_t t = time(NULL);
  strftime(now, sizeof now, "%Y-%m-%d %H:%M:%S UTC", gmtime(&t));
  fprintf(out, "jidns report, %s\n", now);
  heading(out, "versions");
  fprintf(out, "jidns: " PACKAGE_VERSION "\n");
  if (uname(&u) == 0) fprintf(out, "kernel: %s %s %s\n", u.sysname, u.release, u.machine);
  put_lines_of(out, "/etc/os-release", "PRETTY_NAME=", "system: ");
  put_own_libraries(out);
}

/* ---- the daemon ---- */

/* What it says to one request, which begins with the command; false when it does not, and why is on out. */
static bool put_answer(FILE *out, const struct cli *c, const char *command, const char *request,
                       unsigned long *pid) {
  struct cli as = *c;
  struct ctl t;
  as.command = command;
  if (!ctl_open_to(&t, &as, out)) return false;

  enum ctl_heard heard = ctl_send(&t, request) ? ctl_hear(&t) : CTL_LOST;
  const char *says = heard == CTL_DONE && pid ? strstr(t.line, "\"pid\":") : NULL;
  if (says) *pid = strtoul(says + 6, NULL, 10);
  if (heard == CTL_DONE && show_has_json()) ctl_show(&as, t.line, out);
  else if (heard != CTL_LOST) fprintf(out, "%s\n", t.line);
  ctl_close(&t);
  return heard == CTL_DONE;
}

/* What a program prints; the command is one of ours. */
static void put_output(FILE *out, const char *command) {
  char piece[1000];
  fflush(out);
  FILE *in = popen(command, "re"); /* NOLINT(cert-env33-c) */
  for (size_t n; in && (n = fread(piece, 1, sizeof piece, in)) > 0;) fwrite(piece, 1, n, out);
  if (!in || pclose(in) == -1) fputs("no shell to run it\n", out);
}

static void put_stopped(FILE *out) {
  heading(out, "settings that jidnsd would have if you started it now");
  fputs("(options of a unit or a container are not among them)\n", out);
  put_output(out, "PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin jidnsd --print-config 2>&1");
}

static void put_running(FILE *out, const struct cli *c, unsigned long pid) {
  static const struct {
    const char *command, *request;
  } asked[] = {
      {"upstreams", "upstreams"}, {"settings", "settings"}, {"fault", "fault list"}, {"stats", "stats"}};
  if (pid) put_libraries_of(out, pid);
  for (unsigned i = 0; i < sizeof asked / sizeof *asked; i++) {
    heading(out, asked[i].request);
    put_answer(out, c, asked[i].command, asked[i].request, NULL);
  }
}

static void put_service(FILE *out) {
  heading(out, "service");
  if (access("/run/systemd/system", F_OK) != 0) fputs("systemd does not run here\n", out);
  else
    put_output(
        out,
        "systemctl --no-pager show jidnsd.service -p LoadState,UnitFileState,ActiveState,SubState,Result,"
        "NRestarts,ExecMainStatus,ActiveEnterTimestamp 2>&1");
  put_lines_of(out, NAMESERVER_FILE, "nameserver ", NAMESERVER_FILE ": nameserver ");
}

/* ---- all of it ---- */

static char *made(const struct cli *c) {
  char *text = NULL;
  size_t len;
  unsigned long pid = 0;
  FILE *out = open_memstream(&text, &len);
  if (!out) return NULL;

  put_versions(out);
  heading(out, "jidnsd");
  bool running = put_answer(out, c, "status", "status", &pid);
  if (running) put_running(out, c, pid);
  else put_stopped(out);
  put_service(out);

  if (fclose(out) == 0) return text;
  free(text);
  return NULL;
}

/* Takes text over. */
static char *without(char *(*hide)(const char *text), char *text) {
  char *hidden = text ? hide(text) : NULL;
  free(text);
  return hidden;
}

int bug_report_run(struct cli *c) {
  if (c->words_count) return cli_usage(c, "\"%s\": takes no words; see jidns report --help", c->words[0]);
  char *text = without(hide_secrets, made(c));
  if (c->hide_names) text = without(hide_names, text);
  if (!text) {
    fprintf(stderr, "jidns report: out of memory\n");
    return CLI_TROUBLE;
  }
  fputs(text, stdout);
  free(text);
  return CLI_FOUND;
}
