/* sandbox_user.c: whom root becomes. Exports sandbox_whom, sandbox_changes, sandbox_is_mapped. */
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "ops/account.h"
#include "ops/sandbox.h"

/* What the kernel itself calls nobody, where no /etc/passwd does. */
enum { NOBODY = 65534 };

static const char uid_map[] = "/proc/self/uid_map", gid_map[] = "/proc/self/gid_map";

/* ---- user namespaces ---- */

/* A line of such a map is: the first id inside, the first outside, how many. */
static bool find_outside(const char *map, uint32_t inside, uint32_t *outside) {
  unsigned long first, from, count;
  bool found = false;
  FILE *f = fopen(map, "re");
  if (!f) return false;
  while (!found && fscanf(f, "%lu %lu %lu", &first, &from, &count) == 3) {
    found = inside >= first && inside - first < count;
    if (found) *outside = (uint32_t)(from + (inside - first));
  }
  fclose(f);
  return found;
}

bool sandbox_is_mapped(const char *map, uint32_t id) {
  uint32_t outside;
  return access(map, R_OK) != 0 || find_outside(map, id, &outside);
}

/* Root of a user namespace that an ordinary user made may do no more than that user. */
static bool is_root_of_an_ordinary_user(void) {
  uint32_t outside = 0;
  return find_outside(uid_map, 0, &outside) && outside != 0;
}

/* ---- names and numbers ---- */

/* USER or USER:GROUP, each by name or number. */
static bool find_named(const char *text, struct sandbox_identity *who, FILE *err) {
  char user[SANDBOX_USER];
  const char *colon = strchr(text, ':');
  size_t len = colon ? (size_t)(colon - text) : strlen(text);

  memcpy(user, text, len);
  user[len] = 0;
  snprintf(who->name, sizeof who->name, "%s", text);
  who->is_said = true;
  if (!account_user(user, &who->uid, &who->gid)) {
    fprintf(err,
            "jidnsd: --user '%s': no such user; a number needs no entry in /etc/passwd, such as --user "
            "1000:1000\n",
            text);
    return false;
  }

  who->has_group = colon != NULL;
  if (!colon || account_group(colon + 1, &who->gid)) return true;
  fprintf(err, "jidnsd: --user '%s': no such group; a number needs no entry in /etc/group\n", text);
  return false;
}

/* ---- who it will be ---- */

/* The one who it is, without a change. */
static struct sandbox_identity oneself(void) {
  struct sandbox_identity who = {.uid = geteuid(), .gid = getegid()};
  snprintf(who.name, sizeof who.name, "uid %u", (unsigned)who.uid);
  return who;
}

static bool are_mapped(const struct sandbox_identity *who) {
  return sandbox_is_mapped(uid_map, who->uid) && sandbox_is_mapped(gid_map, who->gid);
}

static void find_usual(struct sandbox_identity *who) {
  static const char *const names[] = {"jidns", "nobody"};
  const struct passwd *user = NULL;
  for (unsigned i = 0; i < sizeof names / sizeof *names && !user; i++) user = getpwnam(names[i]);
  *who = (struct sandbox_identity){.uid = user ? user->pw_uid : NOBODY, .gid = user ? user->pw_gid : NOBODY};
  snprintf(who->name, sizeof who->name, "%s", user ? user->pw_name : "65534");
  who->shared = strcmp(who->name, "jidns") != 0;
}

/* What root is, when nobody said whom it is to become. */
static bool choose(struct sandbox_identity *who, FILE *err) {
  find_usual(who);
  if (are_mapped(who)) return true;
  *who = oneself();
  if (is_root_of_an_ordinary_user()) return true;
  fprintf(err, "jidnsd: this user namespace has no user but root that jidnsd could become; map another one "
               "there and name it with --user, or say "
               "--user root\n");
  return false;
}

bool sandbox_changes(const struct sandbox_identity *who) {
  return who->uid != geteuid() || who->gid != getegid();
}

static bool may_become(const struct sandbox_identity *who, FILE *err) {
  if (!are_mapped(who)) {
    fprintf(err,
            "jidnsd: --user '%s': this user namespace has no user %u with group %u; map them there, or say "
            "--user root\n",
            who->name, (unsigned)who->uid, (unsigned)who->gid);
    return false;
  }
  if (!sandbox_changes(who) || sandbox_may_change()) return true;
  fprintf(err, "jidnsd: can't become another user without CAP_SETUID and CAP_SETGID; start it as that user, "
               "or say --user root if it is to stay "
               "as it is\n");
  return false;
}

bool sandbox_whom(const struct sandbox_policy *o, struct sandbox_identity *who, FILE *err) {
  *who = oneself();
  if (*o->user && !find_named(o->user, who, err)) return false;
  if (who->uid == geteuid() && !who->has_group) who->gid = getegid();
  if (geteuid() == 0) return (*o->user || choose(who, err)) && may_become(who, err);

  /* Who is not root can't become another; having been told to is a mistake. */
  if (!sandbox_changes(who)) return true;
  fprintf(err, "jidnsd: --user '%s': only root can switch to another user\n", o->user);
  return false;
}
