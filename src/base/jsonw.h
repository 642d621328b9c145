/* A JSON writer (RFC 8259): piece by piece, commas and escapes are seen to here. */
#ifndef JIDNS_BASE_JSONW_H
#define JIDNS_BASE_JSONW_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Text being written. Zeroed it grows on the heap, until jsonw_free; or it has a buffer of the caller's:
 * jsonw_into. */
struct jsonw {
  char *text; /* len octets, not terminated */
  size_t len, room;
  bool fixed;     /* text is the caller's */
  bool lost;      /* something did not fit, or memory was out: from then on nothing is written */
  bool continues; /* the next value needs a comma before it */
};

static inline struct jsonw jsonw_into(char *buffer, size_t room) {
  return (struct jsonw){.text = buffer, .room = room, .fixed = true};
}
void jsonw_free(struct jsonw *j); /* it may be used again after that */

/* A value: `key` names it in an object and is NULL in an array, and for what stands alone. */
void jsonw_open(struct jsonw *j, const char *key, char bracket); /* '{' or '[' */
void jsonw_close(struct jsonw *j, char bracket);                 /* '}' or ']' */
/* octets that are no UTF-8 become U+FFFD; NULL: null */
void jsonw_string(struct jsonw *j, const char *key, const char *text);
/* a string of two digits an octet */
void jsonw_hex(struct jsonw *j, const char *key, const uint8_t *octets, size_t len);
void jsonw_uint(struct jsonw *j, const char *key, uint64_t value);
void jsonw_real(struct jsonw *j, const char *key, double value, unsigned decimals); /* finite */
void jsonw_bool(struct jsonw *j, const char *key, bool value);

/* A line feed; what follows is a text of its own. */
void jsonw_line(struct jsonw *j);
#endif
