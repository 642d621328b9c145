/* http2.c: HTTP/2 through nghttp2, whose octets come and go in memory. Exports http2_*. */
#include "upstream/http2.h"

#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/library.h"
#include "base/must.h"
#include "config.h"

enum {
  CONNECTION_WINDOW = 1 << 20, /* octets that the server may send before we say that they were read */
  BODY_FIRST = 1024            /* octets of room for a reply at first */
};

#define DNS_MESSAGE "application/dns-message"

/* clang-format off */
#define H2_FUNCTIONS(F)                                                                                      \
  F(session_client_new2) F(session_del) F(session_mem_recv) F(session_mem_send) F(session_want_read)         \
  F(session_want_write) F(session_set_local_window_size) F(session_get_remote_settings)                      \
  F(session_get_stream_user_data) F(session_set_stream_user_data)                \
  F(submit_settings) F(submit_request) F(submit_rst_stream) F(submit_ping) F(strerror)                       \
  F(option_new) F(option_del) F(option_set_max_outbound_ack)       \
  F(session_callbacks_new) F(session_callbacks_del)                                                          \
  F(session_callbacks_set_on_begin_frame_callback) F(session_callbacks_set_on_frame_recv_callback)           \
  F(session_callbacks_set_on_header_callback) F(session_callbacks_set_on_data_chunk_recv_callback)           \
  F(session_callbacks_set_on_stream_close_callback) F(session_callbacks_set_on_frame_not_send_callback) \
  F(session_callbacks_set_on_invalid_frame_recv_callback)
/* clang-format on */

struct nghttp2 {
#define H2_MEMBER(name) LIBRARY_MEMBER(nghttp2_, name)
  H2_FUNCTIONS(H2_MEMBER)
};

static const struct library_symbol symbols[] = {
#define H2_SYMBOL(name) LIBRARY_SYMBOL(nghttp2_, struct nghttp2, name)
    H2_FUNCTIONS(H2_SYMBOL)};

struct http2_library {
  void *handle;
  struct nghttp2 f;
  nghttp2_session_callbacks *callbacks;
  nghttp2_option *options;
};

struct http2 {
  const struct http2_library *l;
  struct http2_target target;
  nghttp2_session *session;
  struct list waiting, under_way, finished; /* struct http2_request */
  unsigned streams, open;                   /* under way; they and those that wait */
  unsigned idle_frames;                     /* since the last reply */
  size_t idle_octets;
  unsigned sent; /* requests so far */
  bool leaving, is_broken;
  char why[HTTP2_WHY];
};

/* The reason, should the connection end: the first one that is known. */
static void note_why(struct http2 *h, const char *why) {
  if (!h->why[0]) snprintf(h->why, sizeof h->why, "%s", why);
}

static void give_up(struct http2 *h, const char *why) {
  note_why(h, why);
  h->is_broken = h->leaving = true;
}

static void finish(struct http2 *h, struct http2_request *r, enum http2_outcome outcome) {
  list_remove(&r->link);
  list_append(&h->finished, &r->link);
  if (r->stream) h->streams--;
  h->open--;
  r->outcome = outcome;
  r->was_cut = outcome == HTTP2_LOST && r->status;
  if (outcome == HTTP2_REPLIED) return;

  /* half a reply is none */
  http2_request_free(r);
  r->status = r->age_s = r->retry_after_s = 0;
  r->is_dns = false;
}

/* ---- a reply's header ---- */

static bool is_name(const char *name, size_t len, const char *wanted) {
  return len == strlen(wanted) && memcmp(name, wanted, len) == 0;
}

