/* control.c: takes requests from the control socket's clients and sends them what the commands say. Exports
 * control_new, control_close, control_json, control_fail, control_send. */
#include "ops/control.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/list.h"
#include "base/log.h"
#include "base/must.h"
#include "loop/watch.h"

enum {
  CONTROL_MAGIC = 0x6374726c,
  CLIENT_MAGIC = 0x636c6e74,
  SWEEP_MS = 1000,
  ACCEPTS = 16 /* a turn of the loop */
};

/* A connection, in the list of those that are idle or of those that have an answer under way. */
struct control_client {
  struct list link;
  uint32_t magic;
  struct control *control;
  uv_pipe_t pipe;
  uv_write_t write;
  uint64_t since_ms; /* of its last whole request, or of what it last read of an answer */
  bool busy;         /* which of the lists it is in */
  bool ended;        /* it sends no more */
  bool last;         /* what is being written is the last it gets */
  bool closing;
  char line[CONTROL_LINE];
  size_t len;                   /* octets in line */
  struct jsonw out;             /* what is being written */
  struct control_stream stream; /* what comes after it; next is NULL: nothing */
};

struct control_reply {
  struct jsonw *json;
  struct control_stream *stream;
};

struct control {
  uint32_t magic;
  struct control_socket socket;
  uv_poll_t door;
  uv_timer_t timer; /* set while there are clients, or the door is shut */
  unsigned handles; /* not closed yet: door, timer, clients' */
  const struct control_command *commands;
  unsigned command_count;
  void *ctx;
  struct list idle, busy; /* struct control_client; idle: who waits longest comes first */
  unsigned clients;       /* in both */
};

static void turn(struct control_client *k);

static struct control *control_of(void *data) {
  struct control *c = data;
  must(c->magic == CONTROL_MAGIC);
  return c;
}

static struct control_client *client_of(void *data) {
  struct control_client *k = data;
  must(k->magic == CLIENT_MAGIC);
  return k;
}

/* ---- the end of things ---- */

static void handle_closed(struct control *c) {
  if (--c->handles) return;
  c->magic = 0;
  free(c);
}

static void stop_stream(struct control_client *k, struct jsonw *j) {
  if (k->stream.next) k->stream.end(k->stream.state, j);
  k->stream = (struct control_stream){0};
}

static void on_client_closed(uv_handle_t *handle) {
  struct control_client *k = client_of(handle->data);
  struct control *c = k->control;
  jsonw_free(&k->out);
  k->magic = 0;
  free(k);
  handle_closed(c);
}

static void close_client(struct control_client *k) {
  if (k->closing) return;
  k->closing = true;
  k->control->clients--;
  list_remove(&k->link);
  stop_stream(k, NULL);
  uv_close((uv_handle_t *)&k->pipe, on_client_closed);
}

static void on_handle_closed(uv_handle_t *handle) { handle_closed(control_of(handle->data)); }

static void close_list(struct list *clients) {
  list_each(node, clients) close_client(container(node, struct control_client, link));
}

void control_close(struct control *c) {
  if (!c) return;
  close_list(&c->idle);
  close_list(&c->busy);
  uv_close((uv_handle_t *)&c->timer, on_handle_closed);
  uv_close((uv_handle_t *)&c->door, on_handle_closed);
  control_unbind(&c->socket);
}

/* ---- what commands do with an answer ---- */

struct jsonw *control_json(struct control_reply *r) {
  return r->json;
}

static void start_over(struct jsonw *j) {
  j->len = 0;
  j->lost = j->continues = false;
}

void control_fail(struct control_reply *r, const char *format, ...) {
  char text[400];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  start_over(r->json);
  jsonw_open(r->json, NULL, '{');
  jsonw_bool(r->json, "ok", false);
  jsonw_string(r->json, "error", text);
}

void control_send(struct control_reply *r, const struct control_stream *stream) {
  start_over(r->json);
  *r->stream = *stream;
}

/* ---- writing ---- */

static void on_written(uv_write_t *write, int status) {
  struct control_client *k = client_of(write->data);
  if (k->closing) return;
  k->since_ms = uv_now(k->pipe.loop);
  if (status < 0 || k->last) close_client(k);
  else turn(k);
}

/* Moves the client to the end of the other list and starts its time anew. */
static void set_busy(struct control_client *k, bool busy) {
  if (k->busy == busy) return;
  k->busy = busy;
  k->since_ms = uv_now(k->pipe.loop);
  list_remove(&k->link);
  list_append(busy ? &k->control->busy : &k->control->idle, &k->link);
}

static void write_out(struct control_client *k) {
  static const char no_memory[] = "{\"ok\":false,\"error\":\"out of memory\"}\n";
  uv_buf_t buf = uv_buf_init(k->out.text, (unsigned)k->out.len);
  if (k->out.lost) {
    stop_stream(k, NULL);
    buf = uv_buf_init((char *)(uintptr_t)no_memory, sizeof no_memory - 1);
  }
  k->write.data = k;
  uv_stream_t *stream = (uv_stream_t *)&k->pipe;
  if (watch_stream(stream) < 0 || uv_write(&k->write, stream, &buf, 1, on_written) != 0) close_client(k);
}

