/* policy.c: what the operator says of the fleet, and its secrets. Exports share_is_*, share_encrypts,
 * share_read_secrets, share_check. */
#include "share/policy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char credential[] = "credential:";

bool share_encrypts(const struct share_policy *p) {
  struct line_target target;
  const char *why;
  return share_is_on(p) && line_target_parse(p->target, &target, &why) && target.way == LINE_TLS;
}

bool share_is_secret(const char *path) {
  bool is_credential = strncmp(path, credential, sizeof credential - 1) == 0;
  const char *name = path + sizeof credential - 1;
  return is_credential ? *name && !strchr(name, '/') && *name != '.' : *path == '/';
}

/* ---- files ---- */

struct secret {
  const char *option, *path;
  size_t least, most; /* octets, without the end of a line behind them */
  const char *advice;
};

static const char key_advice[] =
    "make one with (umask 077; head -c 32 /dev/urandom | base64 >FILE) and give the "
    "same to all members",
                  password_advice[] = "it should hold the password of --shared-user, and nothing else";

static struct secret key_of(const struct share_policy *p) {
  return (struct secret){"--shared-key", p->key, MAC_SECRET_MIN, MAC_SECRET_MAX, key_advice};
}

static struct secret password_of(const struct share_policy *p) {
  return (struct secret){"--shared-password", p->password, 1, SHARE_WORD - 1, password_advice};
}

static bool complain(const struct secret *s, const char *what, FILE *err) {
  fprintf(err, "jidnsd: %s: %s: %s\n", s->option, s->path, what);
  return false;
}

/* Where systemd puts what the unit's LoadCredential= names. */
static bool find_path(const struct secret *s, char path[2 * SHARE_PATH], FILE *err) {
  const char *folder = getenv("CREDENTIALS_DIRECTORY"), *name = s->path + sizeof credential - 1;
  bool is_credential = strncmp(s->path, credential, sizeof credential - 1) == 0;
  if (is_credential && !folder)
    return complain(s, "there are no credentials; the unit needs LoadCredential= with that name", err);
  int len = is_credential ? snprintf(path, 2 * SHARE_PATH, "%s/%s", folder, name)
                          : snprintf(path, 2 * SHARE_PATH, "%s", s->path);
  return len < 2 * SHARE_PATH || complain(s, "its path is too long", err);
}

static bool is_private(const struct secret *s, int fd, FILE *err) {
  struct stat st;
  if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) return complain(s, "it is not a file", err);
  if (!(st.st_mode & (S_IRWXO | S_IWGRP))) return true;
  return complain(s, "others may read or change it; chmod 640, or 600, it", err);
}

/* What it holds into out, a NUL behind it. Returns how many octets; 0 after a line on err. */
static size_t read_secret(const struct secret *s, char *out, FILE *err) {
  char path[2 * SHARE_PATH];
  if (!find_path(s, path, err)) return 0;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    fprintf(err, "jidnsd: %s: %s: %s; %s\n", s->option, s->path, strerror(errno), s->advice);
    return 0;
  }

  bool good = is_private(s, fd, err);
  ssize_t n = good ? read(fd, out, s->most + 2) : 0;
  close(fd);
  if (!good) return 0;
  if (n < 0) {
    complain(s, "it can't be read", err);
    return 0;
  }
  size_t len = (size_t)n;
  while (len && (out[len - 1] == '\n' || out[len - 1] == '\r')) len--;
  if (len < s->least || len > s->most || (s->most < MAC_SECRET_MAX && memchr(out, 0, len))) {
    fprintf(err, "jidnsd: %s: %s: it should have %zu to %zu octets; %s\n", s->option, s->path, s->least,
            s->most, s->advice);
    return 0;
  }
  out[len] = 0;
  return len;
}

static bool has_key(const struct share_policy *p, FILE *err) {
  if (*p->key) return true;
  fprintf(err,
          "jidnsd: --shared needs the fleet's key, by which members know each other's answers; %s, then "
          "name it with --shared-key FILE\n",
          key_advice);
  return false;
}

bool share_read_secrets(const struct share_policy *p, struct share_secrets *out, FILE *err) {
  struct secret k = key_of(p), w = password_of(p);
  out->password[0] = 0;
  if (!has_key(p, err)) return false;
  if (*p->user && !*p->password) {
    fputs("jidnsd: --shared-user needs --shared-password FILE\n", err);
    return false;
  }
  out->key_len = read_secret(&k, out->key, err);
  return out->key_len && (!*p->password || read_secret(&w, out->password, err));
}

bool share_check(const struct share_policy *policy, FILE *err) {
  struct share_secrets secrets;
  if (!share_is_on(policy)) return true;
  bool good = share_read_secrets(policy, &secrets, err);
  explicit_bzero(&secrets, sizeof secrets);
  return good;
}
