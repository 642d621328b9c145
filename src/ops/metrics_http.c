/* metrics_http.c: a few pages over HTTP, by libmicrohttpd, loaded on demand. Exports metrics_*. */
#include "ops/metrics_http.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/library.h"
#include "base/must.h"
#include "base/port_holder.h"
#include "config.h"
#include "loop/watch.h"

/* clang-format off */
#define FUNCTIONS(F) \
  F(start_daemon) F(stop_daemon) F(run) F(get_timeout) F(get_daemon_info) F(create_response_from_buffer) \
  F(add_response_header) F(queue_response) F(destroy_response) F(lookup_connection_value)
/* clang-format on */

struct mhd {
#define MEMBER(name) LIBRARY_MEMBER(MHD_, name)
  FUNCTIONS(MEMBER)
};

static const struct library_symbol symbols[] = {
#define SYMBOL(name) LIBRARY_SYMBOL(MHD_, struct mhd, name)
    FUNCTIONS(SYMBOL)};

enum { REQUEST_MAX = 4096 /* octets that one connection may take for its request */, BACKLOG = 16 };

struct metrics_http {
  struct mhd mhd;
  int fd; /* the listening socket; the library's once it was started */
  bool is_loopback;
  struct MHD_Daemon *server;
  uv_poll_t poll; /* of the library's epoll */
  uv_timer_t timer;
  unsigned open_handles;
  const struct metrics_http_page *pages;
  unsigned count;
  void *ctx;
};

/* ---- a request ---- */

/* For pages that a browser shows: they run what the policy allows, are in no frame, and are not kept. */
static void add_policy(const struct metrics_http *m, struct MHD_Response *response, const char *policy) {
  static const char *const others[][2] = {{"Cache-Control", "no-store"},
                                          {"Referrer-Policy", "no-referrer"},
                                          {"Cross-Origin-Resource-Policy", "same-origin"},
                                          {"X-Content-Type-Options", "nosniff"}};
  m->mhd.add_response_header(response, "Content-Security-Policy", policy);
  for (unsigned i = 0; i < sizeof others / sizeof *others; i++)
    m->mhd.add_response_header(response, others[i][0], others[i][1]);
}

/* page: NULL for a refusal. */
static enum MHD_Result send_text(struct metrics_http *m, struct MHD_Connection *c, unsigned status,
                                 const struct metrics_http_page *page, char *text, size_t len) {
  static const char plain[] = "text/plain; charset=utf-8";
  struct MHD_Response *response = m->mhd.create_response_from_buffer(len, text, MHD_RESPMEM_MUST_FREE);
  if (!response) {
    free(text);
    return MHD_NO;
  }
  m->mhd.add_response_header(response, "Content-Type", page ? page->content_type : plain);
  if (page && page->policy && status == MHD_HTTP_OK) add_policy(m, response, page->policy(m->ctx));
  if (status == MHD_HTTP_METHOD_NOT_ALLOWED) m->mhd.add_response_header(response, "Allow", "GET, HEAD");
  enum MHD_Result result = m->mhd.queue_response(c, status, response);
  m->mhd.destroy_response(response);
  return result;
}

static const struct metrics_http_page *page_at(const struct metrics_http *m, const char *path) {
  for (unsigned i = 0; i < m->count; i++) {
    if (strcmp(m->pages[i].path, path) == 0) return &m->pages[i];
  }
  return NULL;
}

static unsigned write_refusal(const struct metrics_http *m, unsigned status, FILE *out) {
  fprintf(out, "%s; there are", status == MHD_HTTP_NOT_FOUND ? "no such page" : "only GET and HEAD");
  for (unsigned i = 0; i < m->count; i++) fprintf(out, " %s", m->pages[i].path);
  fputc('\n', out);
  return status;
}

/* An address or localhost, with any port. A name that leads to loopback may be a web site's, whose script
 * reads this machine's pages in the browser of somebody who sits at it (DNS rebinding). */
static bool is_of_this_machine(const char *host) {
  static const char name[] = "localhost";
  size_t len = sizeof name - 1;
  union addr addr;
  if (!host) return true; /* no browser leaves it out */
  if (strncasecmp(host, name, len) == 0 && (!host[len] || host[len] == ':')) return true;
  return !strchr(host, '%') && addr_parse(host, METRICS_PORT, &addr);
}

/* Pages with a policy are for browsers; what Prometheus reads may have any name, such as a proxy's. */
static bool may_see(const struct metrics_http *m, struct MHD_Connection *c,
                    const struct metrics_http_page *page) {
  return !m->is_loopback || !page->policy ||
         is_of_this_machine(m->mhd.lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST));
}

static unsigned write_foreign(FILE *out) {
  fputs("this page is for localhost: open it by that name or by address; a proxy must send such a Host\n",
        out);
  return MHD_HTTP_FORBIDDEN;
}

