/* A client put in the place of another: whatever answers the stand-in, at once or later, the one that wrapped
 * it sees first. */
#ifndef JIDNS_SERVER_CLIENT_WRAP_H
#define JIDNS_SERVER_CLIENT_WRAP_H
#include "base/must.h"
#include "forward/forward.h"

/* To be a member of what is allocated for the query; container() leads back to that. */
struct client_wrap {
  uint32_t magic;
  struct client client;   /* who asked */
  struct client stand_in; /* who gets the answer in its place */
};

/* Wraps a copy of the client. The stand-in asks from the same address over the same transport; its answers go
 * to `deliver`, and it has no connection to be cut. `magic` tells wraps of different kinds apart. */
static inline void client_wrap_init(struct client_wrap *w, const struct client *client, uint32_t magic,
                                    void (*deliver)(const struct client *stand_in, const uint8_t *msg,
                                                    size_t len)) {
  *w = (struct client_wrap){.magic = magic, .client = *client, .stand_in = *client};
  w->stand_in.owner = w;
  w->stand_in.deliver = deliver;
  w->stand_in.cut = NULL;
}

/* In `deliver`: the wrap of that stand-in. What the stand-in was told of the answer's age, or why there is
 * none, its client knows as well now. */
static inline struct client_wrap *client_wrap_of(const struct client *stand_in, uint32_t magic) {
  struct client_wrap *w = stand_in->owner;
  must(w->magic == magic);
  w->client.stale = stand_in->stale;
  w->client.why = stand_in->why;
  return w;
}
#endif
