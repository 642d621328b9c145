/* watch.c: descriptors told to epoll before libuv does so. Exports watch_*. */
#include "loop/watch.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* It waits for nothing yet: that is libuv's, which changes what is there, and there is no waiting before. */
static int tell(int epoll, int fd) {
  struct epoll_event nothing = {.data.fd = fd};
  return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &nothing) == 0 || errno == EEXIST ? 0 : -errno;
}

static int tell_of(const uv_handle_t *handle) {
  uv_os_fd_t fd;
  int epoll = uv_backend_fd(handle->loop), e = epoll < 0 ? 0 : uv_fileno(handle, &fd);
  return epoll < 0 || e < 0 ? e : tell(epoll, fd);
}

int watch_start(uv_poll_t *poll, int events, uv_poll_cb on_event) {
  int e = uv_poll_start(poll, events, on_event); /* takes what epoll knew away */
  if (e == 0) e = tell_of((const uv_handle_t *)poll);
  if (e < 0) uv_poll_stop(poll);
  return e;
}

int watch_stream(const uv_stream_t *stream) { return tell_of((const uv_handle_t *)stream); }

int watch_try(const uv_loop_t *loop) {
  int fd = eventfd(0, EFD_CLOEXEC);
  if (fd < 0) return -errno;
  int e = tell(uv_backend_fd(loop), fd);
  close(fd); /* and epoll forgets it */
  return e;
}
