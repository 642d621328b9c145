/* line.c: the connection to the fleet's engine. Exports line_*, but for line_target.c's. */
#include "share/line.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"

enum { LINE_MAGIC = 0x4c494e4b, READ_OCTETS = 16384, GREETING_MAX = 3 };

/* One connection; it outlives its link's interest by some turns of the loop. */
struct connection {
  struct carrier carrier;
  struct line *link; /* NULL: it is being closed */
  struct resp *resp;
  char in[READ_OCTETS];
};

struct line {
  uint32_t magic;
  struct engine engine;
  struct line_options o;
  struct line_facts facts;
  struct timer timer;
  struct connection *connection; /* NULL: there is none */
  struct list requests;          /* struct engine_request, oldest first */
  struct engine_request greeting;
  bool is_let_in[GREETING_MAX]; /* which of the greeting's commands must succeed */
  uint8_t *out;                 /* commands of this turn */
  size_t out_len, out_room;
  uint32_t rest_ms;
  uint64_t looked_ms; /* all that had come by then has been read */
  bool is_refused, is_stopped;
  bool has_served;         /* this connection: an answer to a miss */
  char refusal[LINE_WHY];  /* in the engine's words */
  char last_why[LINE_WHY]; /* that the log has */
  union addr addr;
  struct carrier_server server; /* of LINE_TLS */
  struct counters unused;       /* of its handshakes: they are none with servers that are asked */
};

static struct line *line_of(struct engine *e) {
  struct line *l = container(e, struct line, engine);
  must(l->magic == LINE_MAGIC);
  return l;
}

static void become(struct line *l, enum line_state state, uint64_t now_ms) {
  l->facts.state = state;
  l->facts.since_ms = now_ms;
}

/* ---- the end of a connection ---- */

static void lose_requests(struct line *l, uint64_t now_ms) {
  static const struct engine_reply lost = {.kind = ENGINE_LOST};
  while (!list_empty(&l->requests)) {
    struct engine_request *r = container(l->requests.next, struct engine_request, link);
    list_remove(&r->link);
    for (unsigned nth = r->heard, end = r->count; nth < end; nth++) r->done(r, nth, &lost, now_ms);
  }
}

static void drop_connection(struct line *l) {
  struct connection *c = l->connection;
  l->connection = NULL;
  if (l->out) explicit_bzero(l->out, l->out_len);
  l->out_len = 0;
  if (!c) return;
  c->link = NULL;
  carrier_close(&c->carrier);
}

/* The log has each reason once, until the engine is of use again. */
static void say_why(struct line *l) {
  char text[LINE_TARGET_TEXT];
  if (strcmp(l->last_why, l->facts.why) == 0) return;
  strcpy(l->last_why, l->facts.why);
  log_warn("share", "%s: %s; misses are asked of the servers alone until it is back",
           line_target_format(l->o.target, text), l->facts.why);
}

/* Words may be the engine's. */
static void rest(struct line *l, const char *words, uint64_t now_ms) {
  bool was_good = l->facts.state == LINE_UP && l->has_served && now_ms - l->facts.since_ms >= LINE_GOOD_MS;
  snprintf(l->facts.why, sizeof l->facts.why, "%s", words);
  for (char *c = l->facts.why; *c; c++) {
    if (*c < ' ' || *c > '~') *c = '?';
  }

  l->facts.lost += l->facts.state == LINE_UP;
  l->rest_ms = was_good || !l->rest_ms ? LINE_REST_MS : 2 * l->rest_ms;
  if (l->rest_ms > LINE_REST_MAX_MS) l->rest_ms = LINE_REST_MAX_MS;
  become(l, LINE_RESTS, now_ms);
  drop_connection(l);
  lose_requests(l, now_ms);
  if (l->is_stopped) return;
  say_why(l);
  timers_set(l->o.timers, &l->timer, now_ms + l->rest_ms / 2 + random_below(l->o.random, l->rest_ms / 2 + 1));
}

/* ---- replies ---- */

/* When the oldest request is answered at the latest. */
static void watch(struct line *l) {
  if (l->facts.state != LINE_UP) return;
  if (list_empty(&l->requests)) {
    timers_stop(l->o.timers, &l->timer);
    return;
  }
  const struct engine_request *first = container(l->requests.next, struct engine_request, link);
  timers_set(l->o.timers, &l->timer, first->sent_ms + LINE_SILENT_MS);
}

/* False: a reply that nobody has asked for. */
static bool deliver(struct line *l, const struct engine_reply *reply, uint64_t now_ms) {
  if (list_empty(&l->requests)) return false;
  struct engine_request *r = container(l->requests.next, struct engine_request, link);
  unsigned nth = r->heard++;
  if (r->heard == r->count) list_remove(&r->link);
  r->done(r, nth, reply, now_ms);
  return true;
}

