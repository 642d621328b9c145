/* netwatch.c: listens to the kernel's notices of interfaces and addresses. Exports netwatch_*. */
#include "ops/netwatch.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/must.h"
#include "loop/watch.h"

enum {
  WATCH_MAGIC = 0x6e657477,
  NOTICE = 4096,   /* octets that are read of one: none of them matter */
  NOTICES_MAX = 64 /* read in one turn: the rest wait for the next */
};

struct netwatch {
  uint32_t magic;
  unsigned open_handles;
  int fd; /* -1: there are no notices */
  uv_poll_t poll;
  uv_timer_t timer;
  uint64_t told_ms; /* by the loop's clock */
  bool (*changed)(void *ctx);
  void *ctx;
};

static struct netwatch *watch_of(void *data) {
  struct netwatch *w = data;
  must(w->magic == WATCH_MAGIC);
  return w;
}

static void on_timer(uv_timer_t *timer) {
  struct netwatch *w = watch_of(timer->data);
  w->told_ms = uv_now(timer->loop);
  if (!w->changed(w->ctx) && !uv_is_active((uv_handle_t *)timer))
    uv_timer_start(timer, on_timer, NETWATCH_POLL_MS, 0);
}

static void tell_soon(struct netwatch *w) {
  uint64_t apart_ms = uv_now(w->timer.loop) - w->told_ms;
  uint64_t wait_ms = apart_ms < NETWATCH_APART_MS ? NETWATCH_APART_MS - apart_ms : 0;
  if (wait_ms < NETWATCH_SETTLE_MS) wait_ms = NETWATCH_SETTLE_MS;
  bool comes_sooner = uv_is_active((uv_handle_t *)&w->timer) && uv_timer_get_due_in(&w->timer) <= wait_ms;
  if (!comes_sooner) uv_timer_start(&w->timer, on_timer, wait_ms, 0);
}

static void poll_instead(struct netwatch *w, int e) {
  log_info("ops", "the kernel does not tell when addresses and interfaces change (%s): looking every %d s",
           strerror(e), NETWATCH_POLL_MS / 1000);
  uv_timer_start(&w->timer, on_timer, NETWATCH_POLL_MS, NETWATCH_POLL_MS);
}

/* Reads what there is. False when no more will come. ENOBUFS: some were lost, so that anything may have
 * changed. */
static bool drain(struct netwatch *w, bool *any) {
  uint8_t notice[NOTICE];
  for (unsigned i = 0; i < NOTICES_MAX; i++) {
    ssize_t n = recv(w->fd, notice, sizeof notice, MSG_DONTWAIT);
    if (n < 0 && errno != ENOBUFS) return errno == EAGAIN || errno == EINTR;
    if (n == 0) return false;
    *any = true;
  }
  return true;
}

static void on_notice(uv_poll_t *poll, int status, int events) {
  struct netwatch *w = watch_of(poll->data);
  bool any = false;
  (void)events;
  bool goes_on = status == 0 && drain(w, &any);
  if (any) tell_soon(w);
  if (goes_on) return;
  uv_poll_stop(&w->poll);
  poll_instead(w, errno);
}

/* Returns the descriptor or a negative errno. */
static int open_socket(void) {
  struct sockaddr_nl groups = {.nl_family = AF_NETLINK,
                               .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR};
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) return -errno;
  if (bind(fd, (const struct sockaddr *)&groups, sizeof groups) == 0) return fd;
  int e = errno;
  close(fd);
  return -e;
}

static int listen_to_kernel(struct netwatch *w, uv_loop_t *loop) {
  w->fd = open_socket();
  if (w->fd < 0) return w->fd;
  int e = uv_poll_init(loop, &w->poll, w->fd);
  if (e == 0) {
    w->poll.data = w;
    w->open_handles++;
    e = watch_start(&w->poll, UV_READABLE, on_notice);
  }
  if (e == 0 || w->open_handles > 1) return e;
  close(w->fd);
  w->fd = -1;
  return e;
}

struct netwatch *netwatch_new(uv_loop_t *loop, bool (*changed)(void *ctx), void *ctx) {
  struct netwatch *w = calloc(1, sizeof *w);
  if (!w) return NULL;
  w->magic = WATCH_MAGIC;
  w->changed = changed;
  w->ctx = ctx;
  must(uv_timer_init(loop, &w->timer) == 0);
  w->timer.data = w;
  w->open_handles = 1;

  int e = listen_to_kernel(w, loop);
  if (e < 0) poll_instead(w, -e);
  else
    uv_timer_start(&w->timer, on_timer, NETWATCH_SETTLE_MS,
                   0); /* what changed since the caller looked is not missed */
  return w;
}

static void on_closed(uv_handle_t *handle) {
  struct netwatch *w = watch_of(handle->data);
  if (--w->open_handles) return;
  if (w->fd >= 0) close(w->fd);
  w->magic = 0;
  free(w);
}

void netwatch_close(struct netwatch *w) {
  if (!w) return;
  bool has_poll = w->open_handles > 1;
  uv_close((uv_handle_t *)&w->timer, on_closed);
  if (has_poll) uv_close((uv_handle_t *)&w->poll, on_closed);
}