/* Digits alone, else `otherwise`; what is larger than 32 bits is their most. */
static uint32_t number(const char *text, size_t len, uint32_t otherwise) {
  uint64_t n = 0;
  if (len == 0) return otherwise;
  for (size_t i = 0; i < len; i++) {
    if (text[i] < '0' || text[i] > '9') return otherwise;
    if (n <= UINT32_MAX) n = n * 10 + (unsigned)(text[i] - '0');
  }
  return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

/* The media type, whose parameters don't matter (RFC 9110 section 8.3.1). */
static bool is_dns_message(const char *value, size_t len) {
  size_t n = strlen(DNS_MESSAGE);
  return len >= n && strncasecmp(value, DNS_MESSAGE, n) == 0 &&
         (len == n || value[n] == ';' || value[n] == ' ' || value[n] == '\t');
}

void http2_read_field(struct http2_request *r, const char *name, size_t name_len, const char *value,
                      size_t value_len) {
  if (is_name(name, name_len, ":status")) {
    /* one that was provisional (1xx) is forgotten */
    r->status = number(value, value_len, 0);
    r->is_dns = false;
    r->age_s = r->retry_after_s = 0;
  } else if (is_name(name, name_len, "content-type")) {
    r->is_dns = is_dns_message(value, value_len);
  } else if (is_name(name, name_len, "age")) {
    r->age_s = number(value, value_len, 0);
  } else if (is_name(name, name_len, "retry-after")) {
    r->retry_after_s = number(value, value_len, 0);
  }
}

/* ---- what nghttp2 calls ---- */

static struct http2_request *request_of(struct http2 *h, int32_t stream) {
  return stream > 0 ? h->l->f.session_get_stream_user_data(h->session, stream) : NULL;
}

/* The head of a frame came. Each costs one; those that bring a piece of a reply are free. */
static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *head, void *context) {
  struct http2 *h = context;
  (void)session, (void)head;
  if (++h->idle_frames <= HTTP2_IDLE_FRAMES) return 0;
  give_up(h, "it floods with frames");
  return NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *context) {
  struct http2_request *r = request_of(context, frame->hd.stream_id);
  (void)session, (void)flags;
  if (!r) return 0;

  r->field_octets += name_len + value_len;
  if (++r->fields > HTTP2_FIELDS_MAX || r->field_octets > HTTP2_FIELD_OCTETS)
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* the stream is reset */
  http2_read_field(r, (const char *)name, name_len, (const char *)value, value_len);
  return 0;
}

static bool body_add(struct http2_request *r, const uint8_t *octets, size_t len) {
  size_t need = r->body_len + len, room = r->body_room ? r->body_room : BODY_FIRST;
  if (need > HTTP2_BODY_MAX) return false;
  while (room < need) room *= 2;
  if (room != r->body_room) {
    uint8_t *body = realloc(r->body, room);
    if (!body) return false;
    r->body = body;
    r->body_room = room;
  }
  memcpy(r->body + r->body_len, octets, len);
  r->body_len = need;
  return true;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *octets, size_t len,
                   void *context) {
  struct http2 *h = context;
  struct http2_request *r = request_of(h, stream);
  (void)flags;
  if (!r) return 0;
  if (h->idle_frames) h->idle_frames--;
  if (!body_add(r, octets, len))
    h->l->f.submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream, NGHTTP2_ENHANCE_YOUR_CALM);
  return 0;
}

static void note_goaway(struct http2 *h, uint32_t error) {
  char why[HTTP2_WHY];
  snprintf(why, sizeof why, "it leaves with error %u", (unsigned)error);
  h->leaving = true;
  if (error != NGHTTP2_NO_ERROR) note_why(h, why);
}

