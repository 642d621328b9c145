/* runner.c: runs Criterion's tests where Criterion itself is not, or cannot: on machines it was not brought
 * to, under an emulator. Stands in for its library: test programs are compiled with its headers and linked
 * with this file alone. Each test is a process of its own; takes `--filter SUITE/NAME` with stars, and says
 * what it ran as Criterion does. RUNNER_PATIENCE=N gives each test N times the time that it has otherwise. */
#include <criterion/criterion.h>
#include <criterion/logging.h>
#include <criterion/redirect.h>
#include <fnmatch.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The linker's names for the ends of the sections that Test() and TestSuite() fill. */
extern struct criterion_test *__start_cr_tst[], *__stop_cr_tst[];
extern struct criterion_suite *__start_cr_sts[] __attribute__((weak)), *__stop_cr_sts[] __attribute__((weak));

enum verdict { PASSED, FAILED, CRASHED, SKIPPED, VERDICTS };

/* What a test's process tells the runner, in memory that both have. */
struct told {
  bool failed;
  bool skipped;
};

struct criterion_options criterion_options;

static struct told *told;
static FILE *report; /* where stdout went before a test caught it */
static const struct criterion_test *current;
static const struct criterion_test_extra_data *current_suite;
static jmp_buf out_of_test;
static bool within_test;

/* ---- what Test() calls ---- */

void criterion_internal_test_setup(void) {
  if (current_suite && current_suite->init) current_suite->init();
  if (current->data->init) current->data->init();
}

void criterion_internal_test_main(void (*fn)(void)) {
  within_test = true;
  if (setjmp(out_of_test) == 0) fn();
  within_test = false;
}

void criterion_internal_test_teardown(void) {
  if (current->data->fini) current->data->fini();
  if (current_suite && current_suite->fini) current_suite->fini();
}

/* ---- what a test calls ---- */

void criterion_abort_test(void) {
  if (within_test) longjmp(out_of_test, 1);
  exit(1);
}

void criterion_continue_test(void) {}

void criterion_skip_test(const char *format, ...) {
  va_list ap;
  va_start(ap, format);
  fprintf(report, "[SKIP] %s::%s: ", current->category, current->name);
  vfprintf(report, format, ap);
  fputs("\n", report);
  va_end(ap);
  told->skipped = true;
  criterion_abort_test();
}

void criterion_send_assert(struct criterion_assert_stats *a) {
  if (a->passed) return;
  told->failed = true;
  fprintf(report, "[----] %s:%u: Assertion Failed\n[----]   %s\n", a->file, a->line,
          a->message ? a->message : "");
}

void cri_asserts_passed_incr(void) {}

/* What was expected, in the words of the test; for strings, then, what they were. */
char *cr_translate_assert_msg(int kind, ...) {
  va_list ap;
  char *text = NULL;
  va_start(ap, kind);
  const char *expected = va_arg(ap, const char *);
  if (kind == CRITERION_ASSERT_MSG_EXPR_AS_STRINGS_FALSE) {
    const char *actual = va_arg(ap, const char *), *wanted = va_arg(ap, const char *);
    cr_asprintf(&text, "%s: \"%s\", \"%s\"", expected, actual ? actual : "(null)",
                wanted ? wanted : "(null)");
  } else {
    cr_asprintf(&text, "%s (%d)", expected, kind);
  }
  va_end(ap);
  return text;
}

int cr_vasprintf(char **text, const char *format, va_list ap) {
  int len = vasprintf(text, format, ap);
  if (len < 0) *text = NULL;
  return len;
}

int cr_asprintf(char **text, const char *format, ...) {
  va_list ap;
  va_start(ap, format);
  int len = cr_vasprintf(text, format, ap);
  va_end(ap);
  return len;
}

void cr_asprintf_free(char *text) { free(text); }

void cr_log(enum criterion_severity severity, const char *format, ...) {
  va_list ap;
  (void)severity;
  va_start(ap, format);
  vfprintf(report, format, ap);
  va_end(ap);
}

/* ---- what a test writes, caught in a file in memory ---- */

static FILE *caught[3];

static void catch (int fd, FILE *stream) {
  char path[32];
  int file = memfd_create("caught", 0);
  fflush(stream);
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  if (file < 0 || dup2(file, fd) < 0 || close(file) != 0 || !(caught[fd] = fopen(path, "r"))) {
    perror("runner: cannot catch what the test writes");
    exit(1);
  }
}

static FILE *read_caught(int fd, FILE *stream) {
  fflush(stream);
  if (!caught[fd]) {
    fprintf(report, "[----] asked for what was written before it was caught\n");
    exit(1);
  }
  clearerr(caught[fd]);
  return caught[fd];
}

