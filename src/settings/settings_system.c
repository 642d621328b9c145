/* settings_system.c: is there what the settings name, for the user that jidnsd will be? Exports
 * settings_check_system. */
#include "base/readable.h"
#include "settings/settings_priv.h"

struct reader {
  uid_t uid;
  gid_t gid;
  bool *warned;
  FILE *err;
};

/* At the start root reads it; at a reload, nobody would. */
static void warn_unreadable(const struct reader *r, const char *path) {
  if (!*path || readable_by(r->uid, r->gid, path)) return;
  *r->warned = true;
  fprintf(r->err,
          "jidnsd: warning: %s: the user that jidnsd becomes (%u) may not read it: a reload will fail, and "
          "what changes in it is not "
          "seen; chmod o+r it, and o+x the folders above it\n",
          path, (unsigned)r->uid);
}

bool settings_check_system(const struct settings *s, bool *warned, FILE *err) {
  struct sandbox_identity who;
  if (!sandbox_whom(&s->sandbox, &who, err) || !control_has_group(&s->control, err)) return false;
  struct reader r = {.uid = who.uid, .gid = who.gid, .warned = warned, .err = err};
  warn_unreadable(&r, s->file);
  for (unsigned i = 0; i < s->zones.zone_count; i++) warn_unreadable(&r, s->zones.zones[i].file);
  if (settings_encrypts(s)) warn_unreadable(&r, s->tls_ca);
  for (unsigned i = 0; s->forward.prove != PROVE_OFF && i < s->anchors.file_count; i++)
    warn_unreadable(&r, s->anchors.files[i]);
  if (!s->upstream.count || s->upstream_default) warn_unreadable(&r, s->resolv_conf);
  return true;
}
