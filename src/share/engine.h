/* The engine that a fleet's cache lies in, as the module sees it: commands go to it, replies come in their
 * order. A connection (share/line.h), in tests a script. */
#ifndef JIDNS_SHARE_ENGINE_H
#define JIDNS_SHARE_ENGINE_H
#include "base/list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum engine_kind {
  ENGINE_LOST, /* no reply will come */
  ENGINE_NIL,
  ENGINE_TEXT, /* octets, a status, or a list of octets with a space between them */
  ENGINE_NUMBER,
  ENGINE_ERROR /* octets are its words */
};

/* Valid for the call that brings it. octets end with a NUL that len does not count. */
struct engine_reply {
  enum engine_kind kind;
  int64_t number;
  size_t len;
  const uint8_t *octets;
};

struct engine_arg {
  const void *octets;
  size_t len;
};
enum { ENGINE_ARGS = 6, ENGINE_COMMANDS = 3 };
struct engine_command {
  unsigned argc;
  struct engine_arg argv[ENGINE_ARGS];
};

/* Commands that go together; the owner's until the last reply. */
struct engine_request {
  struct list link;
  unsigned count, heard; /* replies: that come, and that have */
  uint64_t sent_ms;
  /* Called `count` times, never from within send. nth counts from 0. After the last call it may be freed. */
  void (*done)(struct engine_request *r, unsigned nth, const struct engine_reply *reply, uint64_t now_ms);
};

struct engine;
struct engine_ops {
  bool (*is_ready)(struct engine *e, uint64_t now_ms); /* would it answer in time, as far as is known? */
  /* False: nothing was sent, and done is not called. They leave at the end of the loop's turn. */
  bool (*send)(struct engine *e, struct engine_request *r, const struct engine_command *list, unsigned n,
               uint64_t now_ms);
  size_t (*waiting)(struct engine *e); /* octets that it has not taken */
  /* It has answered as it should what a miss asked. */
  void (*praise)(struct engine *e);
  /* What it answers is of no use: it rests for a while, and its requests are lost. In these words of its. */
  void (*refuse)(struct engine *e, const char *words, uint64_t now_ms);
};

struct engine {
  const struct engine_ops *ops;
  void (*up)(void *ctx, uint64_t now_ms); /* the owner's: it can be asked from now on */
  void *ctx;
};
#endif
