/* Records as people read and write them: presentation form (RFC 1035 section 5.1, RFC 3597 section 5),
 * through ldns. What comes out is printable ASCII only, whatever octets went in. */
#ifndef JIDNS_RR_PRINT_H
#define JIDNS_RR_PRINT_H
#include "dns/record.h"

enum { PRINT_WORD = 32 }; /* octets that hold any type, class or RCODE with its NUL */

/* The RDATA of r, "10 5 5269 xmpp.example.org."; in the generic form "\# 2 abcd" when its type is unknown or
 * it does not have its type's form. The caller frees it; NULL when memory is out. */
char *print_rdata(const struct record *r);

/* The whole record, "owner. 300 IN SRV 10 5 ...", fields set apart by one tab, without a line feed, its TTL
 * as received. The caller frees it; NULL when memory is out. */
char *print_record(const struct record *r);

/* "SRV" or "TYPE65280"; "IN" or "CLASS77"; "NXDOMAIN" or "RCODE24". Return text. */
const char *print_type(uint16_t type, char text[PRINT_WORD]);
const char *print_class(uint16_t klass, char text[PRINT_WORD]);
const char *print_rcode(unsigned rcode, char text[PRINT_WORD]);

/* "SRV", "srv" or "TYPE65280" to its number; false, *out untouched, when it is none. */
bool print_type_parse(const char *text, uint16_t *out);
#endif