/* The next piece of a long answer. */
static void write_stream(struct control_client *k) {
  struct jsonw *j = &k->out;
  start_over(j);
  while (j->len < CONTROL_CHUNK && !j->lost) {
    if (k->stream.next(k->stream.state, j)) continue;
    jsonw_open(j, NULL, '{');
    jsonw_bool(j, "ok", true);
    stop_stream(k, j);
    jsonw_close(j, '}');
    jsonw_line(j);
    break;
  }
  write_out(k);
}

static void answer_error(struct control_client *k, const char *text) {
  struct control_reply r = {.json = &k->out, .stream = &k->stream};
  control_fail(&r, "%s", text);
  jsonw_close(&k->out, '}');
  jsonw_line(&k->out);
  write_out(k);
}

/* ---- requests ---- */

static void list_commands(const struct control *c, struct jsonw *j) {
  jsonw_open(j, "commands", '[');
  for (unsigned i = 0; i < c->command_count; i++) {
    jsonw_open(j, NULL, '{');
    jsonw_string(j, "name", c->commands[i].name);
    jsonw_string(j, "words", c->commands[i].words);
    jsonw_string(j, "help", c->commands[i].help);
    jsonw_close(j, '}');
  }
  jsonw_close(j, ']');
}

static void run(struct control *c, struct control_reply *r, unsigned argc, char *const *argv) {
  if (strcmp(argv[0], "help") == 0) {
    list_commands(c, r->json);
    return;
  }
  for (unsigned i = 0; i < c->command_count; i++) {
    if (strcmp(argv[0], c->commands[i].name) != 0) continue;
    c->commands[i].run(c->ctx, r, argc, argv);
    return;
  }
  control_fail(r, "%.40s: there is no such command; help lists them", argv[0]);
}

/* Words set apart by blanks; in double quotes a word may hold some. NULL, or what is wrong. */
static const char *split(char *line, char *argv[CONTROL_WORDS], unsigned *argc) {
  *argc = 0;
  for (char *p = line; *p;) {
    if (*p == ' ' || *p == '\t') {
      p++;
      continue;
    }
    if (*argc == CONTROL_WORDS) return "too many words";
    bool quoted = *p == '"';
    argv[*argc] = p += quoted;
    (*argc)++;
    p += strcspn(p, quoted ? "\"" : " \t");
    if (quoted && !*p) return "a quotation mark is missing";
    if (*p) *p++ = 0;
  }

  return *argc ? NULL : "an empty request; help lists the commands";
}

static bool is_text(const char *line, size_t len) {
  for (size_t i = 0; i < len; i++) {
    if ((line[i] < ' ' || line[i] > '~') && line[i] != '\t') return false;
  }
  return true;
}

/* Answers the request of len octets at line, which is written into. */
static void answer(struct control_client *k, char *line, size_t len) {
  char *argv[CONTROL_WORDS];
  unsigned argc;
  struct control_reply r = {.json = &k->out, .stream = &k->stream};

  if (len > 0 && line[len - 1] == '\r') len--;
  line[len] = 0;
  const char *wrong = is_text(line, len) ? split(line, argv, &argc) : "should be printable ASCII";
  if (wrong) {
    answer_error(k, wrong);
    return;
  }

  start_over(&k->out);
  jsonw_open(&k->out, NULL, '{');
  jsonw_bool(&k->out, "ok", true);
  run(k->control, &r, argc, argv);
  if (k->stream.next) {
    write_stream(k);
    return;
  }

  jsonw_close(&k->out, '}');
  jsonw_line(&k->out);
  write_out(k);
}

/* ---- reading ---- */

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf) {
  (void)suggested;
  struct control_client *k = client_of(handle->data);
  *buf = uv_buf_init(k->line + k->len, (unsigned)(sizeof k->line - k->len));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf) {
  (void)buf;
  struct control_client *k = client_of(stream->data);
  if (n == 0) return;
  if (n > 0) k->len += (size_t)n;
  else if (n == UV_EOF) k->ended = true;
  if (n < 0 && !k->ended) close_client(k);
  else turn(k);
}

static void start_reading(struct control_client *k) {
  uv_stream_t *stream = (uv_stream_t *)&k->pipe;
  if (watch_stream(stream) < 0 || uv_read_start(stream, on_room, on_read) != 0) close_client(k);
}

/* What comes next for a client of whom nothing is being written: the rest of an answer, the next request, or
 * waiting. While one is busy nothing is read of it. */
