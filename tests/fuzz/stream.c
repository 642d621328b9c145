/* stream.c: fuzz target: what an XMPP server says before a login. It is read the same in whatever pieces it
 * comes; words from it can be shown anywhere.
 *
 * Input: an octet for the size of the pieces, then what the server says; where its features end, what follows
 * is the answer to <starttls/>. */
#include <stdlib.h>

#include "fuzz/fuzz.h"
#include "tool/stream.h"

static struct stream_library *library;

static void check_word(const char *word, size_t room) {
  must(memchr(word, 0, room));
  for (; *word; word++) must(*word >= ' ' && *word <= '~');
}

static enum stream_state read_in(const uint8_t *text, size_t len, size_t piece, struct stream_facts *facts) {
  struct stream *s = stream_new(library, facts);
  enum stream_state state = STREAM_OPENING;
  must(s);
  for (size_t at = 0; at < len && state == STREAM_OPENING; at += piece) {
    size_t n = len - at < piece ? len - at : piece;
    state = stream_put(s, (const char *)text + at, n);
  }

  if (state == STREAM_FEATURES) {
    stream_expect_answer(s);
    state = stream_put(s, (const char *)text, len < piece ? len : piece);
  }

  stream_free(s);
  return state;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct wire in = feed(data, size);
  size_t piece = feed_u8(&in) % 64 + 1u, len;
  struct stream_facts whole = {.opened = false}, pieces = {.opened = false};
  if (!library) library = stream_library_new(stderr);
  must(library);

  const uint8_t *text = feed_octets(&in, size, &len);
  enum stream_state at_once = read_in(text, len, len + 1, &whole),
                    piecewise = read_in(text, len, piece, &pieces);
  check_word(whole.error, sizeof whole.error);
  check_word(whole.mechanisms, sizeof whole.mechanisms);
  check_word(pieces.mechanisms, sizeof pieces.mechanisms);
  bool read_whole = at_once == STREAM_MALFORMED || piecewise == STREAM_MALFORMED;
  must(read_whole || strcmp(whole.mechanisms, pieces.mechanisms) == 0);
  must(read_whole || whole.starttls == pieces.starttls);
  return 0;
}
