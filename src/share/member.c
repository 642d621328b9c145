/* member.c: what a member of a fleet opens at its start. Exports member_*. */
#include "share/member.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"

struct member {
  struct line_target target;
  struct resp_library *hiredis;
  struct mac_key *mac;
  struct tls_context *trust;
  char user[SHARE_WORD], password[SHARE_WORD], space[ENTRY_NAMESPACE_MAX + 1];
  bool is_reader;
};

/* ---- the process ---- */

struct member *member_open(const struct share_policy *p, struct tls_context *trust, FILE *err) {
  struct member *m = must_zalloc(sizeof *m);
  struct share_secrets secrets;
  const char *why;
  must(line_target_parse(p->target, &m->target, &why));
  bool good = share_read_secrets(p, &secrets, err);
  if (good)
    memcpy(m->password, secrets.password, sizeof m->password); /* with its NUL: read_secret saw to that */
  snprintf(m->user, sizeof m->user, "%s", p->user);
  snprintf(m->space, sizeof m->space, "%s", p->space);
  m->is_reader = p->role == SHARE_READER;
  m->trust = tls_context_hold(trust);
  if (good) m->mac = mac_key_new((const uint8_t *)secrets.key, secrets.key_len, err);
  if (m->mac) m->hiredis = resp_load(err);
  explicit_bzero(&secrets, sizeof secrets);
  if (m->hiredis) return m;
  member_close(m);
  return NULL;
}

void member_close(struct member *m) {
  if (!m) return;
  resp_unload(m->hiredis);
  mac_key_free(m->mac);
  tls_context_free(m->trust);
  explicit_bzero(m, sizeof *m);
  free(m);
}

const struct line_target *member_target(const struct member *m) { return &m->target; }

/* ---- a thread ---- */

bool member_thread_init(struct member_thread *t, const struct member *m, const struct member_parts *parts) {
  struct line_options link = {.hiredis = m->hiredis,
                              .target = &m->target,
                              .trust = m->trust,
                              .user = m->user,
                              .password = m->password,
                              .loop = parts->loop,
                              .timers = parts->timers,
                              .random = parts->random,
                              .find = parts->find,
                              .find_ctx = parts->find_ctx};
  t->link = line_new(&link);
  if (!t->link) return false;
  struct share_options share = {.mac = m->mac,
                                .engine = line_engine(t->link),
                                .timers = parts->timers,
                                .counters = parts->counters,
                                .space = m->space,
                                .is_reader = m->is_reader};
  t->share = share_new(&share);
  return t->share != NULL;
}

void member_thread_stop(struct member_thread *t, uint64_t now_ms) {
  if (t->link) line_stop(t->link, now_ms);
}

void member_thread_free(struct member_thread *t) {
  share_free(t->share);
  line_free(t->link);
}
