/* test_line_target.c: where the fleet's engine is, as operators write it. */
#include <criterion/criterion.h>
#include <string.h>

#include "share/line_target.h"
#include "share/policy.h"

static void expect_right(const char *text, enum line_way way, const char *name, unsigned port, unsigned db) {
  struct line_target t;
  const char *why;
  cr_assert(line_target_parse(text, &t, &why), "%s: %s", text, why);
  cr_expect(t.way == way && t.port == port && t.db == db, "%s: %d %u %u", text, t.way, t.port, t.db);
  cr_expect_str_eq(t.name, name);
}

Test(line_target, may_be_an_address_a_name_or_a_socket) {
  expect_right("redis://192.0.2.1:6380/3", LINE_TCP, "192.0.2.1", 6380, 3);
  expect_right("redis://192.0.2.1", LINE_TCP, "192.0.2.1", LINE_PORT, 0);
  expect_right("redis://[2001:db8::1]:1", LINE_TCP, "2001:db8::1", 1, 0);
  expect_right("redis://[2001:db8::1]/7", LINE_TCP, "2001:db8::1", LINE_PORT, 7);
  expect_right("rediss://redis.default.svc.cluster.local/", LINE_TLS, "redis.default.svc.cluster.local",
               LINE_PORT, 0);
  expect_right("unix:/run/redis/redis.sock", LINE_UNIX, "/run/redis/redis.sock", 0, 0);
}

Test(line_target, that_is_none_is_refused_with_what_is_wrong) {
  static const char *const wrong[][2] = {
      {"", "redis://HOST:PORT"},
      {"192.0.2.1", "redis://HOST:PORT"},
      {"http://192.0.2.1", "redis://HOST:PORT"},
      {"redis://", "host"},
      {"redis://:6379", "host"},
      {"redis://a b", "host"},
      {"redis://[::1", "host"},
      {"redis://[no]:1", "host"},
      {"redis://[::1]7000", "host"},
      {"redis://[::1]junk", "host"},
      {"redis://[::1]]:7000", "host"},
      {"redis://[::1]:", "port"},
      {"redis://a:0", "port"},
      {"redis://a:65536", "port"},
      {"redis://a:x", "port"},
      {"redis://2001:db8::1", "port"},
      {"redis://a/x", "database"},
      {"redis://a/65536", "database"},
      {"redis://user:word@a", "shared-password"},
      {"unix:run/redis", "/"},
      {"unix:", "/"},
  };
  for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    struct line_target t;
    const char *why = "";
    cr_expect_not(line_target_parse(wrong[i][0], &t, &why), "%s", wrong[i][0]);
    cr_expect(strstr(why, wrong[i][1]), "%s: %s", wrong[i][0], why);
  }
}

Test(line_target, is_shown_as_it_was_written) {
  static const char *const texts[] = {"redis://192.0.2.1:6380/3", "rediss://[2001:db8::1]:6379",
                                      "unix:/run/redis"};
  for (unsigned i = 0; i < 3; i++) {
    struct line_target t;
    const char *why;
    char text[LINE_TARGET_TEXT];
    cr_assert(line_target_parse(texts[i], &t, &why));
    cr_expect_str_eq(line_target_format(&t, text), texts[i]);
  }
}

Test(line_target, secrets_are_in_files_with_whole_paths_or_are_credentials) {
  cr_expect(share_is_secret("/etc/jidns/key") && share_is_secret("credential:fleet.key"));
  cr_expect_not(share_is_secret("key") || share_is_secret("") || share_is_secret("credential:") ||
                share_is_secret("credential:a/b") || share_is_secret("credential:.."));
}
