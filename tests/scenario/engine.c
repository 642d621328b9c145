/* engine.c: a fleet's engine by script. Exports engine_script_*, engine_line_*. */
#include "scenario/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/must.h"
#include "kit/made.h"

/* Replies that are on their way. */
struct replies {
  struct list link;
  struct engine_request *request;
  uint64_t due_ms;
  unsigned count;
  struct engine_reply list[ENGINE_COMMANDS];
  uint8_t octets[ENGINE_COMMANDS][ENTRY_MAX + 1];
};

struct engine_script *engine_script_new(void) {
  struct engine_script *s = must_zalloc(sizeof *s);
  s->keys = must_zalloc(ENGINE_KEYS * sizeof *s->keys);
  s->clock_ms = INT64_C(1790000000000);
  return s;
}

void engine_script_free(struct engine_script *s) {
  free(s->keys);
  free(s);
}

static uint64_t clock_of(const struct engine_script *s, uint64_t now_ms) {
  return (uint64_t)(s->clock_ms + (int64_t)now_ms);
}

static struct engine_key *find(struct engine_script *s, const void *key, size_t len, uint64_t clock_ms) {
  for (unsigned i = 0; i < ENGINE_KEYS; i++) {
    struct engine_key *k = &s->keys[i];
    if (k->key_len && k->end_ms && k->end_ms <= clock_ms) k->key_len = 0;
    if (k->key_len == len && memcmp(k->key, key, len) == 0) return k;
  }
  return NULL;
}

struct engine_key *engine_script_find(struct engine_script *s, const char *name, uint16_t type,
                                      uint64_t now_ms) {
  struct question q;
  question_of(&q, name, type);
  for (unsigned i = 0; i < ENGINE_KEYS; i++) {
    struct engine_key *k = &s->keys[i];
    size_t tail = question_key_len(&q);
    if (k->key_len <= tail || (k->end_ms && k->end_ms <= clock_of(s, now_ms))) continue;
    if (memcmp(k->key + k->key_len - tail, q.key, tail) == 0) return k;
  }
  return NULL;
}

/* ---- commands ---- */

static bool is_arg(const struct engine_arg *a, const char *word) {
  return a->len == strlen(word) && strncasecmp(a->octets, word, a->len) == 0;
}

static bool is_entry(const struct engine_arg *key) {
  return key->len > 2 && memcmp((const uint8_t *)key->octets + key->len - 2, ":l", 2) != 0 &&
         !memmem(key->octets, key->len, ":clock:", 7);
}

static void say(struct engine_reply *r, uint8_t *room, enum engine_kind kind, const void *octets,
                size_t len) {
  memcpy(room, octets, len);
  room[len] = 0;
  *r = (struct engine_reply){.kind = kind, .octets = room, .len = len};
}

static void say_text(struct engine_reply *r, uint8_t *room, enum engine_kind kind, const char *text) {
  say(r, room, kind, text, strlen(text));
}

static void do_set(struct engine_script *s, const struct engine_command *c, uint64_t clock_ms,
                   struct engine_reply *r, uint8_t *room) {
  bool only_new = c->argc == 6;
  const struct engine_arg *key = &c->argv[1], *value = &c->argv[2];
  uint64_t ms = strtoull(c->argv[c->argc - 1].octets, NULL, 10);
  struct engine_key *k = find(s, key->octets, key->len, clock_ms);
  s->sets += is_entry(key);
  *r = (struct engine_reply){.kind = ENGINE_NIL};
  if (s->write_error) {
    say_text(r, room, ENGINE_ERROR, s->write_error);
    return;
  }
  if (only_new && (k || s->holds_leases)) return;

  for (unsigned i = 0; !k && i < ENGINE_KEYS; i++) {
    if (!s->keys[i].key_len) k = &s->keys[i];
  }
  must(k && key->len <= sizeof k->key && value->len <= sizeof k->value);
  memcpy(k->key, key->octets, key->len);
  memcpy(k->value, value->octets, value->len);
  k->key_len = key->len;
  k->len = value->len;
  k->end_ms = is_arg(&c->argv[c->argc - 2], "PXAT") ? ms : clock_ms + ms;
  say_text(r, room, ENGINE_TEXT, "OK");
}

