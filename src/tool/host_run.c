/* host_run.c: the three commands, step by step. Exports host_run. */
#include "tool/host_run.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/must.h"
#include "tool/domain.h"
#include "tool/host_facts.h"
#include "tool/host_probe.h"
#include "tool/host_show.h"
#include "tool/host_store.h"
#include "tool/host_text.h"

enum {
  POLL_MS = 50,
  COMMAND_MS = 60000, /* a restart of systemd-resolved is done in one second */
  FIRST_MS = 5000,    /* for the manager to write resolv.conf anew */
  REREAD_MS = 1000,   /* jidnsd reads a new resolv.conf within a second */
  TRIES = 3
};

/* Everything that a command looks at. */
struct host_work {
  struct cli *cli;
  const char *root;
  struct host_facts facts;
  struct host_plan plan;
  struct host_store store;
  struct host_probe probe;
};

static void wait_ms(unsigned ms) {
  struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
  nanosleep(&t, NULL);
}

__attribute__((format(printf, 1, 2))) static int refuse(const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  fputs("jidns host: ", stderr);
  vfprintf(stderr, fmt, args);
  fputc('\n', stderr);
  va_end(args);
  return CLI_NOT_FOUND;
}

static void open_host(struct host_work *h, struct cli *c) {
  *h = (struct host_work){.cli = c,
                          .root = c->host.root && strcmp(c->host.root, "/") != 0 ? c->host.root : ""};
  host_facts_read(h->root, &h->facts);
  host_plan_make(&h->facts, &h->plan);
  host_store_read(h->root, &h->store);
}

static void look_again(struct host_work *h) {
  host_facts_free(&h->facts);
  host_facts_read(h->root, &h->facts);
}

static void close_host(struct host_work *h) {
  host_plan_free(&h->plan);
  host_facts_free(&h->facts);
}

/* ---- the manager's command ---- */

/* What it says goes to out. */
static void execute(char *command, int out) {
  char *argv[8], *rest = command;
  unsigned n = 0;
  sigset_t none;
  while (n < 7 && (argv[n] = strsep(&rest, " "))) n++;
  argv[n] = NULL;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
  dup2(out, STDOUT_FILENO);
  dup2(out, STDERR_FILENO);
  execvp(argv[0], argv);
  fprintf(stderr, "jidns host: %s: %s\n", argv[0], strerror(errno));
  _exit(127);
}

/* A file that takes what a command says: writing to it never fails because stderr's reader is gone. */
static int open_output(void) {
  int out = memfd_create("jidns-host", MFD_CLOEXEC);
  return out < 0 ? STDERR_FILENO : out;
}

static void show_output(int out) {
  if (out == STDERR_FILENO) return;
  char said[4096];
  ssize_t n;
  for (off_t at = 0; (n = pread(out, said, sizeof said, at)) > 0; at += n) fwrite(said, 1, (size_t)n, stderr);
  close(out);
}

/* False after a line on stderr. */
static bool run_command(const struct host_work *h) {
  if (!*h->store.command) return true;
  if (*h->root) {
    printf("Not run for %s: %s\n", h->root, h->store.command);
    return true;
  }

  char command[sizeof h->store.command];
  strcpy(command, h->store.command);
  int status = 0, out = open_output();
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) execute(command, out);
  pid_t ended = child < 0 ? child : 0;
  for (unsigned ms = 0; ended == 0 && ms < COMMAND_MS; ms += POLL_MS) {
    ended = waitpid(child, &status, WNOHANG);
    if (ended == 0) wait_ms(POLL_MS);
  }
  if (ended == 0) {
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
  }
  show_output(out);
  if (ended == child && WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
  refuse("\"%s\" %s", h->store.command, ended == 0 ? "took over a minute" : "failed");
  return false;
}

/* ---- enable ---- */

static int complain_of_jidnsd(const struct host_work *h) {
  if (!h->probe.runs)
    refuse(
        "jidnsd does not answer on %s: start it (systemctl start jidnsd), or name its socket with --control",
        h->cli->control);
  else
    refuse("jidnsd listens on %s, and programs ask " HOST_JIDNSD " port 53: have it listen there (listen = { "
           "\"" HOST_JIDNSD ":53\" } in its settings), then try again",
           h->probe.listen);
  return CLI_NO_ANSWER;
}

