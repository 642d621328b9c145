/* Domain names as octets: labels with a length before each and the root's 0 at the end, at most 255 octets in
 * all. Length octets (0 to 63) lie below 'A', so that a whole name can be put into lower case octet by octet.
 */
#ifndef JIDNS_DNS_NAME_H
#define JIDNS_DNS_NAME_H
#include "dns/dns.h"
#include "dns/wire.h"

enum { NAME_TEXT = 1024 }; /* octets that hold any name_format with its NUL */

/* Reads the name at the cursor, following at most 127 compression pointers (RFC 1035 section 4.1.4), each of
 * which must point before all that was read so far, into out without compression, spelling kept. Returns its
 * length, 1 to 255; 0 and w->err for anything that is no name. The cursor stands behind the name's own
 * octets. */
size_t name_read(struct wire *w, uint8_t out[NAME_MAX_LEN]);

/* Puts len octets into lower case, ASCII only (RFC 4343). `to` may be `from`. */
void name_lower(uint8_t *to, const uint8_t *from, size_t len);

/* Equal without regard to case. */
bool name_equal(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len);

/* `name` is `zone` or below it, without regard to case. */
bool name_is_within(const uint8_t *name, size_t len, const uint8_t *zone, size_t zone_len);

/* Where its last two labels begin; 0 for a shorter name. */
size_t name_last_two_at(const uint8_t *name);

/* Presentation form with \DDD and \. escapes and the final dot, "." for the root (RFC 1035 section 5.1). */
const char *name_format(const uint8_t *name, size_t len, char text[NAME_TEXT]);

/* Is this presentation form of lower-case letters, digits, hyphens and dots alone, and no option: what no
 * shell takes for more? */
bool name_text_is_plain(const char *text);

/* Parses presentation form, a final dot or not. Returns the length on the wire, 0 when it is no name. */
size_t name_parse(const char *text, uint8_t out[NAME_MAX_LEN]);
#endif
