/* What the start and a reload share. */
#ifndef JIDNS_DAEMON_DAEMON_PRIV_H
#define JIDNS_DAEMON_DAEMON_PRIV_H
#include "daemon/daemon.h"

/* Loads the zones that s names; what they delegate to known servers is added to its domains that are
 * forwarded. False, and said on err, when one is wrong. */
bool daemon_load_zones(struct daemon *d, struct settings *s, struct zones **out, FILE *err);
/* They are answered from now on; those before are freed. */
void daemon_use_zones(struct daemon *d, struct zones *zones);

/* By whose word s's encrypted servers are known: *out, held, is what the daemon has where that still serves,
 * and NULL where there are none. False, and said on err, when it can't be had. */
bool daemon_prepare_trust(const struct daemon *d, const struct settings *s, struct tls_context **out,
                          FILE *err);
/* Loads what servers over HTTPS need, where s has such; false, and said on err, when it can't be had. */
bool daemon_prepare_http(struct daemon *d, const struct settings *s, FILE *err);
/* What s's answers are to be proven by: prover_prepare. */
bool daemon_prepare_anchors(struct daemon *d, const struct settings *s, struct anchors **out, FILE *err);
/* That holds from now on; takes it over. */
void daemon_use_trust(struct daemon *d, struct tls_context *trust);

/* fault_rules_prepare; false is said on err. */
bool daemon_prepare_faults(const struct daemon *d, const struct settings *s, struct faults **next, FILE *err);
#endif
