/* Settings file, environment and command line, read into each module's policy. */
#ifndef JIDNS_SETTINGS_SETTINGS_H
#define JIDNS_SETTINGS_SETTINGS_H
#include <stdio.h>

#include "base/addr.h"
#include "base/log.h"
#include "base/memory_limit.h"
#include "base/resolvconf.h"
#include "cache/snapshot.h"
#include "dns/dns.h"
#include "faults/rule.h"
#include "forward/forward.h"
#include "ops/control.h"
#include "ops/metrics_http.h"
#include "ops/passed_sockets.h"
#include "ops/sandbox.h"
#include "server/access.h"
#include "server/serve.h"
#include "server/serve_tcp.h"
#include "share/policy.h"
#include "tap/tap.h"
#include "upstream/upstream.h"
#include "xmpp/xmpp.h"
#include "zones/zones.h"

enum {
  SETTINGS_LISTEN = PASSED_SOCKETS,
  SETTINGS_THREADS = 64,
  SETTINGS_PORT = 53,
  SETTINGS_FORWARDS = ROUTES_MAX,
  SETTINGS_REBIND = 32,
  SETTINGS_PATH = 256,
  SETTINGS_FAULTS = 16,
  SETTINGS_NAMES = 768,             /* octets of the names of a set's servers */
  SETTINGS_CACHE_USUAL = 128 << 20, /* octets, where there is enough memory */
  SETTINGS_TITLE = 32               /* octets of a title that is but a word, with its NUL */
};

/* A domain's name as on the wire, in lower case. */
struct settings_domain {
  uint8_t len;
  uint8_t octets[NAME_MAX_LEN];
};

/* One server as it was given; settings_server_address has all of it. */
struct settings_server {
  union addr addr;
  char scope[ADDR_SCOPE]; /* see addr_is_here and settings_find_scopes */
  enum transport transport;
  uint16_t name; /* among the set's names: who an encrypted server has to be; 0: nobody said */
  uint16_t path; /* the same: of one over HTTPS */
};

/* A set of servers. Their names lie together, as most servers have none. */
struct settings_servers {
  struct settings_server list[UPSTREAM_SERVERS];
  unsigned count;
  char names[SETTINGS_NAMES]; /* each with its NUL; the first is "" */
  unsigned names_len;         /* of those behind it */
};

/* Keys of encrypted servers, of which a server's own must be one. */
struct settings_pins {
  unsigned count;
  uint8_t list[TLS_PINS][TLS_PIN];
};

/* The servers that a domain and all below it are asked of. */
struct settings_forward {
  struct settings_domain domain;
  struct settings_servers servers;
  struct settings_pins pins; /* none: those of `tls` */
  uint32_t max_ttl_s;        /* 0: as for all other names */
  bool never_guessed;        /* hosts of XMPP domains in it are not guessed */
  bool is_proven;            /* its answers are, by DNSSEC, where answers are */
  bool is_shared;            /* with the other members of a fleet */
};

/* May encrypted ways to the servers of resolv.conf be discovered (RFC 9462)? */
enum settings_discover { DISCOVER_OFF, DISCOVER_VERIFIED };

/* Are plain servers tried over TLS, whoever answers there (RFC 7858 section 4.1)? */
enum settings_upstream_tls { UPSTREAM_TLS_OFF, UPSTREAM_TLS_OPPORTUNISTIC };

/* What is believed at first when answers are proven, and below which names nothing is. */
enum { SETTINGS_ANCHORS = 8, SETTINGS_NEGATIVE = 24 };
struct settings_anchors {
  char files[SETTINGS_ANCHORS][SETTINGS_PATH]; /* of DS and DNSKEY records */
  unsigned file_count;
  struct settings_domain negative[SETTINGS_NEGATIVE];
  unsigned negative_count;
};

/* A fault from the start. */
struct settings_fault {
  char title[SETTINGS_TITLE]; /* "" on the command line */
  struct rule rule;
};

/* Beside the addresses listened on lie the scopes they were given with, "" for none: see addr_is_here and
 * settings_find_scopes. */
struct settings {
  union addr listen[SETTINGS_LISTEN];
  char listen_scopes[SETTINGS_LISTEN][ADDR_SCOPE];
  unsigned listen_count;
  bool listen_default; /* nobody asked for these: ::1 may be missing */
  struct settings_servers upstream;
  bool upstream_default;    /* nobody named any: they are those of resolv.conf */
  struct resolvconf resolv; /* what that said when it was read last */
  char resolv_conf[SETTINGS_PATH];
  enum upstream_policy upstream_policy;
  enum settings_discover discover;
  enum settings_upstream_tls upstream_tls;
  struct settings_forward forwards[SETTINGS_FORWARDS]; /* no two of the same domain */
  unsigned forward_count;
  struct settings_fault faults[SETTINGS_FAULTS];
  unsigned fault_count;
  uint32_t threads;
  size_t cache_size;  /* octets; 0: nobody said */
  size_t cache_limit; /* octets that the cache takes: settings_fit_memory */
  /* The modules' own, each handed over whole. */
  struct settings_pins pins;  /* of encrypted servers */
  char tls_ca[SETTINGS_PATH]; /* whom to trust to sign for them; "": whom the system does */
  struct settings_anchors anchors;
  struct forward_policy
      forward; /* domains of `forwards` are not among the exempt of rebind yet: wiring_rebind */
  struct serve_policy serve;
  struct access_policy access;
  struct xmpp_policy xmpp;
  struct share_policy share;
  struct zones_policy zones;
  bool zone_files; /* ready for some that come with a reload */
  struct serve_tcp_policy tcp;
  struct snapshot_policy snapshot;
  struct sandbox_policy sandbox;
  struct control_policy control;
  struct metrics_policy metrics;
  struct log_policy log;
  struct tap_policy tap;
  char file[256]; /* that was read, cut if need be; "": none */
};

