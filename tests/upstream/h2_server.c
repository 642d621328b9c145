#include "upstream/h2_server.h"

#include <stdio.h>
#include <string.h>

#include "base/must.h"

static struct h2_seen *seen_of(struct h2_server *s, int32_t stream) {
  for (unsigned i = s->count; i-- > 0;) {
    if (s->seen[i].stream == stream) return &s->seen[i];
  }
  return NULL;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *context) {
  struct h2_server *s = context;
  (void)session;
  must(s->count < H2_SEEN);
  s->seen[s->count++] = (struct h2_seen){.stream = frame->hd.stream_id};
  if (++s->open > s->most_open) s->most_open = s->open;
  return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *context) {
  struct h2_seen *seen = seen_of(context, frame->hd.stream_id);
  (void)session, (void)flags, (void)name_len;
  const struct {
    const char *name;
    char *out;
    size_t room;
  } kept[] = {{":method", seen->method, sizeof seen->method},
              {":path", seen->path, sizeof seen->path},
              {":authority", seen->authority, sizeof seen->authority},
              {"content-type", seen->content_type, sizeof seen->content_type}};
  for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
    if (strcmp((const char *)name, kept[i].name) == 0)
      snprintf(kept[i].out, kept[i].room, "%.*s", (int)value_len, (const char *)value);
  }
  return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *octets, size_t len,
                   void *context) {
  struct h2_seen *seen = seen_of(context, stream);
  (void)session, (void)flags;
  must(seen->len + len <= sizeof seen->body);
  memcpy(seen->body + seen->len, octets, len);
  seen->len += len;
  return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *context) {
  struct h2_server *s = context;
  (void)session;
  s->resets += frame->hd.type == NGHTTP2_RST_STREAM;
  s->pings += frame->hd.type == NGHTTP2_PING && !(frame->hd.flags & NGHTTP2_FLAG_ACK);
  bool ends = frame->hd.type == NGHTTP2_DATA && frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
  if (ends && !s->hold) h2_server_answer(s, (unsigned)(seen_of(s, frame->hd.stream_id) - s->seen));
  return 0;
}

static int on_close(nghttp2_session *session, int32_t stream, uint32_t error, void *context) {
  struct h2_server *s = context;
  (void)session, (void)stream, (void)error;
  s->open--;
  return 0;
}

void h2_server_start(struct h2_server *s, uint32_t streams) {
  nghttp2_session_callbacks *callbacks;
  *s = (struct h2_server){0};
  must(nghttp2_session_callbacks_new(&callbacks) == 0);
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
  must(nghttp2_session_server_new(&s->session, callbacks, s) == 0);
  nghttp2_session_callbacks_del(callbacks);
  nghttp2_settings_entry entry = {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, streams};
  must(nghttp2_submit_settings(s->session, NGHTTP2_FLAG_NONE, &entry, 1) == 0);
}

void h2_server_stop(struct h2_server *s) { nghttp2_session_del(s->session); }

static ssize_t read_body(nghttp2_session *session, int32_t stream, uint8_t *out, size_t room, uint32_t *flags,
                         nghttp2_data_source *source, void *context) {
  struct h2_server *s = context;
  const struct h2_seen *seen = seen_of(s, stream);
  (void)session;
  size_t *left = source->ptr, n = *left < room ? *left : room;
  for (size_t i = 0; i < n; i++) out[i] = i < seen->len && !s->body_len ? seen->body[i] : (uint8_t)i;
  *left -= n;
  if (*left == 0) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return (ssize_t)n;
}

static nghttp2_nv field(const char *name, const char *value) {
  union {
    const char *text;
    uint8_t *octets;
  } n = {name}, v = {value};
  return (nghttp2_nv){n.octets, v.octets, strlen(name), strlen(value), NGHTTP2_NV_FLAG_NONE};
}

void h2_server_answer(struct h2_server *s, unsigned nth) {
  static size_t left[H2_SEEN];
  nghttp2_nv fields[128];
  size_t n = 0;
  fields[n++] = field(":status", s->status ? s->status : "200");
  fields[n++] = field("content-type", s->content_type ? s->content_type : "application/dns-message");
  if (s->age) fields[n++] = field("age", s->age);
  if (s->retry_after) fields[n++] = field("retry-after", s->retry_after);
  for (unsigned i = 0; i < s->extra_fields; i++) fields[n++] = field("x-more", "of it");
  left[nth] = s->body_len ? s->body_len : s->seen[nth].len;
  nghttp2_data_provider body = {.source.ptr = &left[nth], .read_callback = read_body};
  must(nghttp2_submit_response(s->session, s->seen[nth].stream, fields, n, &body) == 0);
}

void h2_server_put(struct h2_server *s, const uint8_t *octets, size_t len) {
  must(nghttp2_session_mem_recv(s->session, octets, len) == (ssize_t)len);
}

size_t h2_server_take(struct h2_server *s, uint8_t *out) {
  const uint8_t *octets;
  size_t len = 0;
  for (ssize_t n; (n = nghttp2_session_mem_send(s->session, &octets)) > 0; len += (size_t)n) {
    must(len + (size_t)n <= H2_OUT);
    memcpy(out + len, octets, (size_t)n);
  }
  return len;
}
