/* port_holder.c: who has a port: the kernel's list of sockets says which one, the processes' descriptors
 * whose it is. Exports port_holder_*. */
#include "base/port_holder.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STATE_LISTEN = 0x0a, HEX_V4 = 8, HEX_V6 = 32, COMM_MAX = 64 };

struct held_socket {
  unsigned long uid, inode;
};

/* ---- which socket it is ---- */

/* The address in /proc/net/udp and its like: words in hexadecimal digits, each as the machine keeps it. */
static bool read_address(const char *hex, unsigned port, union addr *a) {
  size_t digits = strlen(hex);
  uint32_t words[4];
  if (digits != HEX_V4 && digits != HEX_V6) return false;
  for (size_t i = 0; i < digits / 8; i++) {
    char word[9] = "";
    memcpy(word, hex + 8 * i, 8);
    words[i] = (uint32_t)strtoul(word, NULL, 16);
  }

  memset(a, 0, sizeof *a);
  if (digits == HEX_V4) {
    a->v4.sin_family = AF_INET;
    a->v4.sin_port = htons((uint16_t)port);
    memcpy(&a->v4.sin_addr, words, sizeof a->v4.sin_addr);
  } else {
    a->v6.sin6_family = AF_INET6;
    a->v6.sin6_port = htons((uint16_t)port);
    memcpy(&a->v6.sin6_addr, words, sizeof a->v6.sin6_addr);
  }
  return true;
}

/* Does a socket there keep `wanted` from being bound? One at :: may have the port for IPv4, too. */
static bool is_in_the_way(const union addr *there, const union addr *wanted) {
  if (addr_port(there) != addr_port(wanted)) return false;
  bool same_family = there->any.sa_family == wanted->any.sa_family;
  if (addr_is_any(there)) return same_family || there->any.sa_family == AF_INET6;
  return same_family && (addr_is_any(wanted) || addr_same_host(there, wanted));
}

static bool find_in(const char *path, const union addr *wanted, bool tcp, struct held_socket *out) {
  FILE *in = fopen(path, "re");
  char line[512], hex[HEX_V6 + 1];
  bool found = false;

  while (in && !found && fgets(line, sizeof line, in)) {
    union addr there;
    unsigned port, state;
    int fields = sscanf(line, " %*u: %32[0-9A-Fa-f]:%x %*s %x %*s %*s %*s %lu %*s %lu", hex, &port, &state,
                        &out->uid, &out->inode);
    if (fields != 5 || (tcp && state != STATE_LISTEN) || !read_address(hex, port, &there)) continue;
    found = is_in_the_way(&there, wanted);
  }

  if (in) fclose(in);
  return found;
}

static bool find_socket(const union addr *wanted, bool tcp, struct held_socket *out) {
  static const char *const lists[2][2] = {{"/proc/net/udp", "/proc/net/udp6"},
                                          {"/proc/net/tcp", "/proc/net/tcp6"}};
  return find_in(lists[tcp][0], wanted, tcp, out) || find_in(lists[tcp][1], wanted, tcp, out);
}

/* ---- whose it is ---- */

static bool is_number(const char *text) { return *text && strspn(text, "0123456789") == strlen(text); }

/* Has the process a descriptor of that name, as `socket:[4711]`? */
static bool has_descriptor(const char *pid, const char *name) {
  char path[64], target[64];
  bool found = false;
  snprintf(path, sizeof path, "/proc/%.20s/fd", pid);
  DIR *dir = opendir(path);
  struct dirent *e;

  while (dir && !found && (e = readdir(dir))) {
    ssize_t len = readlinkat(dirfd(dir), e->d_name, target, sizeof target - 1);
    if (len <= 0) continue;
    target[len] = 0;
    found = strcmp(target, name) == 0;
  }

  if (dir) closedir(dir);
  return found;
}

/* Any process may name itself as it likes: only what can be shown comes through. */
static void put_process(const char *pid, char text[PORT_HOLDER_TEXT]) {
  char path[64], name[COMM_MAX] = "a program";
  snprintf(path, sizeof path, "/proc/%.20s/comm", pid);
  FILE *in = fopen(path, "re");
  if (in && fgets(name, sizeof name, in)) name[strcspn(name, "\n")] = 0;
  if (in) fclose(in);
  for (char *c = name; *c; c++) {
    if (*c < ' ' || *c > '~') *c = '?';
  }
  snprintf(text, PORT_HOLDER_TEXT, "%s (process %.20s)", name, pid);
}

static bool find_process(const struct held_socket *s, char text[PORT_HOLDER_TEXT]) {
  char name[64];
  snprintf(name, sizeof name, "socket:[%lu]", s->inode);
  DIR *dir = opendir("/proc");
  struct dirent *e;
  bool found = false;

  while (dir && !found && (e = readdir(dir))) {
    found = is_number(e->d_name) && has_descriptor(e->d_name, name);
    if (found) put_process(e->d_name, text);
  }

  if (dir) closedir(dir);
  return found;
}

const char *port_holder_find(const union addr *addr, bool tcp, char text[PORT_HOLDER_TEXT]) {
  struct held_socket s;
  *text = 0;
  if (!find_socket(addr, tcp, &s)) return text;
  if (!find_process(&s, text)) snprintf(text, PORT_HOLDER_TEXT, "a program of user %lu", s.uid);
  return text;
}

/* A port nearby that needs no rights. */
static union addr elsewhere(const union addr *addr) {
  enum { FREE_FOR_ALL = 1024, FOR_TRIALS = 5300 };
  union addr a = *addr;
  uint16_t port = addr_port(addr);
  port = htons((uint16_t)(port < FREE_FOR_ALL ? FOR_TRIALS : port < UINT16_MAX ? port + 1 : port - 1));
  if (a.any.sa_family == AF_INET6) a.v6.sin6_port = port;
  else a.v4.sin_port = port;
  return a;
}

const char *port_holder_advise(const union addr *addr, bool tcp, const char *option,
                               char text[PORT_HOLDER_ADVICE]) {
  char who[PORT_HOLDER_TEXT], other[ADDR_TEXT];
  union addr free_one = elsewhere(addr);
  bool found = *port_holder_find(addr, tcp, who);
  addr_format(&free_one, other);
  if (found)
    snprintf(text, PORT_HOLDER_ADVICE, " by %s; end that, or listen elsewhere: %s %s", who, option, other);
  else
    snprintf(text, PORT_HOLDER_ADVICE, "; root sees by whom with `ss -l%cpn`; or listen elsewhere: %s %s",
             tcp ? 't' : 'u', option, other);
  return text;
}
