/* Other settings while running: because somebody says so, or because resolv.conf or the machine's addresses
 * have changed. All are put into force, or none. */
#ifndef JIDNS_DAEMON_RELOAD_H
#define JIDNS_DAEMON_RELOAD_H
#include "daemon/daemon.h"

/* Reads the settings again and puts them into force, all or, when something about them is wrong, none; cache
 * and clients are kept. What was wrong, or holds only from the next start on, is said on err in lines. */
bool reload_settings(struct daemon *d, FILE *err);

bool reload_settings_logged(struct daemon *d, const char *why); /* the same, said in the log */

/* Follows resolv.conf, interfaces, addresses and the age of zones' signatures from now on, until
 * reload_unfollow. */
void reload_follow(struct daemon *d);
void reload_unfollow(struct daemon *d);
#endif
