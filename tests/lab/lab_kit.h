/* Zones for tests, given as text, and what a lab says of them, as text. */
#ifndef JIDNS_LAB_KIT_H
#define JIDNS_LAB_KIT_H
#include "kit/made.h"
#include "lab/zone.h"

/* Options with no zone yet; static, one at a time. */
struct lab_options *lab_options_new(void);

/* Adds a zone whose file says this, behind "@ 60 SOA ns host 1 7200 600 86400 30\n" on a line of its own
 * unless it is an overlay; the text's first line is line 2 of "NAME.zone". */
void lab_option_zone(struct lab_options *o, const char *name, const char *text, bool overlay);

/* Adds one whose file holds just the text. */
void lab_option_file(struct lab_options *o, const char *name, const char *text);

/* Loads them, XMPP services expanded or as said; fails the test when they are wrong. lab_said has the
 * warnings. */
struct lab *lab_made(const struct lab_options *o);
struct lab *lab_made_with(const struct lab_options *o, enum lab_expand expand);
/* The usual: one zone "zone.lab". */
struct lab *lab_of(const char *text);

/* Fails the test unless loading them is refused with these words. */
void lab_refused(const struct lab_options *o, const char *words);
const char *lab_said(void);

enum { LAB_DO = 1, LAB_TCP = 2 };

/* What it answers: "NOERROR", then for each record " | an OWNER TTL TYPE RDATA", ns, ar in their places.
 * "elsewhere" when it is not its business; "alias TARGET", then the records of the way there. Checks that AA
 * is set and the message whole. */
const char *lab_says(const struct lab *l, const char *name, uint16_t type, unsigned how);
#endif
