/* line_target.c: where the fleet's engine is, as text. Exports line_target_*. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/addr.h"
#include "share/line_target.h"

static const char port_expected[] = "the port should be 1 to 65535",
                  db_expected[] = "the database should be a number from 0 to 65535",
                  host_expected[] =
                      "the host should be an address, such as 192.0.2.1 or [2001:db8::1], or a name";

static bool read_number(const char *text, uint32_t least, uint32_t most, uint32_t *out) {
  size_t len = strspn(text, "0123456789");
  unsigned long n = len && len < 7 ? strtoul(text, NULL, 10) : most + 1ul;
  if (text[len] || n < least || n > most) return false;
  *out = (uint32_t)n;
  return true;
}

/* HOST, HOST:PORT, [V6], [V6]:PORT */
static bool read_host(char *text, struct line_target *out, const char **why) {
  char *end = *text == '[' ? strchr(text, ']') : NULL, *port = end ? end + 1 : strchr(text, ':');
  uint32_t number = LINE_PORT;
  *why = host_expected;
  if (*text == '[' && !(end && (!end[1] || end[1] == ':'))) return false;
  if (port && *port) {
    *port++ = 0;
    *why = port_expected;
    if (!read_number(port, 1, UINT16_MAX, &number)) return false;
  }
  if (end) *end = 0, text++;

  *why = host_expected;
  if (!*text || strlen(text) >= sizeof out->name || (!end && text[strcspn(text, "[]@ %?#")])) return false;
  union addr addr;
  if (end && !addr_parse(text, 1, &addr)) return false;
  strcpy(out->name, text);
  out->port = (uint16_t)number;
  return true;
}

bool line_target_parse(const char *text, struct line_target *out, const char **why) {
  static const struct {
    const char *prefix;
    enum line_way way;
  } ways[] = {{"unix:", LINE_UNIX}, {"redis://", LINE_TCP}, {"rediss://", LINE_TLS}};
  char rest[LINE_NAME + 32];
  unsigned i = 0;
  *out = (struct line_target){0};
  *why = "it should be unix:/PATH, redis://HOST:PORT or rediss://HOST:PORT";
  while (i < 3 && strncmp(text, ways[i].prefix, strlen(ways[i].prefix)) != 0) i++;
  if (i == 3) return false;

  out->way = ways[i].way;
  text += strlen(ways[i].prefix);
  if (strlen(text) >= sizeof rest) return false;
  strcpy(rest, text);
  if (out->way == LINE_UNIX) {
    *why = "the socket's path should begin with / and have at most 107 octets";
    if (*rest != '/' || strlen(rest) > 107) return false;
    strcpy(out->name, rest);
    return true;
  }

  *why = "a user's name and password are settings of their own: shared-user and shared-password";
  if (strchr(rest, '@')) return false;
  char *db = strchr(rest, '/');
  if (db) {
    *db++ = 0;
    *why = db_expected;
    if (*db && !read_number(db, 0, LINE_DB_MAX, &out->db)) return false;
  }
  return read_host(rest, out, why);
}

const char *line_target_format(const struct line_target *t, char text[LINE_TARGET_TEXT]) {
  bool is_v6 = strchr(t->name, ':') != NULL;
  char db[16] = "";
  if (t->db) snprintf(db, sizeof db, "/%u", t->db);
  if (t->way == LINE_UNIX) snprintf(text, LINE_TARGET_TEXT, "unix:%s", t->name);
  else
    snprintf(text, LINE_TARGET_TEXT, "%s://%s%s%s:%u%s", t->way == LINE_TLS ? "rediss" : "redis",
             is_v6 ? "[" : "", t->name, is_v6 ? "]" : "", t->port, db);
  return text;
}
