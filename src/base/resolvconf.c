/* resolvconf.c: nameserver lines to addresses. Exports resolvconf_*. */
#include "base/resolvconf.h"

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE_ROOM = 512, DOMAIN_PORT = 53 };

static const char spaces[] = " \t\r\n\f\v";

/* The word behind `nameserver`, cut out of the line; NULL when the line is about something else. As in
 * glibc the keyword stands at the line's very start, and a comment may follow the address. */
static char *line_address(char *line) {
  static const char keyword[] = "nameserver";
  size_t len = sizeof keyword - 1;
  if (strncmp(line, keyword, len) != 0 || !line[len] || !strchr(spaces, line[len])) return NULL;
  char *word = line + len + strspn(line + len, spaces);
  word[strcspn(word, " \t\r\n\f\v;#")] = 0;
  return word;
}

/* One form for each host: 0.0.0.0 and :: become loopback, IPv4 in IPv6's clothes becomes IPv4. */
static void make_plain(union addr *a) {
  if (a->any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&a->v6.sin6_addr)) {
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = a->v6.sin6_port};
    memcpy(&v4.sin_addr, a->v6.sin6_addr.s6_addr + 12, sizeof v4.sin_addr);
    a->v4 = v4;
  }
  if (!addr_is_any(a)) return;
  if (a->any.sa_family == AF_INET) a->v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  else a->v6.sin6_addr = in6addr_loopback;
}

static bool is_of_an_interface(const union addr *a) {
  struct ifaddrs *all;
  bool found = false;
  if (getifaddrs(&all) != 0) return false;
  for (const struct ifaddrs *i = all; i && !found; i = i->ifa_next) {
    if (!i->ifa_addr || i->ifa_addr->sa_family != a->any.sa_family) continue;
    union addr one = {0};
    memcpy(&one, i->ifa_addr, addr_len(a));
    found = addr_same_host(&one, a);
  }
  freeifaddrs(all);
  return found;
}

bool resolvconf_is_own(const union addr *a, const union addr *own, unsigned own_count) {
  union addr asked = *a;
  make_plain(&asked);
  a = &asked;
  for (unsigned i = 0; i < own_count; i++) {
    if (addr_port(&own[i]) != addr_port(a)) continue;
    if (addr_is_any(&own[i]) && (addr_is_loopback(a) || is_of_an_interface(a))) return true;
    union addr plain = own[i];
    make_plain(&plain);
    if (addr_same_host(&plain, a)) return true;
  }
  return false;
}

static bool is_among(const union addr *a, const union addr *set, unsigned n) {
  for (unsigned i = 0; i < n; i++) {
    if (addr_equal(a, &set[i])) return true;
  }
  return false;
}

static void note_wrong(struct resolvconf *out, unsigned line, const char *word) {
  if (out->wrong++) return;
  out->wrong_line = line;
  snprintf(out->wrong_word, sizeof out->wrong_word, "%s", word);
  for (char *c = out->wrong_word; *c; c++) {
    if (*c < ' ' || *c > '~') *c = '?';
  }
}

static void read_line(struct resolvconf *out, char *line, unsigned number, const union addr *own,
                      unsigned own_count) {
  char scope[ADDR_SCOPE];
  union addr a;
  const char *word = line_address(line);
  if (!word) return;

  if (!addr_parse_scoped(word, DOMAIN_PORT, &a, scope) || addr_port(&a) != DOMAIN_PORT) {
    note_wrong(out, number, word);
    return;
  }
  make_plain(&a);
  if (*scope && !a.v6.sin6_scope_id) out->away++;
  else if (resolvconf_is_own(&a, own, own_count)) out->own++;
  else if (out->count < RESOLVCONF_SERVERS && !is_among(&a, out->servers, out->count))
    out->servers[out->count++] = a;
}

/* The next line, cut to its room; false behind the last. An octet of zero ends what is seen of a line, not
 * the line. */
