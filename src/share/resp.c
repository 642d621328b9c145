/* resp.c: Redis's protocol by hiredis' reader and formatter. Exports resp_*. */
#include "share/resp.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "base/library.h"
#include "base/must.h"
#include "config.h"

/* clang-format off */
#define RESP_FUNCTIONS(F)                                                                                    \
  F(ReaderCreateWithFunctions) F(ReaderFree) F(ReaderFeed) F(ReaderGetReply) F(FormatCommandArgv) F(FreeCommand)
/* clang-format on */

struct hiredis {
#define MEMBER(name) LIBRARY_MEMBER(redis, name)
  RESP_FUNCTIONS(MEMBER)
};

static const struct library_symbol symbols[] = {
#define SYMBOL(name) LIBRARY_SYMBOL(redis, struct hiredis, name)
    RESP_FUNCTIONS(SYMBOL)};

struct resp_library {
  void *handle;
  struct hiredis f;
};

struct resp {
  const struct resp_library *l;
  redisReader *reader;
  size_t unread; /* octets since the last whole reply */
  struct object *last;
  const char *why;
};

/* ---- replies, as hiredis has them made ---- */

struct object {
  enum engine_kind kind;
  int64_t number;
  size_t len, room; /* of octets; room counts the NUL */
  uint8_t octets[];
};

static struct object *object_new(enum engine_kind kind, size_t room) {
  struct object *o = malloc(sizeof *o + room);
  if (!o) return NULL;
  *o = (struct object){.kind = kind, .room = room};
  if (room) o->octets[0] = 0;
  return o;
}

static bool append(struct object *o, const char *octets, size_t len) {
  if (len >= o->room - o->len) return false;
  memcpy(o->octets + o->len, octets, len);
  o->len += len;
  o->octets[o->len] = 0;
  return true;
}

/* NULL ends the reader, as if memory were out. An element becomes a part of its list. */
static void *make_text(const redisReadTask *task, char *octets, size_t len) {
  if (task->parent) {
    struct object *list = task->parent->obj;
    bool good = (task->idx == 0 || append(list, " ", 1)) && append(list, octets, len);
    return good ? list : NULL;
  }
  if (len > RESP_TEXT_MAX) return NULL;
  struct object *o = object_new(task->type == REDIS_REPLY_ERROR ? ENGINE_ERROR : ENGINE_TEXT, len + 1);
  if (o) append(o, octets, len);
  return o;
}

#if HIREDIS_MAJOR >= 1
static void *make_list(const redisReadTask *task, size_t n) {
#else
static void *make_list(const redisReadTask *task, int n) {
#endif
  return task->parent || n > RESP_LIST_MAX ? NULL : object_new(ENGINE_TEXT, RESP_LIST_TEXT);
}

static void *make_number(const redisReadTask *task, long long number) {
  struct object *o = task->parent ? NULL : object_new(ENGINE_NUMBER, 0);
  if (o) o->number = number;
  return o;
}

static void *make_nil(const redisReadTask *task) { return task->parent ? NULL : object_new(ENGINE_NIL, 0); }

/* Nobody asks for what RESP3 has. */
#if HIREDIS_MAJOR >= 1
static void *refuse_double(const redisReadTask *task, double number, char *octets, size_t len) {
  return (void)task, (void)number, (void)octets, (void)len, NULL;
}
static void *refuse_bool(const redisReadTask *task, int number) { return (void)task, (void)number, NULL; }
#endif

static redisReplyObjectFunctions *makers(void) {
  static const redisReplyObjectFunctions made = {
    .createString = make_text,
    .createArray = make_list,
    .createInteger = make_number,
#if HIREDIS_MAJOR >= 1
    .createDouble = refuse_double,
    .createBool = refuse_bool,
#endif
    .createNil = make_nil,
    .freeObject = free
  };
  return (redisReplyObjectFunctions *)(uintptr_t)&made; /* it only reads them */
}

/* ---- the library ---- */

struct resp_library *resp_load(FILE *err) {
  struct resp_library *l = must_zalloc(sizeof *l);
  l->handle = library_open(REDIS_SONAME, symbols, sizeof symbols / sizeof *symbols, &l->f, err);
  if (l->handle) return l;
  free(l);
  return NULL;
}

void resp_unload(struct resp_library *l) {
  if (!l) return;
  library_close(l->handle);
  free(l);
}

/* ---- replies of a connection ---- */

struct resp *resp_new(const struct resp_library *l) {
  struct resp *r = calloc(1, sizeof *r);
  if (!r) return NULL;
  r->l = l;
  r->reader = l->f.ReaderCreateWithFunctions(makers());
  if (r->reader) return r;
  free(r);
  return NULL;
}

void resp_free(struct resp *r) {
  if (!r) return;
  free(r->last);
  r->l->f.ReaderFree(r->reader);
  free(r);
}

const char *resp_why(const struct resp *r) { return r->why ? r->why : ""; }

bool resp_put(struct resp *r, const void *octets, size_t len) {
  r->unread += len;
  if (r->unread > RESP_UNREAD_MAX) {
    r->why = "a reply of its is too long";
    return false;
  }
  if (r->l->f.ReaderFeed(r->reader, octets, len) == REDIS_OK) return true;
  r->why = "it does not speak Redis's protocol";
  return false;
}

enum resp_next resp_next(struct resp *r, struct engine_reply *out) {
  void *reply = NULL;
  free(r->last);
  r->last = NULL;
  if (r->l->f.ReaderGetReply(r->reader, &reply) != REDIS_OK) {
    r->why = "it does not speak Redis's protocol";
    return RESP_BROKEN;
  }

  if (!reply) return RESP_NONE;
  r->unread = 0;
  r->last = reply;
  *out = (struct engine_reply){
      .kind = r->last->kind, .number = r->last->number, .octets = r->last->octets, .len = r->last->len};
  return RESP_REPLY;
}

/* ---- commands ---- */

char *resp_command(const struct resp_library *l, const struct engine_command *c, size_t *len) {
  const char *argv[ENGINE_ARGS];
  size_t lens[ENGINE_ARGS];
  char *octets = NULL;
  for (unsigned i = 0; i < c->argc; i++) {
    argv[i] = c->argv[i].octets;
    lens[i] = c->argv[i].len;
  }

  long long n = l->f.FormatCommandArgv(&octets, (int)c->argc, argv, lens);
  if (n < 0) return NULL;
  *len = (size_t)n;
  return octets;
}

void resp_command_free(const struct resp_library *l, char *octets) { l->f.FreeCommand(octets); }
