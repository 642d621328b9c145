/* Which program has a port that somebody else would like to have. */
#ifndef JIDNS_BASE_PORT_HOLDER_H
#define JIDNS_BASE_PORT_HOLDER_H
#include "base/addr.h"

enum { PORT_HOLDER_TEXT = 160, PORT_HOLDER_ADVICE = PORT_HOLDER_TEXT + 2 * ADDR_TEXT + 80 };

/* Who keeps addr from being bound, from /proc: "avahi-daemon (process 612)". Without the right to look into
 * that process (proc(5)) only its user is known: "a program of user 110". "" when nobody is found. Takes a
 * look at every process: for error messages alone. Looks up no names, so that it can be called from within
 * the sandbox. */
const char *port_holder_find(const union addr *addr, bool tcp, char text[PORT_HOLDER_TEXT]);

/* What to add to "Address already in use": who has it, and what to do. `option` is the one that named addr:
 * "--listen". */
const char *port_holder_advise(const union addr *addr, bool tcp, const char *option,
                               char text[PORT_HOLDER_ADVICE]);
#endif
