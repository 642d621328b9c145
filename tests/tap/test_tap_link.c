/* test_tap_link.c: a collector that is there, is not, goes away, or does nothing. */
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "tap/tap_link.h"

static char folder[] = "/tmp/jidns-tap-XXXXXX", path[64];
static struct tap_link link_made;

static void set_up(void) {
  cr_redirect_stderr();
  cr_assert(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/tap", folder);
  tap_link_init(&link_made, path);
}

static void tear_down(void) {
  tap_link_close(&link_made);
  if (unlink(path) != 0) rmdir(path);
  rmdir(folder);
}

static int listen_as(int type) {
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, type, 0);
  strcpy(at.sun_path, path);
  cr_assert(bind(fd, (struct sockaddr *)&at, sizeof at) == 0);
  if (type == SOCK_STREAM) cr_assert(listen(fd, 5) == 0);
  return fd;
}

static const char *said(void) {
  static char text[8000];
  fflush(stderr);
  text[fread(text, 1, sizeof text - 1, cr_get_redirected_stderr())] = 0;
  return text;
}

static bool write_text(const char *text) {
  struct iovec iov = {(void *)(uintptr_t)text, strlen(text)};
  return tap_link_write(&link_made, &iov, 1);
}

static void expect_no_collector(const char *why) {
  char line[300];
  cr_expect(!tap_link_open(&link_made) && !tap_link_open(&link_made));
  snprintf(line, sizeof line,
           "warn tap: no dnstap collector at %s: %s; its messages are dropped until there is one\n", path,
           why);
  cr_expect_str_eq(said(), line);
}

TestSuite(tap_link, .init = set_up, .fini = tear_down);

Test(tap_link, says_once_that_there_is_no_socket) { expect_no_collector("there is no such socket"); }

Test(tap_link, says_that_nobody_listens) {
  close(listen_as(SOCK_STREAM));
  expect_no_collector("nobody listens there");
}

Test(tap_link, says_that_its_path_is_a_folder) {
  cr_assert(mkdir(path, 0700) == 0);
  expect_no_collector("that is a directory");
}

Test(tap_link, says_that_its_path_is_a_file) {
  close(open(path, O_CREAT | O_WRONLY, 0600));
  expect_no_collector("that is not a socket");
}

Test(tap_link, says_that_the_socket_is_of_another_kind) {
  int fd = listen_as(SOCK_DGRAM);
  expect_no_collector("it is a socket for datagrams, and has to be one for streams");
  close(fd);
}

Test(tap_link, is_connected_when_the_handshake_is_over) {
  int fd = listen_as(SOCK_STREAM), peer = -1;
  char got[20];
  cr_assert(tap_link_open(&link_made));
  cr_assert((peer = accept(fd, NULL, NULL)) >= 0);
  cr_expect(write_text("ready") && !link_made.is_connected);
  cr_expect(write(peer, "accept", 6) == 6 && tap_link_read(&link_made, got, 6) &&
            memcmp(got, "accept", 6) == 0);
  cr_expect(write_text("start") && link_made.is_connected);
  cr_expect(recv(peer, got, 10, MSG_WAITALL) == 10 && memcmp(got, "readystart", 10) == 0);
  close(peer);
  cr_expect(!write_text("more") && !link_made.is_connected);
  cr_expect(strstr(said(), "is connected\nwarn tap: no dnstap collector at /tmp/jidns-tap-"));
  close(fd);
}

Test(tap_link, writes_all_of_many_pieces_in_order) {
  enum { PIECES = 1000, EACH = 700 };
  static uint8_t octets[PIECES * EACH], got[PIECES * EACH];
  struct iovec iov[PIECES];
  int fd = listen_as(SOCK_STREAM), peer = -1;
  size_t n = 0;
  for (size_t i = 0; i < sizeof octets; i++) octets[i] = (uint8_t)(i * 31 >> 3);
  for (unsigned i = 0; i < PIECES; i++) iov[i] = (struct iovec){octets + i * EACH, EACH};
  cr_assert(tap_link_open(&link_made) && (peer = accept(fd, NULL, NULL)) >= 0);

  pid_t reader = fork(); /* the other side of a pipe through this one's memory: it says if all is right */
  if (reader == 0) {
    for (ssize_t k; n < sizeof got && (k = read(peer, got + n, sizeof got - n)) > 0;) n += (size_t)k;
    _exit(n == sizeof got && memcmp(got, octets, n) == 0 ? 0 : 1);
  }
  cr_expect(tap_link_write(&link_made, iov, PIECES));
  int status;
  cr_assert(waitpid(reader, &status, 0) == reader);
  cr_expect_eq(status, 0);
  close(peer);
  close(fd);
}

Test(tap_link, leaves_a_collector_that_takes_nothing_when_it_is_to_end) {
  static char much[1 << 20];
  int fd = listen_as(SOCK_STREAM);
  memset(much, 'x', sizeof much - 1);
  cr_assert(tap_link_open(&link_made));
  tap_link_stop(&link_made, 200);
  uint64_t since_ms = clock_ms();
  cr_expect(!write_text(much));
  cr_expect(clock_ms() - since_ms < 1500);
  cr_expect_str_eq(said(), ""); /* that is nobody's fault */
  close(fd);
}

Test(tap_link, does_not_wait_for_room_among_connections) {
  int fd = listen_as(SOCK_STREAM);
  struct tap_link more[20];
  bool good = true;
  for (unsigned i = 0; i < 20; i++) {
    tap_link_init(&more[i], path);
    good = tap_link_open(&more[i]) && good;
  }
  cr_expect(!good && strstr(said(), "it takes no further connections"));
  for (unsigned i = 0; i < 20; i++) tap_link_close(&more[i]);
  close(fd);
}

Test(tap_link, says_little_of_a_collector_that_comes_and_goes) {
  int fd = listen_as(SOCK_STREAM);
  for (unsigned i = 0; i < 100; i++) {
    cr_assert(tap_link_open(&link_made));
    int peer = accept(fd, NULL, NULL);
    cr_expect(write_text("ready") && write_text("start"));
    close(peer);
    cr_expect(!write_text("x"));
  }
  unsigned lines = 0;
  for (const char *p = said(); (p = strchr(p, '\n')); p++) lines++;
  cr_expect_leq(lines, 7);
  close(fd);
}
