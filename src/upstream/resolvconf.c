/* resolvconf.c: nameserver lines to addresses. Exports resolvconf_read. */
#include "upstream/resolvconf.h"

#include <errno.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

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

static bool is_own(const union addr *a, const union addr *own, unsigned own_count) {
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

int resolvconf_read(const char *path, const union addr *own, unsigned own_count, union addr *out,
                    unsigned max) {
  FILE *file = fopen(path, "re");
  if (!file) return -errno;
  char line[LINE_ROOM];
  unsigned n = 0;
  bool starts = true; /* the piece read is a line's start, not what was too long of the one before */
  for (unsigned left = RESOLVCONF_LINES; n < max && left > 0 && fgets(line, sizeof line, file); left--) {
    bool ends = strchr(line, '\n') != NULL;
    const char *word = starts ? line_address(line) : NULL;
    union addr a;
    starts = ends;
    if (!word) continue;
    if (!addr_parse(word, DOMAIN_PORT, &a) || addr_port(&a) != DOMAIN_PORT) {
      log_warn("upstream", "%s: no address: nameserver %.80s", path, word);
      continue;
    }
    make_plain(&a);
    if (!is_own(&a, own, own_count) && !is_among(&a, out, n)) out[n++] = a;
  }
  int e = ferror(file) ? -errno : 0;
  fclose(file);
  return e ? e : (int)n;
}
