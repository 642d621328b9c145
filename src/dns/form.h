/* What the RDATA of each type looks like (forms.def). */
#ifndef JIDNS_DNS_FORM_H
#define JIDNS_DNS_FORM_H
#include "dns/record.h"

/* The form of a type's RDATA in the letters of forms.def; "*" for types that are opaque, and for addresses of
 * other classes. */
const char *form_of(uint16_t type, uint16_t klass);

/* Does r's RDATA have its type's form to the last octet? True for what is opaque. */
bool form_holds(const struct record *r);
#endif