/* The frame breaks the protocol: nghttp2 ends its stream or the connection. */
static int on_invalid_frame(nghttp2_session *session, const nghttp2_frame *frame, int error, void *context) {
  struct http2 *h = context;
  (void)session, (void)frame;
  note_why(h, h->l->f.strerror(error));
  return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *context) {
  struct http2 *h = context;
  struct http2_request *r = request_of(h, frame->hd.stream_id);
  (void)session;
  if (frame->hd.type == NGHTTP2_GOAWAY) note_goaway(h, frame->goaway.error_code);
  bool ends = (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
              frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
  if (r && ends) r->whole = true;
  return 0;
}

/* REFUSED_STREAM comes from the server, and from nghttp2 for all above the last stream of a GOAWAY. */
static int on_stream_close(nghttp2_session *session, int32_t stream, uint32_t error, void *context) {
  struct http2 *h = context;
  struct http2_request *r = request_of(h, stream);
  (void)session;
  if (!r) return 0;

  r->error = error;
  if (error == NGHTTP2_REFUSED_STREAM) {
    finish(h, r, HTTP2_UNTOUCHED);
  } else if (r->whole && error == NGHTTP2_NO_ERROR && r->status >= 200) {
    h->idle_frames = 0;
    h->idle_octets = 0;
    finish(h, r, HTTP2_REPLIED);
  } else {
    finish(h, r, HTTP2_BAD);
  }
  return 0;
}

/* A request that nghttp2 could not put into a stream, as a GOAWAY came before. */
static int on_not_sent(nghttp2_session *session, const nghttp2_frame *frame, int error, void *context) {
  struct http2 *h = context;
  (void)error;
  if (frame->hd.type != NGHTTP2_HEADERS) return 0;
  list_each(node, &h->under_way) {
    struct http2_request *r = container(node, struct http2_request, link);
    if (r->stream != frame->hd.stream_id) continue;
    h->l->f.session_set_stream_user_data(session, r->stream, NULL); /* its stream is closed later */
    finish(h, r, HTTP2_UNTOUCHED);
  }
  return 0;
}

/* ---- the library ---- */

static bool set_up(struct http2_library *l) {
  const struct nghttp2 *f = &l->f;
  if (f->session_callbacks_new(&l->callbacks) != 0 || f->option_new(&l->options) != 0) return false;
  f->session_callbacks_set_on_begin_frame_callback(l->callbacks, on_begin_frame);
  f->session_callbacks_set_on_frame_recv_callback(l->callbacks, on_frame);
  f->session_callbacks_set_on_header_callback(l->callbacks, on_header);
  f->session_callbacks_set_on_data_chunk_recv_callback(l->callbacks, on_data);
  f->session_callbacks_set_on_stream_close_callback(l->callbacks, on_stream_close);
  f->session_callbacks_set_on_frame_not_send_callback(l->callbacks, on_not_sent);
  f->session_callbacks_set_on_invalid_frame_recv_callback(l->callbacks, on_invalid_frame);
  f->option_set_max_outbound_ack(l->options, HTTP2_STREAMS); /* for PINGs and SETTINGS */
  return true;
}

struct http2_library *http2_load(FILE *err) {
  struct http2_library *l = must_zalloc(sizeof *l);
  l->handle = library_open(NGHTTP2_SONAME, symbols, sizeof symbols / sizeof *symbols, &l->f, err);
  if (l->handle && set_up(l)) return l;
  if (l->handle) fputs("nghttp2 can't be set up\n", err);
  http2_unload(l);
  return NULL;
}

void http2_unload(struct http2_library *l) {
  if (!l) return;
  if (l->callbacks) l->f.session_callbacks_del(l->callbacks);
  if (l->options) l->f.option_del(l->options);
  library_close(l->handle);
  free(l);
}

/* ---- the connection ---- */

static bool introduce(struct http2 *h) {
  static const nghttp2_settings_entry ours[] = {
      {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 0}, /* of the server's own */
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HTTP2_FIELD_OCTETS},
  };
  const struct nghttp2 *f = &h->l->f;
  return f->submit_settings(h->session, NGHTTP2_FLAG_NONE, ours, sizeof ours / sizeof *ours) == 0 &&
         f->session_set_local_window_size(h->session, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW) == 0;
}

struct http2 *http2_new(const struct http2_library *l, const struct http2_target *target) {
  struct http2 *h = calloc(1, sizeof *h);
  if (!h) return NULL;
  h->l = l;
  h->target = *target;
  list_init(&h->waiting);
  list_init(&h->under_way);
  list_init(&h->finished);
  if (l->f.session_client_new2(&h->session, l->callbacks, h, l->options) == 0 && introduce(h)) return h;
  http2_free(h);
  return NULL;
}

void http2_free(struct http2 *h) {
  if (!h) return;
  must(h->open == 0 && list_empty(&h->finished));
  h->l->f.session_del(h->session);
  free(h);
}

/* The question, from where it was left. */
static ssize_t read_question(nghttp2_session *session, int32_t stream, uint8_t *out, size_t room,
                             uint32_t *flags, nghttp2_data_source *source, void *context) {
  struct http2_request *r = request_of(context, stream);
  (void)session, (void)source;
  if (!r) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* it was dropped */
  size_t left = r->len - r->sent, n = left < room ? left : room;
  memcpy(out, r->question + r->sent, n);
  r->sent += n;
  if (n == left) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return (ssize_t)n;
}

static nghttp2_nv field(const char *name, const char *value) {
  /* nghttp2 copies both */
  union {
    const char *text;
    uint8_t *octets;
  } n = {name}, v = {value};
  return (nghttp2_nv){n.octets, v.octets, strlen(name), strlen(value), NGHTTP2_NV_FLAG_NONE};
}

