/* walk_watch.c: walks for the log and for those who look. Exports walk_watch_set. */
#include "daemon/walk_watch.h"

#include "base/log.h"

static void on_ended(void *ctx, const struct walked *walk, uint64_t now_ms) {
  const struct walk_watch *w = ctx;
  char text[WALK_TEXT];
  if (w->logs) log_each("query", "%s", walks_format(walk, text));
  if (w->contacts) contacts_note(w->contacts, walk, now_ms);
}

static uint32_t on_asked(void *ctx, const struct client *client, const struct question *q, uint64_t now_ms) {
  const struct walk_watch *w = ctx;
  return walks_asked(w->walks, &client->peer, q, now_ms);
}

static void on_answered(void *ctx, const struct query_seen *s, uint64_t now_ms) {
  const struct walk_watch *w = ctx;
  if (!s->token) return;
  walks_answered(w->walks,
                 &(struct walk_answer){.token = s->token,
                                       .question = s->question,
                                       .msg = s->msg,
                                       .len = s->len,
                                       .waited = s->later,
                                       .stale = s->how == SERVED_STALE || s->how == SERVED_STALE_INSTEAD,
                                       .saved = s->saved,
                                       .why = s->why},
                 now_ms);
}

static void start(struct walk_watch *w, struct query_service *s, struct timers *timers) {
  w->walks = walks_new(timers, s->seed, on_ended, w);
  if (!w->walks) {
    log_warn("daemon", "out of memory: walks are neither logged nor counted");
    return;
  }
  query_log_set_watch(&s->log, &(struct query_watch){.ctx = w, .asked = on_asked, .answered = on_answered});
  serve_watch(s);
}

static void stop(struct walk_watch *w, struct query_service *s) {
  query_log_set_watch(&s->log, NULL);
  serve_watch(s);
  walks_free(w->walks); /* those that go on end now, for the same log and the same looks as before */
  w->walks = NULL;
}

void walk_watch_set(struct walk_watch *w, struct query_service *s, struct timers *timers, bool logs,
                    struct contacts *contacts) {
  bool is_wanted = logs || contacts;
  if (w->walks && !is_wanted) stop(w, s);
  w->logs = logs;
  w->contacts = contacts;
  if (!w->walks && is_wanted) start(w, s, timers);
}