static void read_replies(struct connection *c, uint64_t now_ms) {
  for (;;) {
    struct engine_reply reply;
    enum resp_next next = resp_next(c->resp, &reply);
    if (next == RESP_NONE) return;
    bool good = next == RESP_REPLY && deliver(c->link, &reply, now_ms);
    struct line *l = c->link;
    if (!good) rest(l, next == RESP_BROKEN ? resp_why(c->resp) : "it sends what nobody asked for", now_ms);
    else if (l->is_refused) rest(l, l->refusal, now_ms);
    if (!c->link) return;
  }
}

/* ---- the carrier's owner ---- */

static struct connection *connection_of(struct carrier *c) {
  return container(c, struct connection, carrier);
}

static void greet(struct line *l, uint64_t now_ms);

static void on_ready(struct carrier *c, uint64_t now_ms) { greet(connection_of(c)->link, now_ms); }

static uv_buf_t on_room(struct carrier *c) { return uv_buf_init(connection_of(c)->in, READ_OCTETS); }

static void on_octets(struct carrier *carrier, size_t len, uint64_t now_ms) {
  struct connection *c = connection_of(carrier);
  if (!c->link) return;
  if (!resp_put(c->resp, c->in, len)) rest(c->link, resp_why(c->resp), now_ms);
  else read_replies(c, now_ms);
}

static void on_rest(struct carrier *carrier, uint64_t now_ms) {
  struct line *l = connection_of(carrier)->link;
  (void)now_ms;
  if (l) watch(l);
}

static void on_failed(struct carrier *carrier, enum err why, uint64_t now_ms) {
  struct line *l = connection_of(carrier)->link;
  if (!l) return;
  const char *words = carrier->status && carrier->status != UV_EOF   ? uv_strerror(carrier->status)
                      : why == ERR_NONE || carrier->status == UV_EOF ? "it has closed the connection"
                                                                     : err_text(why);
  rest(l, words, now_ms);
}

static void on_gone(struct carrier *carrier) {
  struct connection *c = connection_of(carrier);
  resp_free(c->resp);
  free(c);
}

static const struct carrier_ops carrier_ops = {on_ready, on_room, on_octets, on_rest, on_failed, on_gone};

/* ---- requests ---- */

static bool put(struct line *l, const struct engine_command *command) {
  size_t len;
  char *octets = resp_command(l->o.hiredis, command, &len);
  if (!octets) return false;

  bool fits = l->out_len + len <= LINE_OUT_MAX;
  if (fits && l->out_len + len > l->out_room) {
    size_t room = (l->out_len + len) * 2;
    uint8_t *more = realloc(l->out, room);
    fits = more != NULL;
    if (more) l->out = more, l->out_room = room;
  }
  if (fits) memcpy(l->out + l->out_len, octets, len);
  if (fits) l->out_len += len;
  resp_command_free(l->o.hiredis, octets);
  return fits;
}

static bool queue(struct line *l, struct engine_request *r, const struct engine_command *list, unsigned n,
                  uint64_t now_ms) {
  size_t before = l->out_len;
  for (unsigned i = 0; i < n; i++) {
    if (put(l, &list[i])) continue;
    l->out_len = before;
    return false;
  }
  r->count = n;
  r->heard = 0;
  r->sent_ms = now_ms;
  list_append(&l->requests, &r->link);
  return true;
}

static bool put_request(struct engine *e, struct engine_request *r, const struct engine_command *list,
                        unsigned n, uint64_t now_ms) {
  struct line *l = line_of(e);
  if (l->facts.state != LINE_UP || l->is_refused) return false;
  bool was_empty = list_empty(&l->requests);
  if (!queue(l, r, list, n, now_ms)) return false;
  if (was_empty) watch(l);
  return true;
}

void line_flush(struct line *l, uint64_t now_ms) {
  l->looked_ms = now_ms;
  if (!l->out_len || !l->connection || !carrier_is_ready(&l->connection->carrier)) return;
  struct carrier_batch *b = carrier_batch_new(l->out_len);
  if (b) memcpy(b->octets, l->out, l->out_len);
  if (l->facts.state != LINE_UP) explicit_bzero(l->out, l->out_len); /* a password may be in it */
  l->out_len = 0;
  if (!b || !carrier_send(&l->connection->carrier, b)) rest(l, "out of memory", now_ms);
}

