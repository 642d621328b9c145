/* screen.c: shows text in place on a terminal. Exports screen_*. */
#include "tool/screen.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define ENTER "\033[?1049h\033[?25l" /* the other screen, no cursor */
#define LEAVE "\033[?25h\033[?1049l"
#define HOME "\033[H"
#define PLAIN "\033[0m"
#define REST_OF_LINE "\033[K"
#define REST_OF_SCREEN "\033[J"

static void watched(sigset_t *set) {
  static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGWINCH};
  sigemptyset(set);
  for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++) sigaddset(set, numbers[i]);
}

bool screen_open(struct screen *s, bool live) {
  sigset_t set;
  *s = (struct screen){.live = live && isatty(STDOUT_FILENO), .signals = -1};
  watched(&set);
  s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (s->signals < 0) return false;
  sigprocmask(SIG_BLOCK, &set, NULL);
  s->keys = s->live && tcgetattr(STDIN_FILENO, &s->before) == 0;
  if (s->keys) {
    struct termios raw = s->before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO); /* Ctrl-C stays a signal */
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    raw.c_cc[VSUSP] = _POSIX_VDISABLE; /* one who is stopped could not give the terminal back */
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  }

  if (s->live) fputs(ENTER, stdout);
  return true;
}

void screen_close(struct screen *s) {
  if (s->live) {
    fputs(LEAVE, stdout);
    fflush(stdout);
  }
  if (s->keys) tcsetattr(STDIN_FILENO, TCSANOW, &s->before);
  close(s->signals);
}

/* What the terminal says, else what they were for most of a century. */
static void size_of(const struct screen *s, unsigned *lines, unsigned *columns) {
  struct winsize w;
  bool known = s->live && ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_row && w.ws_col;
  *lines = known ? w.ws_row : 24;
  *columns = known ? w.ws_col : 80;
}

/* Octets of a line that fill so many columns; what begins a colour takes none. */
static size_t cut_at(const char *line, size_t len, unsigned columns) {
  size_t at = 0;
  while (at < len) {
    if (line[at] == '\033') {
      while (at < len && line[at] != 'm') at++;
      at += at < len;
      continue;
    }
    if (columns-- == 0) break;
    at++;
  }
  return at;
}

static unsigned lines_of(const char *text) {
  unsigned n = 0;
  for (; *text; text++) n += *text == '\n';
  return n;
}

bool screen_show(const struct screen *s, const char *text) {
  unsigned lines, columns;
  if (!s->live) return fputs(text, stdout) >= 0 && fflush(stdout) == 0;
  size_of(s, &lines, &columns);
  fputs(HOME, stdout);
  unsigned i = 0, all = lines_of(text);
  for (; *text && i < lines; i++) {
    size_t len = strcspn(text, "\n");
    fputs(i ? "\r\n" REST_OF_LINE : REST_OF_LINE, stdout);
    if (all > lines && i + 1 == lines) printf(PLAIN "... %u more lines", all - i);
    else printf("%.*s", (int)cut_at(text, len, columns), text);
    text += len + (text[len] == '\n');
  }
  if (i < lines) fputs("\r\n" REST_OF_SCREEN, stdout); /* on the last line it would scroll */
  return fflush(stdout) == 0;
}

/* Takes the signals that have come; false when one of them ends it. */
static bool go_on_after_signals(const struct screen *s) {
  struct signalfd_siginfo info;
  while (read(s->signals, &info, sizeof info) == (ssize_t)sizeof info) {
    if (info.ssi_signo != SIGWINCH) return false;
  }
  return true;
}

bool screen_wait(struct screen *s, int ms) {
  struct pollfd fds[] = {{.fd = s->signals, .events = POLLIN},
                         {.fd = s->keys ? STDIN_FILENO : -1, .events = POLLIN}};
  if (poll(fds, 2, ms) <= 0) return true;
  if (fds[0].revents) return go_on_after_signals(s);
  char key;
  return read(STDIN_FILENO, &key, 1) == 1 && key != 'q' && key != 'Q' && key != 3;
}
