/* The part of libuv that TCP and the control socket need, without a kernel: streams whose octets come from
 * and go to memory, and a loop that takes a turn when it is told to. Linked in place of libuv; stands for
 * clock_ms, accept4 and getsockopt as well, which keeps its runs alike. */
#ifndef JIDNS_FUZZ_FAKE_UV_H
#define JIDNS_FUZZ_FAKE_UV_H
#include <stdbool.h>
#include <uv.h>

/* One stream, from uv_tcp_init or uv_pipe_init until its close callback has been called. */
struct fake_stream {
  bool connecting, reading, closing;
  uv_connect_t *connect;
  const uint8_t *in; /* borrowed: has arrived and was not read yet */
  size_t in_len;
  int end;       /* what is read behind it: UV_EOF or an error; 0: nothing yet */
  size_t window; /* octets that the other side still takes */
  int broken;    /* what writes end with from now on; 0: they don't */
  uint8_t *out;  /* what the other side has taken */
  size_t out_len;
};

/* Time starts anew, and the streams are counted from 0. None may be open; other handles stay. */
void fake_start(uint64_t now_ms);
void fake_pass_ms(uint64_t ms);

/* The i-th stream; NULL if it is closed or was never opened. */
struct fake_stream *fake_stream(unsigned i);
unsigned fake_streams(void); /* so many were opened */
unsigned fake_handles(void); /* of all kinds, not closed */

/* The listener, which is polled, has a connection to give: from 127.0.0.1, or of a process of root's. */
void fake_accept(int listener);
/* the connection that is sought comes to be, or fails */
void fake_connect(struct fake_stream *s, int status);

/* n more octets arrive behind those that did before, in the same piece of memory. */
void fake_arrive(struct fake_stream *s, const uint8_t *octets, size_t n);

/* A turn: timers that are due, idle callbacks, what can be read and written, last callbacks of what was
 * closed. */
void fake_turn(void);
#endif