static bool next_line(FILE *file, char line[LINE_ROOM], size_t *left) {
  size_t n = 0;
  int c = EOF;
  for (; *left > 0 && (c = getc_unlocked(file)) != EOF && c != '\n'; --*left) {
    if (n < LINE_ROOM - 1) line[n++] = (char)c;
  }
  line[n] = 0;
  return n > 0 || c == '\n';
}

static void read_lines(FILE *file, const union addr *own, unsigned own_count, struct resolvconf *out) {
  char line[LINE_ROOM];
  size_t left = RESOLVCONF_OCTETS;
  for (unsigned number = 1; number <= RESOLVCONF_LINES && next_line(file, line, &left); number++) {
    read_line(out, line, number, own, own_count);
  }
  out->error = ferror(file) ? errno : 0;
}

/* Opened so that a pipe without a writer holds nobody up. NULL: out->state and out->error say why. */
static FILE *open_file(const char *path, struct resolvconf *out) {
  struct stat s;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  out->error = fd < 0 ? errno : 0;
  out->state = RESOLVCONF_UNREAD;
  if (fd < 0) return NULL;

  if (fstat(fd, &s) == 0 && !S_ISREG(s.st_mode) && !S_ISCHR(s.st_mode)) out->state = RESOLVCONF_NO_FILE;
  FILE *file = out->state == RESOLVCONF_NO_FILE ? NULL : fdopen(fd, "r");
  if (!file) out->error = errno;
  if (!file) close(fd);
  return file;
}

static enum resolvconf_state state_of(const struct resolvconf *r) {
  if (r->error) return RESOLVCONF_UNREAD;
  if (r->count) return RESOLVCONF_GOOD;
  if (r->away) return RESOLVCONF_AWAY;
  if (r->own) return RESOLVCONF_OWN;
  return r->wrong ? RESOLVCONF_WRONG : RESOLVCONF_EMPTY;
}

bool resolvconf_read(const char *path, const union addr *own, unsigned own_count, struct resolvconf *out) {
  memset(out, 0, sizeof *out);
  FILE *file = open_file(path, out);
  if (!file) return false;

  read_lines(file, own, own_count, out);
  fclose(file);
  out->state = state_of(out);
  return out->state == RESOLVCONF_GOOD;
}

static void unread_text(const char *path, int error, char text[RESOLVCONF_TEXT]) {
  char target[256];
  ssize_t len = error == ENOENT ? readlink(path, target, sizeof target) : -1;
  if (len > 0) {
    snprintf(text, RESOLVCONF_TEXT, "%s is a link to %.*s, which is not there", path, (int)len, target);
  } else if (error == ENOENT) {
    snprintf(text, RESOLVCONF_TEXT, "%s: there is no such file", path);
  } else if (error == EACCES) {
    snprintf(text, RESOLVCONF_TEXT, "%s: user %u may not read it", path, (unsigned)geteuid());
  } else {
    snprintf(text, RESOLVCONF_TEXT, "%s: %s", path, strerror(error));
  }
}

const char *resolvconf_why(const char *path, const struct resolvconf *r, char text[RESOLVCONF_TEXT]) {
  static const char *const words[] = {
      [RESOLVCONF_GOOD] = "names servers",
      [RESOLVCONF_NO_FILE] = "is not a file",
      [RESOLVCONF_EMPTY] = "names no server",
      [RESOLVCONF_OWN] = "names no server but jidnsd itself",
      [RESOLVCONF_RING] = "names systemd-resolved, which asks nobody but jidnsd itself",
      [RESOLVCONF_AWAY] = "names only servers at interfaces that are not here yet"};
  if (r->state == RESOLVCONF_UNREAD) unread_text(path, r->error, text);
  else if (r->state != RESOLVCONF_WRONG) snprintf(text, RESOLVCONF_TEXT, "%s %s", path, words[r->state]);
  else
    snprintf(text, RESOLVCONF_TEXT, "%s line %u: '%s' is not an address", path, r->wrong_line, r->wrong_word);
  return text;
}
