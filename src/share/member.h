/* A member of a fleet: what the process opens at its start, and what each of its threads has of it. */
#ifndef JIDNS_SHARE_MEMBER_H
#define JIDNS_SHARE_MEMBER_H
#include "share/line.h"
#include "share/policy.h"
#include "share/share.h"

struct member;
/* Reads the files and loads what it needs: before system calls are filtered. trust: of an engine over TLS,
 * held. NULL after a line on err that says what to do. */
struct member *member_open(const struct share_policy *policy, struct tls_context *trust, FILE *err);
void member_close(struct member *m); /* after its threads' parts; wipes the secrets; NULL is fine */
const struct line_target *member_target(const struct member *m);

/* What a thread needs for its part; all borrowed. */
struct member_parts {
  uv_loop_t *loop;
  struct timers *timers;
  struct random *random;
  struct counters *counters;
  void (*find)(void *ctx, const char *name, uint64_t now_ms); /* as in line_options */
  void *find_ctx;
};

struct member_thread {
  struct line *link; /* NULL: there is no fleet */
  struct share *share;
};
/* False: out of memory; member_thread_free then frees what there is. */
bool member_thread_init(struct member_thread *t, const struct member *m, const struct member_parts *parts);
void member_thread_stop(struct member_thread *t, uint64_t now_ms); /* after forward_stop */
void member_thread_free(struct member_thread *t);                  /* when the loop has closed all handles */
#endif
