/* test_control.c: requests and answers on the control socket, from clients of every kind. */
#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kit/skip.h"
#include "ops/control_rig.h"

/* One request of a new client; all of its answer. */
static const char *ask(struct control_rig *r, const char *request) {
  int fd = control_connect(r);
  control_say(fd, request);
  shutdown(fd, SHUT_WR);
  const char *heard = control_hear(r, fd, UINT32_MAX);
  close(fd);
  return heard;
}

Test(control, answers_a_line_with_an_object) {
  struct control_rig *r = control_rig_new();
  cr_expect_str_eq(ask(r, "say one two\n"), "{\"ok\":true,\"words\":[\"one\",\"two\"]}\n");
  control_rig_free(r);
}

Test(control, splits_words_at_blanks_and_keeps_those_in_quotes) {
  struct control_rig *r = control_rig_new();
  cr_expect_str_eq(ask(r, "  say\t a\\046b \"two words\" \"\"\"x\"y  \n"),
                   "{\"ok\":true,\"words\":[\"a\\\\046b\",\"two words\",\"\",\"x\",\"y\"]}\n");
  cr_expect_str_eq(ask(r, "say \"half\n"), "{\"ok\":false,\"error\":\"a quotation mark is missing\"}\n");
  control_rig_free(r);
}

Test(control, takes_a_carriage_return_and_a_last_line_without_a_feed) {
  struct control_rig *r = control_rig_new();
  cr_expect_str_eq(ask(r, "say a\r\nsay b"),
                   "{\"ok\":true,\"words\":[\"a\"]}\n{\"ok\":true,\"words\":[\"b\"]}\n");
  control_rig_free(r);
}

Test(control, answers_requests_in_order_on_one_connection) {
  struct control_rig *r = control_rig_new();
  int fd = control_connect(r);
  control_say(fd, "say 1\nsay 2\nlong 2 1\nsay");
  cr_expect_str_eq(control_hear(r, fd, 5),
                   "{\"ok\":true,\"words\":[\"1\"]}\n{\"ok\":true,\"words\":[\"2\"]}\n{\"x\":\"x\"}\n"
                   "{\"x\":\"x\"}\n{\"ok\":true,\"lines\":2}\n");
  control_say(fd, " 3\n");
  cr_expect_str_eq(control_hear(r, fd, 1), "{\"ok\":true,\"words\":[\"3\"]}\n");
  cr_expect_not(control_is_closed(r, fd));
  close(fd);
  control_rig_free(r);
}

Test(control, puts_requests_together_octet_by_octet) {
  struct control_rig *r = control_rig_new();
  int fd = control_connect(r);
  for (const char *p = "say slowly\n"; *p; p++) {
    control_say(fd, (char[]){*p, 0});
    control_rig_turns(r, 1);
  }
  cr_expect_str_eq(control_hear(r, fd, 1), "{\"ok\":true,\"words\":[\"slowly\"]}\n");
  close(fd);
  control_rig_free(r);
}

Test(control, says_why_a_command_failed_and_nothing_else) {
  struct control_rig *r = control_rig_new();
  cr_expect_str_eq(ask(r, "fail x\n"), "{\"ok\":false,\"error\":\"no \\\"2\\\"\"}\n");
  control_rig_free(r);
}

Test(control, lists_its_commands) {
  struct control_rig *r = control_rig_new();
  cr_expect_str_eq(
      ask(r, "help\n"),
      "{\"ok\":true,\"commands\":[{\"name\":\"say\",\"words\":\"WORD...\",\"help\":\"Says it.\"},"
      "{\"name\":\"fail\",\"words\":\"\",\"help\":\"Fails.\"},"
      "{\"name\":\"long\",\"words\":\"N OCTETS\",\"help\":\"Sends lines.\"}]}\n");
  control_rig_free(r);
}

Test(control, names_what_is_wrong_with_garbage_and_goes_on) {
  struct control_rig *r = control_rig_new();
  int fd = control_connect(r);

  static const struct {
    const char *request, *answer;
  } wrong[] = {
      {"\n", "{\"ok\":false,\"error\":\"an empty request; help lists the commands\"}\n"},
      {"GET / HTTP/1.1\n", "{\"ok\":false,\"error\":\"GET: there is no such command; help lists them\"}\n"},
      {"\x80\xff say\n", "{\"ok\":false,\"error\":\"should be printable ASCII\"}\n"},
      {"say \x1b[2J\n", "{\"ok\":false,\"error\":\"should be printable ASCII\"}\n"},
      {"say 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n", "{\"ok\":false,\"error\":\"too many words\"}\n"},
  };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    control_say(fd, wrong[i].request);
    cr_expect_str_eq(control_hear(r, fd, 1), wrong[i].answer);
  }

  cr_assert_eq(send(fd, "say \0x\n", 7, 0), 7);
  cr_expect_str_eq(control_hear(r, fd, 1), "{\"ok\":false,\"error\":\"should be printable ASCII\"}\n");
  control_say(fd, "say still here\n");
  cr_expect_str_eq(control_hear(r, fd, 1), "{\"ok\":true,\"words\":[\"still\",\"here\"]}\n");
  close(fd);
  control_rig_free(r);
}

Test(control, takes_a_line_as_long_as_may_be_and_hangs_up_after_a_longer_one) {
  struct control_rig *r = control_rig_new();
  char line[CONTROL_LINE + 2];

  memset(line, 'x', sizeof line);
  memcpy(line, "say ", 4);
  line[CONTROL_LINE - 1] = '\n';
  line[CONTROL_LINE] = 0;
  const char *heard = ask(r, line);
  cr_expect_eq(strlen(heard), strlen("{\"ok\":true,\"words\":[\"\"]}\n") + CONTROL_LINE - 5);
  line[CONTROL_LINE - 1] = 'x';
  int fd = control_connect(r);
  control_say(fd, line);
  cr_expect_str_eq(control_hear(r, fd, UINT32_MAX), "{\"ok\":false,\"error\":\"too long a request\"}\n");
  cr_expect(control_is_closed(r, fd));
  close(fd);
  control_rig_free(r);
}

