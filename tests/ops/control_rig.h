/* What the tests of the control socket share: the server on a socket in a folder of its own, with commands
 * for testing, and clients. One thread. */
#ifndef JIDNS_OPS_CONTROL_RIG_H
#define JIDNS_OPS_CONTROL_RIG_H
#include <uv.h>

#include "ops/control.h"

enum { HEARD_MAX = 1 << 20 };

struct control_rig {
  uv_loop_t loop;
  char folder[32], path[CONTROL_PATH];
  struct control *control;
  unsigned streams; /* that have begun and not ended */
};

/* Commands: "say WORD..." answers {"ok":true,"words":[...]}; "fail"; "long N OCTETS" sends N lines of so many
 * octets and then
 * {"ok":true,"lines":N}. */
struct control_rig *control_rig_new(void);
struct control_rig *control_rig_new_for(const char *group); /* its members may command, too */

/* All clients' descriptors but those in the test are closed by then; the loop must close, no stream be left.
 */
void control_rig_free(struct control_rig *r);

void control_rig_turns(struct control_rig *r, unsigned n);

int control_connect(struct control_rig *r); /* a client; it never blocks */
void control_say(int fd, const char *text); /* as it stands: with line feeds or without */

/* Turns until n lines have come, or the end, or two seconds; returns all that came, in static memory. */
const char *control_hear(struct control_rig *r, int fd, unsigned lines);

/* Turns a few times: has the other end hung up? What it had to say is left unread. */
bool control_is_closed(struct control_rig *r, int fd);
#endif
