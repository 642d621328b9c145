/* Descriptors that a loop waits for. libuv tells epoll of them only when it waits, and ends the process when
 * epoll has no room: a user has so many watches (fs.epoll.max_user_watches), the kernel so much memory. So
 * epoll is told of them before: then libuv finds them there, and what fails can be said. */
#ifndef JIDNS_LOOP_WATCH_H
#define JIDNS_LOOP_WATCH_H
#include <uv.h>

/* uv_poll_start, for a handle that is not yet started or is to wait for other events. 0, or a negative errno:
 * it does not wait for anything any more. */
int watch_start(uv_poll_t *poll, int events, uv_poll_cb on_event);

/* Makes room for a stream's descriptor: before anything that has libuv wait for it, where it has not waited
 * for a while. Also before uv_tcp_connect, as soon as it has one. 0, or a negative errno: it must not be
 * waited for. */
int watch_stream(const uv_stream_t *stream);

/* Would epoll take one more? 0, or a negative errno. For what libuv makes itself. */
int watch_try(const uv_loop_t *loop);
#endif