enum settings_outcome {
  SETTINGS_RUN,
  SETTINGS_HEALTH, /* --health: ask the daemon that runs with these settings */
  SETTINGS_TOLD,   /* --help, --version, --check-config or --print-config was answered: exit with 0 */
  SETTINGS_WRONG   /* said on err, a line each: exit with 2 */
};

/* Fills all of s but what settings_find_* do: from the defaults, the settings file, a text in its form,
 * JIDNS_* in the environment and the command line, each before all earlier ones. Help goes to out, complaints
 * to err: file and line, variable or option, what it says, what would be right. May be called again, for a
 * reload. */
enum settings_outcome settings_read(struct settings *s, int argc, char **argv, FILE *out, FILE *err);

/* Finds out who may ask unless that was said: those in the networks listened on. False, and said in one line
 * on err, when that would be everybody. */
bool settings_find_networks(struct settings *s, FILE *err);

/* Has a domain asked of these servers, but for jidnsd itself, as if `forward` had said so, unless it did.
 * False: there is no room for one more. */
bool settings_forward(struct settings *s, const uint8_t *name, uint8_t len, const union addr *servers,
                      unsigned n);

/* All that is said of a set's i-th server; pins: those that hold for the set. */
void settings_server_address(const struct settings_servers *set, unsigned i, const struct settings_pins *pins,
                             struct ns_address *out);
/* The pins that hold for a set of forward "DOMAIN". */
const struct settings_pins *settings_forward_pins(const struct settings *s, const struct settings_forward *f);
/* Is any server of any set encrypted, or may become so? */
bool settings_encrypts(const struct settings *s);
bool settings_asks_https(const struct settings *s); /* any over HTTPS? */
bool settings_discovers(const struct settings *s);  /* encrypted ways to those of resolv.conf? */
bool settings_tries_tls(const struct settings *s);  /* with plain servers, without proof? */
/* Is there a server, or may there be one, that has to prove who it is? */
bool settings_needs_proof(const struct settings *s);

/* The same while running, when addresses have come or gone: see access_follow_networks. */
bool settings_follow_networks(struct settings *s, FILE *err);

/* Takes the upstreams from the resolv.conf at path unless some were given. When it names none that can be
 * used those that s has stay, be there any or not, and err hears why in one line: once, as long as it is for
 * the same reason. */
void settings_find_upstreams(struct settings *s, const char *path, FILE *err);

/* Looks up again which interfaces the addresses' scopes mean. True when one means another now, or has come or
 * gone. */
bool settings_find_scopes(struct settings *s);
/* a line for each that has no interface; how many */
unsigned settings_warn_of_scopes(struct settings *s, FILE *err);

/* Warns of servers that were named and that ask jidnsd itself, as far as that can be seen: systemd-resolved's
 * stub, when resolved asks jidnsd. A line for each; how many. */
unsigned settings_warn_of_rings(const struct settings *s, FILE *err);

/* Finds out how much the cache takes: what was said or, where less memory is to be had than usual, a share of
 * that. Clients over TCP get less there, too. False, and a warning on err, when what was said is more than
 * the limit allows: it holds all the same. */
bool settings_fit_memory(struct settings *s, const struct memory_limit *m, FILE *err);

/* Are the user and the group that s names there? False, and said in one line on err, when not. Warns of files
 * that root can read now and that user can't at a reload: *warned. Before there are threads. */
bool settings_check_system(const struct settings *s, bool *warned, FILE *err);

/* "192.0.2.1:53, [::1]:53"; of servers "192.0.2.1:53, tls://[2620:fe::fe]:853#dns.quad9.net", as far as it
 * fits. */
enum { SETTINGS_LIST_TEXT = SETTINGS_LISTEN * (ADDR_TEXT + 2) };
const char *settings_list(const union addr *list, unsigned n, char text[SETTINGS_LIST_TEXT]);
const char *settings_list_servers(const struct settings_servers *set, char text[SETTINGS_LIST_TEXT]);

/* is it among the addresses listened on? */
bool settings_listens(const struct settings *s, const union addr *addr);

/* A reload keeps what holds until the next start (struct setting's `fixed`): s gets it as it is running, and
 * err hears of each setting that differs, a line each. */
void settings_keep_fixed(struct settings *s, const struct settings *running, FILE *err);
#endif