static void turn(struct control_client *k) {
  char line[CONTROL_LINE + 1], *feed = memchr(k->line, '\n', k->len);
  size_t len = feed ? (size_t)(feed - k->line) : k->len;
  bool whole = feed || (k->ended && len > 0), full = !feed && k->len == sizeof k->line;

  if (k->stream.next || whole || full) {
    uv_read_stop((uv_stream_t *)&k->pipe);
    set_busy(k, true);
  }

  if (k->stream.next) {
    write_stream(k);
  } else if (full) {
    k->last = true;
    answer_error(k, "too long a request");
  } else if (whole) {
    size_t taken = feed ? len + 1 : len;
    memcpy(line, k->line, len);
    k->len -= taken;
    memmove(k->line, k->line + taken, k->len);
    answer(k, line, len);
  } else if (k->ended) {
    close_client(k);
  } else if (k->busy) {
    jsonw_free(&k->out);
    set_busy(k, false);
    start_reading(k);
  }
}

/* ---- the door ---- */

static void on_acceptable(uv_poll_t *poll, int status, int events);

static bool is_open(const struct control *c) { return uv_is_active((const uv_handle_t *)&c->door); }

static void sweep(struct list *clients, uint64_t now_ms, uint64_t most_ms) {
  list_each(node, clients) {
    struct control_client *k = container(node, struct control_client, link);
    if (now_ms - k->since_ms >= most_ms) close_client(k);
  }
}

static void on_sweep(uv_timer_t *timer) {
  struct control *c = control_of(timer->data);
  uint64_t now_ms = uv_now(timer->loop);
  sweep(&c->idle, now_ms, CONTROL_IDLE_MS);
  sweep(&c->busy, now_ms, CONTROL_STUCK_MS);
  if (!is_open(c)) watch_start(&c->door, UV_READABLE, on_acceptable); /* or the next time */
  if (!c->clients && is_open(c)) uv_timer_stop(timer);
}

static void start_sweeping(struct control *c) {
  if (!uv_is_active((uv_handle_t *)&c->timer)) uv_timer_start(&c->timer, on_sweep, SWEEP_MS, SWEEP_MS);
}

/* Says why and hangs up. The line fits into an empty socket's buffer; who gives a client no time to read it
 * loses nothing. */
static void reject(int fd, const char *why) {
  char line[200];
  int n = snprintf(line, sizeof line, "{\"ok\":false,\"error\":\"%s\"}\n", why);
  if (send(fd, line, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
    log_debug("ops", "control: %s", strerror(errno));
  close(fd);
}

/* Is there room for one more? The idlest leaves if need be. */
static bool make_room(struct control *c) {
  if (c->clients < CONTROL_CONNECTIONS) return true;
  if (list_empty(&c->idle)) return false;
  close_client(container(c->idle.next, struct control_client, link));
  return true;
}

/* Takes fd over. */
static void take(struct control *c, int fd) {
  struct control_client *k = calloc(1, sizeof *k);
  if (!k || uv_pipe_init(c->door.loop, &k->pipe, 0) != 0) {
    free(k);
    reject(fd, "out of memory");
    return;
  }

  k->magic = CLIENT_MAGIC;
  k->control = c;
  k->pipe.data = k;
  k->since_ms = uv_now(c->door.loop);
  list_init(&k->link);
  list_append(&c->idle, &k->link);
  c->clients++;
  c->handles++;
  start_sweeping(c);
  if (uv_pipe_open(&k->pipe, fd) == 0) {
    start_reading(k);
    return;
  }

  close(fd);
  close_client(k);
}

static void greet(struct control *c, int fd) {
  uid_t uid;
  if (!control_may(&c->socket, fd, &uid)) {
    log_info("ops", "control: user %d may not command", (int)uid);
    reject(fd, "only root, jidnsd's own user and the members of its control group may command");
  } else if (!make_room(c)) {
    reject(fd, "too many connections");
  } else {
    take(c, fd);
  }
}

static void on_acceptable(uv_poll_t *poll, int status, int events) {
  (void)events;
  struct control *c = control_of(poll->data);
  for (int i = 0; i < ACCEPTS && status == 0; i++) {
    int fd = accept4(c->socket.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      greet(c, fd);
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      uv_poll_stop(poll); /* the door stays readable: a pause, not a spin */
      start_sweeping(c);
      break;
    } else if (errno != ECONNABORTED && errno != EINTR) {
      break;
    }
  }
}

struct control *control_new(uv_loop_t *loop, struct control_socket *s, const struct control_command *commands,
                            unsigned count, void *ctx) {
  struct control *c = s->fd >= 0 ? calloc(1, sizeof *c) : NULL;
  if (!c || uv_poll_init(loop, &c->door, s->fd) != 0) {
    free(c);
    return NULL;
  }

  must(uv_timer_init(loop, &c->timer) == 0);
  c->magic = CONTROL_MAGIC;
  c->handles = 2;
  c->commands = commands;
  c->command_count = count;
  c->ctx = ctx;
  c->door.data = c->timer.data = c;
  list_init(&c->idle);
  list_init(&c->busy);
  c->socket = *s;
  s->fd = -1;
  if (watch_start(&c->door, UV_READABLE, on_acceptable) < 0) start_sweeping(c);
  return c;
}