static void run(struct engine_script *s, const struct engine_command *c, uint64_t clock_ms,
                struct engine_reply *r, uint8_t *room) {
  struct engine_key *k = c->argc > 1 ? find(s, c->argv[1].octets, c->argv[1].len, clock_ms) : NULL;
  char text[64];
  if (is_arg(&c->argv[0], "TIME")) {
    snprintf(text, sizeof text, "%llu %u", (unsigned long long)clock_ms / 1000,
             (unsigned)(clock_ms % 1000 * 1000));
    if (s->no_time) say_text(r, room, ENGINE_ERROR, "NOPERM this user has no permissions to run TIME");
    else say_text(r, room, ENGINE_TEXT, text);
  } else if (is_arg(&c->argv[0], "GET")) {
    s->gets += is_entry(&c->argv[1]);
    bool is_held = s->holds_leases && !is_entry(&c->argv[1]);
    if (is_held) say_text(r, room, ENGINE_TEXT, "1");
    else if (s->read_error) say_text(r, room, ENGINE_ERROR, s->read_error);
    else if (k) say(r, room, ENGINE_TEXT, k->value, k->len);
    else *r = (struct engine_reply){.kind = ENGINE_NIL};
  } else if (is_arg(&c->argv[0], "PTTL")) {
    *r = (struct engine_reply){.kind = ENGINE_NUMBER,
                               .number = !k          ? -2
                                         : k->end_ms ? (int64_t)(k->end_ms - clock_ms)
                                                     : -1};
  } else if (is_arg(&c->argv[0], "UNLINK")) {
    *r = (struct engine_reply){.kind = ENGINE_NUMBER};
    for (unsigned i = 1; i < c->argc; i++) {
      k = find(s, c->argv[i].octets, c->argv[i].len, clock_ms);
      if (k) k->key_len = 0, r->number++;
    }
  } else {
    must(is_arg(&c->argv[0], "SET"));
    do_set(s, c, clock_ms, r, room);
  }
}

unsigned engine_script_entries(const struct engine_script *s) {
  unsigned n = 0;
  for (unsigned i = 0; i < ENGINE_KEYS; i++) {
    struct engine_arg key = {s->keys[i].key, s->keys[i].key_len};
    n += key.len && is_entry(&key);
  }
  return n;
}

/* ---- a line ---- */

static struct engine_line *line_of(struct engine *e) { return container(e, struct engine_line, engine); }

static bool is_ready(struct engine *e, uint64_t now_ms) {
  (void)now_ms;
  return !line_of(e)->script->away;
}

static size_t waiting(struct engine *e) { return (void)e, 0; }

static void praise(struct engine *e) { line_of(e)->script->praises++; }

static void refuse(struct engine *e, const char *words, uint64_t now_ms) {
  (void)words, (void)now_ms;
  line_of(e)->script->refusals++;
}

static bool put_request(struct engine *e, struct engine_request *r, const struct engine_command *list,
                        unsigned n, uint64_t now_ms) {
  struct engine_line *l = line_of(e);
  struct replies *x = must_zalloc(sizeof *x);
  r->count = x->count = n;
  r->heard = 0;
  r->sent_ms = now_ms;
  x->request = r;
  x->due_ms = l->script->silent ? UINT64_MAX : now_ms + l->script->late_ms;
  for (unsigned i = 0; i < n; i++)
    run(l->script, &list[i], clock_of(l->script, now_ms), &x->list[i], x->octets[i]);
  list_append(&l->waiting, &x->link);
  return true;
}

static const struct engine_ops ops = {is_ready, put_request, waiting, praise, refuse};

void engine_line_open(struct engine_line *l, struct engine_script *s, const struct engine_manner *manner,
                      struct timers *timers, struct counters *counters) {
  uint8_t secret[MAC_SECRET_MIN];
  memset(secret, manner->secret, sizeof secret);
  l->engine.ops = &ops;
  l->script = s;
  list_init(&l->waiting);
  l->mac = mac_key_new(secret, sizeof secret, stderr);
  struct share_options o = {.mac = l->mac,
                            .engine = &l->engine,
                            .timers = timers,
                            .counters = counters,
                            .space = manner->space ? manner->space : "default",
                            .is_reader = manner->is_reader};
  l->share = share_new(&o);
  must(l->mac && l->share);
}

void engine_line_up(struct engine_line *l, uint64_t now_ms) { l->engine.up(l->engine.ctx, now_ms); }

static void finish(struct replies *x, bool lost, uint64_t now_ms) {
  struct engine_request *r = x->request;
  static const struct engine_reply none = {.kind = ENGINE_LOST};
  list_remove(&x->link);
  for (unsigned i = 0; i < x->count; i++) r->done(r, i, lost ? &none : &x->list[i], now_ms);
  free(x);
}

void engine_line_close(struct engine_line *l, uint64_t now_ms) {
  if (!l->script) return;
  while (!list_empty(&l->waiting)) finish(container(l->waiting.next, struct replies, link), true, now_ms);
  share_free(l->share);
  mac_key_free(l->mac);
}

uint64_t engine_line_next_ms(const struct engine_line *l) {
  if (!l->script || list_empty(&l->waiting)) return UINT64_MAX;
  return container(l->waiting.next, struct replies, link)->due_ms;
}

void engine_line_deliver(struct engine_line *l, uint64_t now_ms) {
  while (engine_line_next_ms(l) <= now_ms)
    finish(container(l->waiting.next, struct replies, link), false, now_ms);
}