/* All that forbids it before anything is changed; CLI_FOUND: nothing does. */
static int check_enable(struct host_work *h) {
  if (h->store.state == HOST_STORE_BEGUN)
    return refuse("an earlier enable was cut off; jidns host disable undoes what it did, then try again");
  if (h->store.state == HOST_STORE_UNREAD)
    return refuse(HOST_STORE_FOLDER
                  "/journal can't be read; look at what is there, then rm -r " HOST_STORE_FOLDER);
  if (h->plan.refusal) return refuse("%s", h->plan.refusal);
  host_probe_jidnsd(h->cli, &h->probe);
  if (!h->probe.runs || !h->probe.is_there) return complain_of_jidnsd(h);
  return CLI_FOUND;
}

static bool is_wanted(const struct host_work *h) {
  char answer[16] = "";
  if (h->cli->host.yes) return true;
  if (!isatty(STDIN_FILENO)) {
    refuse("nothing was changed: standard input is no terminal to ask at; --yes makes the change");
    return false;
  }
  printf("Change this? [y/N] ");
  fflush(stdout);
  if (fgets(answer, sizeof answer, stdin) && (*answer == 'y' || *answer == 'Y')) return true;
  refuse("nothing was changed");
  return false;
}

static bool is_first(struct host_work *h) {
  const char *text = h->facts.files[HOST_RESOLV_CONF].text;
  char first[64];
  return text && host_text_server(text, 0, first, sizeof first) && strcmp(first, HOST_JIDNSD) == 0;
}

/* Does resolv.conf name jidnsd first, does jidnsd know whom to ask, is there no ring, is a question answered?
 */
static bool verify(struct host_work *h, const char *name) {
  char text[64];
  const char *said = "";
  bool good = false;

  look_again(h);
  for (unsigned ms = 0; !is_first(h) && ms < FIRST_MS && !*h->root; ms += POLL_MS) {
    wait_ms(POLL_MS);
    look_again(h);
  }
  if (!is_first(h) && !(*h->root && *h->store.command)) {
    refuse("resolv.conf does not name " HOST_JIDNSD " first after the change");
    return false;
  }

  wait_ms(REREAD_MS);
  host_probe_jidnsd(h->cli, &h->probe);
  if (host_find_rings(&h->facts, &h->probe.asks, stderr)) {
    refuse("that would be a ring");
    return false;
  }
  for (unsigned i = 0; i < TRIES && !good; i++) said = host_probe_ask(h->cli, HOST_JIDNSD, name, &good, text);
  if (!good) refuse("jidnsd at " HOST_JIDNSD " has no good answer for %s: %s", name, said);
  return good;
}

/* Why may that be? The servers of before are asked the same. */
static void say_whether_others_answer(struct host_work *h, const char *name) {
  const char *resolv = h->facts.files[HOST_RESOLV_CONF].text;
  char server[64], text[64];
  bool good;
  if (!resolv || !host_text_server(resolv, 0, server, sizeof server) || strcmp(server, HOST_JIDNSD) == 0)
    return;
  const char *said = host_probe_ask(h->cli, server, name, &good, text);
  if (good) refuse("%s answers it (%s): jidns upstreams shows whom jidnsd asks", server, said);
  else refuse("%s does not, either (%s): is the network up? --name NAME asks for another name", server, said);
}

/* Back to how it was. The journal stays while something is left to do. */
static bool restore(struct host_work *h) {
  bool undone = host_store_undo(&h->store, stderr), ran = run_command(h);
  look_again(h);
  if (!ran && is_first(h)) {
    refuse("resolv.conf still names " HOST_JIDNSD " first: look at why that failed, then jidns host disable");
    return false;
  }
  return undone && host_store_forget(&h->store, stderr);
}

static int take_back(struct host_work *h) {
  if (h->store.state == HOST_STORE_NONE) {
    host_store_forget(&h->store, stderr);
    refuse("nothing was changed");
  } else if (restore(h)) refuse("everything is as it was before");
  else refuse("not everything could be undone; jidns host disable tries again");
  return CLI_NOT_FOUND;
}

/* A change is not to stop midway: by Ctrl-C, or when nobody reads what jidns says (a pipe to head). */
static void hold_signals(void) {
  static const int signals[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGPIPE};
  sigset_t held;
  sigemptyset(&held);
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) sigaddset(&held, signals[i]);
  sigprocmask(SIG_BLOCK, &held, NULL);
}

/* The manager's command may fail for a reason of its own, such as another program's hook: when it is the
 * command that writes resolv.conf, what that says then decides. */