Test(control, makes_a_long_answer_only_as_fast_as_it_is_read) {
  struct control_rig *r = control_rig_new();
  enum { LINES = 200, OCTETS = 4000 };
  int fd = control_connect(r), size = 4096;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  control_say(fd, "long 200 4000\n");
  control_rig_turns(r, 20);
  cr_expect_eq(r->streams, 1, "all was made though nobody reads");
  const char *heard = control_hear(r, fd, LINES + 1);
  cr_expect_eq(strlen(heard),
               LINES * (OCTETS + strlen("{\"x\":\"\"}\n")) + strlen("{\"ok\":true,\"lines\":200}\n"));
  cr_expect_str_eq(strrchr(heard, '{'), "{\"ok\":true,\"lines\":200}\n");
  cr_expect_eq(r->streams, 0);
  close(fd);
  control_rig_free(r);
}

Test(control, drops_an_answer_whose_client_has_gone) {
  struct control_rig *r = control_rig_new();
  for (int i = 0; i < 20; i++) {
    int fd = control_connect(r);
    control_say(fd, i % 2 ? "long 1000 4000\nsay x\n" : "say");
    control_rig_turns(r, (unsigned)i % 3);
    close(fd);
  }
  control_rig_turns(r, 10);
  cr_expect_eq(r->streams, 0);
  cr_expect_str_eq(ask(r, "say x\n"), "{\"ok\":true,\"words\":[\"x\"]}\n");
  control_rig_free(r);
}

Test(control, hangs_up_on_one_who_reads_nothing_for_ten_seconds) {
  struct control_rig *r = control_rig_new();
  int fd = control_connect(r);
  control_say(fd, "long 1000 4000\n");
  control_rig_turns(r, 5);
  skip_ms(CONTROL_STUCK_MS - 1000);
  control_rig_turns(r, 5);
  cr_expect_eq(r->streams, 1);
  skip_ms(2000);
  cr_expect(control_is_closed(r, fd));
  cr_expect_eq(r->streams, 0);
  close(fd);
  control_rig_free(r);
}

Test(control, hangs_up_after_a_minute_without_a_whole_request) {
  struct control_rig *r = control_rig_new();
  int idle = control_connect(r), slow = control_connect(r), used = control_connect(r);

  for (int i = 0; i < 5; i++) {
    control_say(slow, "x");
    control_say(used, "say\n");
    control_rig_turns(r, 5);
    skip_ms(CONTROL_IDLE_MS / 5 - 100);
  }

  cr_expect_not(control_is_closed(r, idle));
  skip_ms(2000);
  cr_expect(control_is_closed(r, idle));
  cr_expect(control_is_closed(r, slow));
  cr_expect_not(control_is_closed(r, used));
  close(idle);
  close(slow);
  close(used);
  control_rig_free(r);
}

Test(control, lets_the_idlest_go_for_a_thousand_more) {
  struct control_rig *r = control_rig_new();
  enum { MANY = 1000 };
  static int fds[MANY];
  unsigned open = 0;
  int busy = control_connect(r);
  control_say(busy, "long 100 4000\n");
  control_rig_turns(r, 3);
  for (int i = 0; i < MANY; i++) fds[i] = control_connect(r);
  control_rig_turns(r, 100);
  for (int i = 0; i < MANY; i++) open += !recv(fds[i], &(char){0}, 1, 0) ? 0u : 1u;
  cr_expect_eq(open, CONTROL_CONNECTIONS - 1);
  control_say(fds[MANY - 1], "say last\n");
  cr_expect_str_eq(control_hear(r, fds[MANY - 1], 1), "{\"ok\":true,\"words\":[\"last\"]}\n");
  const char *heard = control_hear(r, busy, 101);
  cr_expect_str_eq(strrchr(heard, '{'), "{\"ok\":true,\"lines\":100}\n");
  for (int i = 0; i < MANY; i++) close(fds[i]);
  close(busy);
  control_rig_free(r);
}

Test(control, turns_one_away_when_all_are_busy) {
  struct control_rig *r = control_rig_new();
  int fds[CONTROL_CONNECTIONS];

  for (int i = 0; i < CONTROL_CONNECTIONS; i++) {
    fds[i] = control_connect(r);
    control_say(fds[i], "long 1000 4000\n");
    control_rig_turns(r, 2);
  }

  int more = control_connect(r);
  cr_expect_str_eq(control_hear(r, more, UINT32_MAX), "{\"ok\":false,\"error\":\"too many connections\"}\n");
  close(more);
  close(fds[0]);
  control_rig_turns(r, 5);
  cr_expect_str_eq(ask(r, "say\n"), "{\"ok\":true,\"words\":[]}\n");
  for (int i = 1; i < CONTROL_CONNECTIONS; i++) close(fds[i]);
  control_rig_free(r);
}

Test(control, closes_whatever_its_clients_are_doing) {
  struct control_rig *r = control_rig_new();
  int idle = control_connect(r), half = control_connect(r), busy = control_connect(r);
  control_say(half, "say");
  control_say(busy, "long 1000 4000\nsay x\n");
  control_rig_turns(r, 5);
  cr_expect_eq(r->streams, 1);
  control_rig_free(r);
  close(idle);
  close(half);
  close(busy);
}