/* Not 0: what is left to read is this text, no more, no less. */
static int match_caught(FILE *f, const char *text) {
  int c;
  while ((c = getc(f)) != EOF)
    if (c != (unsigned char)*text++) return 0;
  return *text == 0;
}

void cr_redirect_stdout(void) { catch (STDOUT_FILENO, stdout); }
void cr_redirect_stderr(void) { catch (STDERR_FILENO, stderr); }
FILE *cr_get_redirected_stdout(void) { return read_caught(STDOUT_FILENO, stdout); }
FILE *cr_get_redirected_stderr(void) { return read_caught(STDERR_FILENO, stderr); }
int cr_stdout_match_str(const char *text) { return match_caught(cr_get_redirected_stdout(), text); }
int cr_stderr_match_str(const char *text) { return match_caught(cr_get_redirected_stderr(), text); }

/* ---- the runner ---- */

static const struct criterion_test_extra_data *suite_of(const struct criterion_test *t) {
  for (struct criterion_suite **s = __start_cr_sts; s < __stop_cr_sts; s++)
    if (strcmp((*s)->name, t->category) == 0) return (*s)->data;
  return NULL;
}

/* Seconds that the test has; 0: as long as it takes. */
static double patience(void) {
  const char *times = getenv("RUNNER_PATIENCE");
  double own = current->data->timeout;
  if (own <= 0 && current_suite) own = current_suite->timeout;
  return own * (times && atoi(times) > 0 ? atoi(times) : 1);
}

/* False when it had to be ended: its time was over. */
static bool wait_for(pid_t child, double seconds, int *status) {
  struct timespec nap = {.tv_nsec = 10000000};
  if (seconds <= 0) return waitpid(child, status, 0) == child;
  for (double slept = 0; slept < seconds; slept += 0.01) {
    if (waitpid(child, status, WNOHANG) == child) return true;
    nanosleep(&nap, NULL);
  }
  kill(child, SIGKILL);
  waitpid(child, status, 0);
  return false;
}

static enum verdict judged(int status) {
  if (told->skipped) return SKIPPED;
  if (told->failed) return FAILED;
  int ended = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  if (ended != current->data->signal) {
    printf("[----] ended by signal %d, not %d\n", ended, current->data->signal);
    return ended ? CRASHED : FAILED;
  }
  if (!ended && WEXITSTATUS(status) != current->data->exit_code) {
    printf("[----] ended with status %d, not %d\n", WEXITSTATUS(status), current->data->exit_code);
    return FAILED;
  }
  return PASSED;
}

static enum verdict run(const struct criterion_test *t) {
  current = t;
  current_suite = suite_of(t);
  *told = (struct told){0};
  if (t->data->disabled || (current_suite && current_suite->disabled)) {
    printf("[SKIP] %s::%s: disabled\n", t->category, t->name);
    return SKIPPED;
  }

  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    t->test();
    exit(0);
  }

  int status = 0;
  if (child < 0 || !wait_for(child, patience(), &status)) {
    printf("[----] %s\n", child < 0 ? "cannot fork" : "its time was over");
    return CRASHED;
  }

  return judged(status);
}

int main(int argc, char **argv) {
  static const char *const words[VERDICTS] = {"PASS", "FAIL", "FAIL", "SKIP"};
  const char *filter = argc == 3 && strcmp(argv[1], "--filter") == 0 ? argv[2] : "*";
  unsigned count[VERDICTS] = {0};
  told = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (told == MAP_FAILED || !(report = fdopen(dup(STDOUT_FILENO), "w")) || (argc != 1 && argc != 3)) {
    fprintf(stderr, "usage: %s [--filter SUITE/NAME]\n", argv[0]);
    return 2;
  }

  setvbuf(report, NULL, _IOLBF, 0);
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (struct criterion_test **t = __start_cr_tst; t < __stop_cr_tst; t++) {
    char name[300];
    snprintf(name, sizeof name, "%s/%s", (*t)->category, (*t)->name);
    if (fnmatch(filter, name, 0) != 0) continue;
    enum verdict v = run(*t);
    count[v]++;
    if (v == FAILED || v == CRASHED) printf("[%s] %s::%s\n", words[v], (*t)->category, (*t)->name);
  }

  printf("[====] Synthesis: Tested: %u | Passing: %u | Failing: %u | Crashing: %u\n",
         count[PASSED] + count[FAILED] + count[CRASHED], count[PASSED], count[FAILED], count[CRASHED]);
  return count[FAILED] + count[CRASHED] > 0;
}
