/* Tells when resolv.conf has changed. */
#ifndef JIDNS_UPSTREAM_RESOLVWATCH_H
#define JIDNS_UPSTREAM_RESOLVWATCH_H
#include <stdbool.h>
#include <uv.h>

/* It is looked at so often: a change is told when two looks in a row saw the same, well within a second, and
 * a burst once. Looking sees what notices of the kernel miss: a file mounted over it, a link's target
 * replaced, a folder on its way exchanged. */
enum { RESOLVWATCH_MS = 300, RESOLVWATCH_REST = 9 };

struct resolvwatch;

/* Calls changed(ctx), which says whether it could make use of that: if not it is told again, RESOLVWATCH_REST
 * looks later. In the loop's thread, once soon and then each time that the file at path (borrowed, links
 * followed) is another one, came, went or was written to. NULL when memory is out. */
struct resolvwatch *resolvwatch_new(uv_loop_t *loop, const char *path, bool (*changed)(void *ctx), void *ctx);
void resolvwatch_close(struct resolvwatch *w); /* frees it in the loop's next turn; NULL is fine */
#endif
