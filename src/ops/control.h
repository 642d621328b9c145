/* Commands over a unix stream socket: a line comes in, lines of JSON go out. doc/control.md is the protocol.
 * What the commands are and do is the daemon's. */
#ifndef JIDNS_OPS_CONTROL_H
#define JIDNS_OPS_CONTROL_H
#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>
#include <uv.h>

#include "base/jsonw.h"

enum {
  CONTROL_PATH = 108,       /* octets of a socket's path with its NUL: what the kernel takes */
  CONTROL_GROUP = 33,       /* and of a group's name */
  CONTROL_LINE = 2048,      /* octets of a request with its line feed; a name has at most 1004 */
  CONTROL_WORDS = 16,       /* of a request */
  CONTROL_CONNECTIONS = 32, /* one more takes the place of the idlest */
  CONTROL_IDLE_MS = 60000,  /* without a whole request a connection lives so long, */
  CONTROL_STUCK_MS = 10000, /* and so long with an answer that it doesn't read */
  CONTROL_CHUNK = 64 << 10  /* octets of a long answer that are made before they are written */
};

/* ---- the socket ---- */

struct control_policy {
  char path[CONTROL_PATH];   /* "": none */
  bool usual;                /* it is where jidns looks: it may be impossible */
  char group[CONTROL_GROUP]; /* whose members may command besides root and the daemon's user; "": nobody's */
};

/* Zeroed it is none. */
struct control_socket {
  int fd; /* -1: none */
  char path[CONTROL_PATH];
  dev_t device; /* the file's, to know it by */
  ino_t inode;
  uid_t uid; /* who may command besides root and the group: as who the daemon runs, or root */
  bool has_group;
  gid_t group;
  bool not_group; /* the kernel would not give the file to the group: it is for root and the daemon's user */
  bool for_root;  /* nor to that user: it is for root */
};

/* Is there such a group as the options name, if they name one? False, and the reason in one line on err, when
 * not. */
bool control_has_group(const struct control_policy *o, FILE *err);

/* Binds the socket with mode 0660 for uid, who may command, and gid (the group of the options instead, if
 * there is one): to be called while the process may still do so. A dead daemon's file is replaced. False, and
 * the reason in one line on err, when it can't be had; where only the usual path can't, there is none, and
 * the log says why. A group that the file can't be given to is warned of: who is not root can give files only
 * to groups of his own. */
bool control_bind(struct control_socket *s, const struct control_policy *o, uid_t uid, gid_t gid, FILE *err);
/* closes it and removes its file, unless that is another's by now */
void control_unbind(struct control_socket *s);

/* May the process at the other end of fd command? Root, the socket's user, members of the socket's group.
 * uid: its user. */
bool control_may(const struct control_socket *s, int fd, uid_t *uid);

/* ---- commands ---- */

struct control_reply;

struct control_command {
  const char *name, *words, *help; /* "flush", "NAME [TYPE]", a sentence */
  /* argv[0] is the name; the words are printable ASCII, in quotes tabs too. Writes members of the answer's
   * object, or calls one of the below. */
  void (*run)(void *ctx, struct control_reply *r, unsigned argc, char *const *argv);
};

/* The answer's object, open for members. */
struct jsonw *control_json(struct control_reply *r);

/* What was written goes; the answer is this sentence. */
void control_fail(struct control_reply *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A long answer, made as fast as it is read. */
struct control_stream {
  bool (*next)(void *state, struct jsonw *j); /* writes some lines, each an object; false: that was all */
  /* frees state; j: the last object, for members; NULL: nobody hears it */
  void (*end)(void *state, struct jsonw *j);
  void *state;
};
/* What was written goes; the stream is taken over. */
void control_send(struct control_reply *r, const struct control_stream *stream);

/* ---- the server ---- */

struct control;

/* Listens on loop; takes the socket over. commands and ctx are borrowed until the loop's turns after
 * control_close. NULL when memory is out or the socket is none. */
struct control *control_new(uv_loop_t *loop, struct control_socket *s, const struct control_command *commands,
                            unsigned count, void *ctx);
/* closes all, and frees itself in the loop's next turns; NULL is allowed */
void control_close(struct control *c);
#endif
