/* tcp_limits.c: how many connections, and how many octets, clients over TCP may hold, and who leaves for
 * others. Exports tcp_limits_*. */
#include "base/clock.h"
#include "base/must.h"
#include "base/prefix.h"
#include "server/serve_tcp_priv.h"

enum {
  LOCAL_PART = 8,    /* one connection in so many is for loopback alone */
  STRANGER_PART = 4, /* strangers may have one in so many */
  HOST_PART = 4,     /* a host may hold one octet in so many */
  STUCK_MS = 1000    /* who owes answers that the client has not taken for so long */
};

static bool same_host(const struct serve_conn *c, const struct prefix *host) {
  struct prefix p = prefix_of_host(&c->client.peer);
  return prefix_equal(&p, host);
}

/* What its leaving would cost: who has the least leaves first. */
enum cost {
  COST_LEAVING,
  COST_STRANGER,
  COST_IDLE,
  COST_STUCK,
  COST_BUSY,
  COST_TOO_MUCH /* it stays */
};

static enum cost cost_of(const struct serve_conn *c, enum tcp_standing newcomer, uint64_t now_ms) {
  if (c->standing > newcomer) return COST_TOO_MUCH;
  if (c->state == CONN_LEAVING) return COST_LEAVING;
  if (c->standing == TCP_STRANGER) return COST_STRANGER;
  if (serve_conn_is_idle(c)) return COST_IDLE;
  if (c->unsent && now_ms - c->active_ms >= STUCK_MS) return COST_STUCK;
  return c->standing < newcomer ? COST_BUSY : COST_TOO_MUCH;
}

/* Who is there already, and who of them, and of the newcomer's host, would leave. */
struct crowd {
  unsigned strangers, others, same;
  struct serve_conn *leaves, *leaves_same;
};

static void survey(struct serve_tcp *t, const struct prefix *host, enum tcp_standing newcomer,
                   struct crowd *crowd) {
  enum cost least = COST_TOO_MUCH, least_same = COST_TOO_MUCH;
  uint64_t now_ms = clock_ms();

  list_each(node, &t->conns) {
    struct serve_conn *c = container(node, struct serve_conn, by_age);
    enum cost cost = cost_of(c, newcomer, now_ms);
    bool same = same_host(c, host);
    crowd->strangers += c->standing == TCP_STRANGER;
    crowd->others += c->standing != TCP_LOCAL;
    crowd->same += same;
    if (cost < least) {
      least = cost;
      crowd->leaves = c;
    }
    if (same && cost < least_same) {
      least_same = cost;
      crowd->leaves_same = c;
    }
  }
}

bool tcp_limits_connection(struct serve_tcp *t, const union addr *peer, enum tcp_standing standing) {
  unsigned most = t->options.connections;
  struct prefix host = prefix_of_host(peer);
  struct crowd crowd = {0};
  if (standing == TCP_LOCAL && t->conn_count < most) return true;

  survey(t, &host, standing, &crowd);
  bool host_full = standing != TCP_LOCAL && crowd.same >= t->options.per_host;
  bool full = t->conn_count >= most || (standing != TCP_LOCAL && crowd.others >= most - most / LOCAL_PART) ||
              (standing == TCP_STRANGER && crowd.strangers >= most / STRANGER_PART);
  if (!host_full && !full) return true;

  struct serve_conn *leaves = host_full ? crowd.leaves_same : crowd.leaves;
  if (leaves) serve_conn_close(leaves);
  return leaves != NULL;
}

/* Those of that host (NULL: of all) that hold something: how much, and who of them makes room for c. */
static size_t held_by(struct serve_tcp *t, const struct prefix *host, const struct serve_conn *c,
                      struct serve_conn **leaves) {
  size_t held = 0;
  *leaves = NULL;
  list_each(node, &t->conns) {
    struct serve_conn *other = container(node, struct serve_conn, by_age);
    if (!other->held || (host && !same_host(other, host))) continue;
    held += other->held;
    if (other == c || other->standing > c->standing) continue;
    if (!*leaves || other->standing < (*leaves)->standing) *leaves = other;
  }
  return held;
}

static bool make_octets(struct serve_conn *c, const struct prefix *host, size_t most, size_t more) {
  struct serve_conn *leaves;
  while (held_by(c->owner, host, c, &leaves) + more > most) {
    if (!leaves) return false;
    count(c->owner->serve->counters, send_failed);
    serve_conn_close(leaves);
  }
  return true;
}

bool tcp_limits_octets(struct serve_conn *c, size_t more) {
  struct serve_tcp *t = c->owner;
  struct prefix host = prefix_of_host(&c->client.peer);
  size_t most = t->options.held;
  if (t->held + more <= most / HOST_PART) return true; /* so no host has more */

  if (c->standing != TCP_LOCAL && !make_octets(c, &host, most / HOST_PART, more)) return false;
  return t->held + more <= most || make_octets(c, NULL, most, more);
}