static bool submit(struct http2 *h, struct http2_request *r) {
  char length[24];
  snprintf(length, sizeof length, "%zu", r->len);
  const nghttp2_nv fields[] = {
      field(":method", "POST"),        field(":scheme", "https"),    field(":authority", h->target.authority),
      field(":path", h->target.path),  field("accept", DNS_MESSAGE), field("content-type", DNS_MESSAGE),
      field("content-length", length),
  };
  const nghttp2_data_provider question = {.read_callback = read_question};
  r->stream = h->l->f.submit_request(h->session, NULL, fields, sizeof fields / sizeof *fields, &question, r);
  if (r->stream > 0) return true;
  r->stream = 0;
  return false;
}

static unsigned streams_allowed(const struct http2 *h) {
  uint32_t most = h->l->f.session_get_remote_settings(h->session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
  return most < HTTP2_STREAMS ? most : HTTP2_STREAMS;
}

/* Those that wait get streams, as far as there are any; none when the connection is left. */
static void start_waiting(struct http2 *h) {
  while (!list_empty(&h->waiting)) {
    struct http2_request *r = container(h->waiting.next, struct http2_request, link);
    if (h->leaving) {
      finish(h, r, HTTP2_UNTOUCHED);
    } else if (h->streams >= streams_allowed(h)) {
      return;
    } else if (submit(h, r)) {
      list_remove(&r->link);
      list_append(&h->under_way, &r->link);
      h->streams++;
      h->sent++;
    } else {
      h->leaving = true; /* the ids of streams are used up, or memory is out */
    }
  }
}

void http2_ask(struct http2 *h, struct http2_request *r) {
  *r = (struct http2_request){.question = r->question, .len = r->len};
  list_append(&h->waiting, &r->link);
  h->open++;
  if (h->is_broken) finish(h, r, HTTP2_UNTOUCHED);
}

static bool is_in(const struct list *head, const struct http2_request *r) {
  for (const struct list *node = head->next; node != head; node = node->next) {
    if (node == &r->link) return true;
  }
  return false;
}

void http2_drop(struct http2 *h, struct http2_request *r) {
  bool is_open = !is_in(&h->finished, r);
  list_remove(&r->link);
  if (is_open && r->stream) {
    h->l->f.session_set_stream_user_data(h->session, r->stream, NULL);
    h->l->f.submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, r->stream, NGHTTP2_CANCEL);
    h->streams--;
  }
  if (is_open) h->open--;
  http2_request_free(r);
}

void http2_ping(struct http2 *h) {
  if (!h->is_broken) h->l->f.submit_ping(h->session, NGHTTP2_FLAG_NONE, NULL);
}

void http2_abandon(struct http2 *h) {
  give_up(h, "the connection ended");
  start_waiting(h);
  while (!list_empty(&h->under_way)) {
    struct http2_request *r = container(h->under_way.next, struct http2_request, link);
    h->l->f.session_set_stream_user_data(h->session, r->stream, NULL);
    finish(h, r, HTTP2_LOST);
  }
}

bool http2_put(struct http2 *h, const uint8_t *octets, size_t len) {
  if (h->is_broken) return false;
  h->idle_octets += len;
  ssize_t n = h->l->f.session_mem_recv(h->session, octets, len);
  if (n < 0) give_up(h, h->l->f.strerror((int)n));
  if (h->idle_octets > HTTP2_IDLE_OCTETS) give_up(h, "it floods with octets");
  start_waiting(h);
  return !h->is_broken;
}

const uint8_t *http2_take(struct http2 *h, size_t *len) {
  const uint8_t *octets = NULL;
  start_waiting(h);
  ssize_t n = h->is_broken ? 0 : h->l->f.session_mem_send(h->session, &octets);
  if (n < 0) give_up(h, h->l->f.strerror((int)n));
  *len = n > 0 ? (size_t)n : 0;
  return n > 0 ? octets : NULL;
}

struct http2_request *http2_finished(struct http2 *h) {
  struct list *node = list_pop(&h->finished);
  return node ? container(node, struct http2_request, link) : NULL;
}

void http2_request_free(struct http2_request *r) {
  free(r->body);
  r->body = NULL;
  r->body_len = r->body_room = 0;
}

bool http2_is_leaving(const struct http2 *h) { return h->leaving; }

bool http2_is_over(const struct http2 *h) {
  return h->is_broken || (!h->l->f.session_want_read(h->session) && !h->l->f.session_want_write(h->session));
}

unsigned http2_open(const struct http2 *h) { return h->open; }

unsigned http2_sent(const struct http2 *h) { return h->sent; }

bool http2_has_finished(const struct http2 *h) { return !list_empty(&h->finished); }

const char *http2_why(const struct http2 *h) { return h->why[0] ? h->why : "closed by the server"; }
