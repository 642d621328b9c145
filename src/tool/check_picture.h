/* The tree of a domain's records as a picture: domain, services, targets, addresses, with their faults
 * marked. */
#ifndef JIDNS_TOOL_CHECK_PICTURE_H
#define JIDNS_TOOL_CHECK_PICTURE_H
#include "base/htmlw.h"
#include "tool/check.h"

/* However many records there are, these are drawn, and the rest counted. */
enum { PICTURE_TARGETS_MAX = 12, PICTURE_ADDRESSES_MAX = 4 };

/* Columns side by side for a wide window, or one below the other for a narrow one. */
enum picture_form { PICTURE_WIDE, PICTURE_NARROW };

struct picture;
struct picture *picture_new(const struct checked *c);
void picture_free(struct picture *p);

/* Writes an <svg> of that form; its class is "wide" or "narrow". */
void picture_write(const struct picture *p, enum picture_form form, struct htmlw *w);
#endif