static bool put_into_force(const struct host_work *h) {
  bool writes = true;
  for (unsigned i = 0; i < h->plan.change_count; i++)
    writes &= strcmp(h->plan.changes[i].path, host_paths[HOST_RESOLV_CONF]) != 0;
  return run_command(h) || writes;
}

static int change_host(struct host_work *h) {
  hold_signals();
  char name_text[64];
  const char *name = host_probe_name(h->cli, name_text);
  bool changed = host_store_change(&h->store, &h->plan, stderr) && put_into_force(h);
  bool verified = changed && verify(h, name);
  if (!verified || !host_store_finish(&h->store, stderr)) {
    int status = take_back(h);
    if (changed && !verified) say_whether_others_answer(h, name);
    return status;
  }

  char *servers = host_show_servers(&h->facts);
  printf("Done: programs ask %s. A question to jidnsd was answered.\njidns host disable undoes it.\n",
         servers);
  free(servers);
  return CLI_FOUND;
}

static int run_enable(struct host_work *h) {
  if (h->store.state == HOST_STORE_FINAL && is_first(h)) {
    printf("It is enabled already; jidns host disable undoes it.\n");
    return CLI_FOUND;
  }
  if (h->store.state == HOST_STORE_FINAL)
    return refuse(
        "it is enabled, but somebody wrote resolv.conf anew; jidns host disable first, then enable");

  int status = check_enable(h);
  if (status != CLI_FOUND) return status;
  if (h->plan.is_first) {
    printf("jidnsd comes first in resolv.conf already: nothing to change.\n");
    host_show_plan(&h->facts, &h->plan, stdout);
    return CLI_FOUND;
  }

  printf("resolv.conf is written by %s. To put jidnsd first:\n", host_manager_name(h->plan.manager));
  host_show_plan(&h->facts, &h->plan, stdout);
  fflush(stdout);
  if (!host_store_try(&h->store, &h->plan, stderr) || !is_wanted(h) || !host_store_lock(&h->store, stderr))
    return CLI_NOT_FOUND;
  status = change_host(h);
  host_store_unlock(&h->store);
  return status;
}

/* ---- disable ---- */

static int run_disable(struct host_work *h) {
  if (h->store.state == HOST_STORE_UNREAD)
    return refuse(HOST_STORE_FOLDER
                  "/journal can't be read; the old files lie beside it: put them back by hand");
  if (h->store.state == HOST_STORE_NONE) {
    printf("Nothing to undo: jidns host enable has changed nothing here.\n");
    if (is_first(h)) printf("resolv.conf names " HOST_JIDNSD " first, by somebody else's hand.\n");
    return CLI_FOUND;
  }

  if (!host_store_lock(&h->store, stderr)) return CLI_NOT_FOUND;
  hold_signals();
  bool good = restore(h);
  host_store_unlock(&h->store);
  char *servers = host_show_servers(&h->facts);
  if (good) printf("Undone: programs ask %s.\n", servers);
  free(servers);
  return good ? CLI_FOUND : CLI_NOT_FOUND;
}

/* ---- all ---- */

static int run_status(struct host_work *h) {
  host_probe_jidnsd(h->cli, &h->probe);
  return host_show_status(&h->facts, &h->plan, &h->store, &h->probe, stdout) ? CLI_FOUND : CLI_NOT_FOUND;
}

static bool is_folder(const char *path) {
  struct stat s;
  return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

int host_run(struct cli *c) {
  static const struct {
    const char *word;
    int (*run)(struct host_work *h);
    bool changes;
  } commands[] = {
      {"status", run_status, false}, {"enable", run_enable, true}, {"disable", run_disable, true}};
  uint8_t name[NAME_MAX_LEN];
  size_t len, i = 0;

  if (c->words_count != 1)
    return cli_usage(c, "needs one of status, enable and disable; see jidns host --help");
  while (i < 3 && strcmp(c->words[0], commands[i].word) != 0) i++;
  if (i == 3) return cli_usage(c, "\"%s\": must be status, enable or disable", c->words[0]);
  if (c->host.root && !is_folder(c->host.root))
    return cli_usage(c, "--root %s: there is no such folder", c->host.root);
  if (c->host.name && domain_read_name(c->host.name, name, &len))
    return cli_usage(c, "--name %s: must be a domain name, as in example.org", c->host.name);
  if (commands[i].changes && geteuid() != 0)
    return refuse("%s changes files in /etc, so only root can: sudo jidns host %s", c->words[0], c->words[0]);

  struct host_work h;
  umask(022);
  open_host(&h, c);
  int status = commands[i].run(&h);
  close_host(&h);
  return status;
}