static bool is_ready(struct engine *e, uint64_t now_ms) {
  const struct line *l = line_of(e);
  if (l->facts.state != LINE_UP || l->is_refused) return false;
  if (list_empty(&l->requests)) return true;
  const struct engine_request *first = container(l->requests.next, struct engine_request, link);
  (void)now_ms; /* it may be there, and not yet read */
  return l->looked_ms < first->sent_ms + LINE_LATE_MS;
}

static size_t waiting(struct engine *e) {
  const struct line *l = line_of(e);
  return l->out_len + (l->connection ? carrier_unsent(&l->connection->carrier) : 0);
}

/* Called from within a reply: the connection ends behind it. */
static void refuse(struct engine *e, const char *words, uint64_t now_ms) {
  struct line *l = line_of(e);
  (void)now_ms;
  if (l->is_refused || l->facts.state != LINE_UP) return;
  l->is_refused = true;
  snprintf(l->refusal, sizeof l->refusal, "%s", words);
}

/* Only now is it known that it is good for something: it may let anybody in, and then refuse to answer. */
static void praise(struct engine *e) {
  struct line *l = line_of(e);
  char text[LINE_TARGET_TEXT];
  if (l->has_served || l->facts.state != LINE_UP) return;
  l->has_served = true;
  if (*l->last_why) log_info("share", "%s: it answers again", line_target_format(l->o.target, text));
  l->last_why[0] = 0;
}

static const struct engine_ops engine_ops = {is_ready, put_request, waiting, praise, refuse};

/* ---- being let in ---- */

/* Who may give no such command, or has an engine without it, is let in all the same. */
static bool is_only_unknown(const struct engine_reply *reply) {
  const char *words = (const char *)reply->octets;
  return strncmp(words, "NOPERM", 6) == 0 || strncmp(words, "ERR unknown", 11) == 0;
}

/* Words to AUTH and the like, but for what repeats a command's arguments: a secret may be among them. */
static void quote_refusal(struct line *l, const char *words) {
  const char *args = strstr(words, "with args");
  size_t len = args ? (size_t)(args - words) : strlen(words);
  while (len && strchr(" ,", words[len - 1])) len--;
  if (*l->o.password && memmem(words, len, l->o.password, strlen(l->o.password))) len = strcspn(words, " ");
  snprintf(l->refusal, sizeof l->refusal, "%.*s", (int)(len < LINE_WHY ? len : LINE_WHY - 1), words);
}

static void on_greeted(struct engine_request *r, unsigned nth, const struct engine_reply *reply,
                       uint64_t now_ms) {
  struct line *l = container(r, struct line, greeting);
  char text[LINE_TARGET_TEXT];
  if (reply->kind == ENGINE_LOST || l->is_refused) return;
  if (reply->kind == ENGINE_ERROR && (l->is_let_in[nth] || !is_only_unknown(reply))) {
    l->is_refused = true;
    quote_refusal(l, (const char *)reply->octets);
    return;
  }
  if (nth + 1 < r->count) return;

  become(l, LINE_UP, now_ms);
  l->facts.why[0] = 0;
  l->facts.connects++;
  timers_stop(l->o.timers, &l->timer);
  if (!*l->last_why) log_info("share", "%s: connected", line_target_format(l->o.target, text));
  l->engine.up(l->engine.ctx, now_ms);
}

static struct engine_arg word(const char *text) { return (struct engine_arg){text, strlen(text)}; }

static void greet(struct line *l, uint64_t now_ms) {
  struct engine_command list[GREETING_MAX];
  char db[16];
  unsigned n = 0;
  if (*l->o.password) {
    l->is_let_in[n] = true;
    if (*l->o.user)
      list[n++] = (struct engine_command){3, {word("AUTH"), word(l->o.user), word(l->o.password)}};
    else list[n++] = (struct engine_command){2, {word("AUTH"), word(l->o.password)}};
  }

  l->is_let_in[n] = false;
  list[n++] = (struct engine_command){3, {word("CLIENT"), word("SETNAME"), word("jidnsd")}};
  if (l->o.target->db) {
    snprintf(db, sizeof db, "%u", l->o.target->db);
    l->is_let_in[n] = true;
    list[n++] = (struct engine_command){2, {word("SELECT"), word(db)}};
  }

  l->greeting.done = on_greeted;
  if (!queue(l, &l->greeting, list, n, now_ms)) rest(l, "out of memory", now_ms);
  else line_flush(l, now_ms);
}

/* ---- connecting ---- */