static enum MHD_Result answer(struct metrics_http *m, struct MHD_Connection *c, const char *path,
                              const char *method) {
  char *text = NULL;
  size_t len;
  FILE *out = open_memstream(&text, &len);
  if (!out) return MHD_NO;
  bool get = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
  const struct metrics_http_page *page = get ? page_at(m, path) : NULL;
  unsigned status = !page ? write_refusal(m, get ? MHD_HTTP_NOT_FOUND : MHD_HTTP_METHOD_NOT_ALLOWED, out)
                    : may_see(m, c, page) ? page->write(m->ctx, out)
                                          : write_foreign(out);
  if (fclose(out) == 0) return send_text(m, c, status, page, text, len);
  free(text);
  return MHD_NO;
}

/* Called when the head is there, again for each piece of a body, which is passed over, and once behind it. */
static enum MHD_Result on_request(void *ctx, struct MHD_Connection *c, const char *path, const char *method,
                                  const char *version, const char *body, size_t *body_len, void **state) {
  (void)version;
  (void)body;
  if (!*state || *body_len) {
    *state = ctx; /* seen */
    *body_len = 0;
    return MHD_YES;
  }
  return answer(ctx, c, path, method);
}

/* ---- its turns ---- */

static void run(struct metrics_http *m);

static void on_timer(uv_timer_t *timer) { run(timer->data); }

static void on_poll(uv_poll_t *poll, int status, int events) {
  (void)status;
  (void)events;
  run(poll->data);
}

/* Twice: when one of METRICS_CONNECTIONS has gone, it is the next turn that takes new ones again, and nothing
 * else would set that off. */
static void run(struct metrics_http *m) {
  MHD_UNSIGNED_LONG_LONG due_ms;
  m->mhd.run(m->server);
  m->mhd.run(m->server);
  if (m->mhd.get_timeout(m->server, &due_ms) == MHD_YES) uv_timer_start(&m->timer, on_timer, due_ms, 0);
  else uv_timer_stop(&m->timer);
}

/* ---- start and stop ---- */

static int open_socket(const union addr *addr) {
  int fd = socket(addr->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
  bool later;
  if (fd < 0) return -1;
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 && addr_bind(fd, addr, &later) &&
      listen(fd, BACKLOG) == 0) {
    return fd;
  }
  int e = errno;
  close(fd);
  errno = e;
  return -1;
}

static void complain(const union addr *addr, int e, FILE *err) {
  char text[ADDR_TEXT], advice[PORT_HOLDER_ADVICE] = "";
  if (e == EADDRINUSE) port_holder_advise(addr, true, "--metrics", advice);
  fprintf(err, "jidnsd: --metrics: can't listen on %s (TCP): %s%s\n", addr_format(addr, text), strerror(e),
          advice);
}

struct metrics_http *metrics_http_open(const union addr *addr, FILE *err) {
  struct metrics_http *m = must_zalloc(sizeof *m);
  m->is_loopback = addr_is_loopback(addr);
  m->fd = open_socket(addr);
  if (m->fd < 0) complain(addr, errno, err);
  /* It stays loaded: a TLS library does not like to be unloaded. */
  else if (library_open(MICROHTTPD_SONAME, symbols, sizeof symbols / sizeof *symbols, &m->mhd, err)) return m;
  metrics_http_close(m);
  return NULL;
}

bool metrics_http_start(struct metrics_http *m, uv_loop_t *loop, const struct metrics_http_page *pages,
                        unsigned count, void *ctx) {
  m->pages = pages;
  m->count = count;
  m->ctx = ctx;
  m->server = m->mhd.start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, m, MHD_OPTION_LISTEN_SOCKET,
                                  m->fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)METRICS_CONNECTIONS,
                                  MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)METRICS_IDLE_S,
                                  MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_MAX, MHD_OPTION_END);
  if (!m->server) return false;
  m->fd = -1;
  const union MHD_DaemonInfo *info = m->mhd.get_daemon_info(m->server, MHD_DAEMON_INFO_EPOLL_FD);
  if (!info || uv_poll_init(loop, &m->poll, info->epoll_fd) != 0) return false;
  must(uv_timer_init(loop, &m->timer) == 0);
  m->poll.data = m->timer.data = m;
  m->open_handles = 2;
  return watch_start(&m->poll, UV_READABLE, on_poll) == 0;
}

static void on_closed(uv_handle_t *handle) {
  struct metrics_http *m = handle->data;
  if (--m->open_handles == 0) free(m);
}

void metrics_http_close(struct metrics_http *m) {
  if (!m) return;
  bool waits = m->open_handles > 0;
  if (waits) {
    uv_close((uv_handle_t *)&m->poll, on_closed);
    uv_close((uv_handle_t *)&m->timer, on_closed);
  }
  if (m->server) m->mhd.stop_daemon(m->server);
  if (m->fd >= 0) close(m->fd);
  if (!waits) free(m);
}
