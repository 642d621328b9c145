/* Zones for tests, given as text, and what a lab says of them, as text. */
#ifndef JIDNS_ZONES_ZONE_KIT_H
#define JIDNS_ZONES_ZONE_KIT_H
#include "kit/made.h"
#include "zones/zones.h"

/* Options with no zone yet; static, one at a time. */
struct zones_policy *zones_options_new(void);

/* Adds a zone whose file says this, behind "@ 60 SOA ns host 1 7200 600 86400 30\n" on a line of its own
 * unless it is an overlay; the text's first line is line 2 of "NAME.zone". */
void zones_option_zone(struct zones_policy *o, const char *name, const char *text, bool overlay);

/* Adds one whose file holds just the text. */
void zones_option_file(struct zones_policy *o, const char *name, const char *text);

/* Has them signed so, with the keys of a folder, which is to be gone at the end: zones_keys_remove. */
void zones_option_sign(struct zones_policy *o, enum zones_sign sign);
/* The folder's path, and this file's of it. */
const char *zones_keys_file(const struct zones_policy *o, const char *file);
void zones_keys_remove(const struct zones_policy *o);

/* Loads them, XMPP services expanded or as said; fails the test when they are wrong. zones_said has the
 * warnings. */
struct zones *zones_made(const struct zones_policy *o);
struct zones *zones_made_with(const struct zones_policy *o, enum zones_expand expand);
/* The usual: one zone "zone.lab". */
struct zones *zones_of(const char *text);

/* Fails the test unless loading them is refused with these words. */
void zones_refused(const struct zones_policy *o, const char *words);
const char *zones_said(void);

enum { LAB_DO = 1, LAB_TCP = 2 };

/* What it answers: "NOERROR", then for each record " | an OWNER TTL TYPE RDATA", ns, ar in their places.
 * "elsewhere" when it is not its business; "alias TARGET", then the records of the way there. Checks that AA
 * is set and the message whole. */
const char *zones_say(const struct zones *l, const char *name, uint16_t type, unsigned how);
/* The same of one set of several, in plain DNS. */
const char *zones_say_set(const struct zones *l, const char *name, uint16_t type);
#endif