static bool open_connection(struct line *l, struct connection *c, uint64_t now_ms) {
  bool is_tls = l->o.target->way == LINE_TLS, is_unix = l->o.target->way == LINE_UNIX;
  bool good = is_unix
                  ? carrier_init_pipe(&c->carrier, l->o.loop, &carrier_ops)
                  : carrier_init(&c->carrier, l->o.loop, &l->addr, &carrier_ops, is_tls ? &l->server : NULL);
  if (!good) {
    resp_free(c->resp);
    free(c);
    return false;
  }

  l->connection = c;
  return is_unix ? carrier_connect_pipe(&c->carrier, l->o.target->name, now_ms)
                 : carrier_connect(&c->carrier, &l->addr, now_ms);
}

static void connect_to(struct line *l, uint64_t now_ms) {
  struct connection *c = malloc(sizeof *c);
  if (c) *c = (struct connection){.link = l, .resp = resp_new(l->o.hiredis)};
  if (!c || !c->resp) {
    free(c);
    rest(l, "out of memory", now_ms);
    return;
  }

  become(l, LINE_CONNECTS, now_ms);
  l->is_refused = l->has_served = false;
  timers_set(l->o.timers, &l->timer, now_ms + LINE_CONNECT_MS);
  if (!open_connection(l, c, now_ms)) rest(l, "no connection can be opened", now_ms);
  else if (l->o.target->way != LINE_TLS) greet(l, now_ms);
}

void line_found(struct line *l, const union addr *addr, uint64_t now_ms) {
  if (l->facts.state != LINE_FINDS) return;
  if (!addr) {
    rest(l, "its name has no address", now_ms);
    return;
  }

  l->addr = *addr;
  if (addr->any.sa_family == AF_INET6) l->addr.v6.sin6_port = htons(l->o.target->port);
  else l->addr.v4.sin_port = htons(l->o.target->port);
  bool is_new = l->server.context != l->o.trust || !addr_equal(&l->server.addr, &l->addr);
  if (l->o.target->way == LINE_TLS && is_new) {
    union addr literal;
    struct tls_expect expect = {.pin_count = 0};
    if (!addr_parse(l->o.target->name, 1, &literal))
      snprintf(expect.name, sizeof expect.name, "%s", l->o.target->name);
    carrier_server_close(&l->server);
    carrier_server_init(&l->server, l->o.trust, &l->addr, &expect, NULL, &l->unused);
  }
  connect_to(l, now_ms);
}

static void find(struct line *l, uint64_t now_ms) {
  union addr addr;
  become(l, LINE_FINDS, now_ms);
  timers_set(l->o.timers, &l->timer, now_ms + LINE_CONNECT_MS);
  if (l->o.target->way == LINE_UNIX) connect_to(l, now_ms);
  else if (addr_parse(l->o.target->name, l->o.target->port, &addr)) line_found(l, &addr, now_ms);
  else if (l->o.find) l->o.find(l->o.find_ctx, l->o.target->name, now_ms);
  else line_found(l, NULL, now_ms);
}

static void on_timer(struct timer *t, uint64_t now_ms) {
  struct line *l = container(t, struct line, timer);
  must(l->magic == LINE_MAGIC);
  switch (l->facts.state) {
  case LINE_RESTS: find(l, now_ms); break;
  case LINE_FINDS: rest(l, "its name was not found in time", now_ms); break;
  case LINE_CONNECTS: rest(l, "it does not answer", now_ms); break;
  default:
    if (!list_empty(&l->requests)) rest(l, "it does not answer", now_ms);
  }
}

/* ---- its life ---- */

struct line *line_new(const struct line_options *options) {
  struct line *l = calloc(1, sizeof *l);
  if (!l || !timers_promise(options->timers)) {
    free(l);
    return NULL;
  }
  l->magic = LINE_MAGIC;
  l->o = *options;
  l->engine.ops = &engine_ops;
  l->timer.fire = on_timer;
  list_init(&l->requests);
  return l;
}

struct engine *line_engine(struct line *l) {
  return &l->engine;
}
const struct line_facts *line_look(const struct line *l) { return &l->facts; }
void line_use_trust(struct line *l, struct tls_context *trust) {
  if (trust && l->o.target->way == LINE_TLS) l->o.trust = trust;
}

void line_start(struct line *l, uint64_t now_ms) { find(l, now_ms); }

void line_stop(struct line *l, uint64_t now_ms) {
  l->is_stopped = true;
  timers_stop(l->o.timers, &l->timer);
  rest(l, "jidnsd stops", now_ms);
}

void line_free(struct line *l) {
  if (!l) return;
  must(l->is_stopped || l->facts.state == LINE_RESTS);
  timers_stop(l->o.timers, &l->timer);
  timers_release(l->o.timers);
  carrier_server_close(&l->server);
  free(l->out);
  l->magic = 0;
  free(l);
}
