/* Types of records by name, for logs and for people's settings. */
#ifndef JIDNS_DNS_TYPE_H
#define JIDNS_DNS_TYPE_H
#include <stdbool.h>
#include <stdint.h>

enum { TYPE_TEXT = 16 }; /* octets that hold any type_format with its NUL */

/* "SRV", or "TYPE65280" (RFC 3597 section 5) where the name is not known here. */
const char *type_format(uint16_t type, char text[TYPE_TEXT]);

/* "SRV", "srv", "TYPE33". False, *out untouched, when it is none of these or 0. */
bool type_parse(const char *text, uint16_t *out);
#endif
