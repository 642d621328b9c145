/* A host's resolv.conf, whoever manages it, and how jidnsd comes first in it. Pure: host_facts.h reads the
 * machine, host_store.h changes it and changes it back. */
#ifndef JIDNS_TOOL_HOST_H
#define JIDNS_TOOL_HOST_H
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>
#include <time.h>

#define HOST_JIDNSD "127.0.0.1" /* where jidnsd is asked, on port 53 */

/* What jidns writes into openresolv's settings: jidnsd first, and the servers of leases behind it. */
#define HOST_OPENRESOLV_NAMES "name_servers=\"" HOST_JIDNSD "${name_servers:+ $name_servers}\""
#define HOST_OPENRESOLV_ALL "resolv_conf_local_only=NO"

/* glibc and musl ask that many servers of a resolv.conf (MAXNS) */
enum { HOST_SERVERS = 3 };

/* ---- what there is ---- */

enum host_kind { HOST_MISSING, HOST_FILE, HOST_LINK, HOST_OTHER };

struct host_file {
  enum host_kind kind;
  char *target; /* owned; a link's */
  char *text;   /* owned; what it says, through a link too; NULL: nothing there, or it can't be read */
  size_t len;   /* of text, which a NUL ends */
  int error;    /* errno when text is NULL */
  bool mounted; /* something is mounted just there: no other file can take its place */
  mode_t mode;
  uid_t uid;
  gid_t gid;
  struct timespec written;
};

/* The files that matter, at host_paths. */
enum host_path {
  HOST_RESOLV_CONF,
  HOST_RESOLVED_SERVERS, /* those that systemd-resolved asks: uplink mode links here */
  HOST_RESOLVED_DROP_IN,
  HOST_RESOLVCONF_HEAD,
  HOST_OPENRESOLV_CONF,
  HOST_NM_CONF,
  HOST_NM_DISPATCHER,
  HOST_DHCLIENT_HOOK,
  HOST_DHCPCD_HEAD,
  HOST_CLOUD_CFG,
  HOST_PATHS
};
extern const char *const host_paths[HOST_PATHS];

enum host_program {
  HOST_RUNS_RESOLVED,
  HOST_RUNS_NETWORK_MANAGER,
  HOST_RUNS_DHCLIENT,
  HOST_RUNS_DHCPCD,
  HOST_RUNS_UNBOUND,
  HOST_RUNS_DNSMASQ,
  HOST_PROGRAMS
};

struct host_facts {
  struct host_file files[HOST_PATHS];
  bool runs[HOST_PROGRAMS];
  bool has_resolvconf, has_openresolv; /* the two programs of that name: resolvconf(8) */
  char *resolved_conf;                 /* owned; systemd-resolved's settings, in the order in which they hold,
                                          but for the file of jidns */
  char *link_domains; /* owned; domains that systemd-resolved asks of one link only; "": none */
  char *unbound_conf, *dnsmasq_conf; /* owned; their settings, all files together */
};

void host_facts_free(struct host_facts *f);

/* ---- what it means ---- */

enum host_manager {
  HOST_PLAIN, /* nobody, as far as can be seen */
  HOST_RESOLVED_STUB,
  HOST_RESOLVED_UPLINK,
  HOST_RESOLVCONF,
  HOST_OPENRESOLV,
  HOST_NETWORK_MANAGER,
  HOST_DHCLIENT,
  HOST_DHCPCD,
  HOST_CLOUD_INIT,
  HOST_MANAGERS
};

/* Who writes resolv.conf. */
enum host_manager host_judge(const struct host_facts *f);

/* "systemd-resolved, in stub mode"; "dhclient" */
const char *host_manager_name(enum host_manager m);

/* ---- what to do ---- */

/* Who else writes to a file that jidns changes. */
enum host_writer {
  HOST_WRITER_NONE,   /* a later change is somebody's decision: jidns says so */
  HOST_WRITER_MANAGER /* a later change is the manager's daily work */
};

struct host_change {
  const char *path;    /* one of host_paths */
  enum host_kind kind; /* HOST_FILE or HOST_LINK */
  char *text;          /* owned; what the file says, or where the link leads */
  mode_t mode;         /* of a new file; one that is there keeps its own */
  enum host_writer writer;
};

enum { HOST_CHANGES = 4, HOST_NOTES = 6 };

struct host_plan {
  enum host_manager manager;
  char *refusal;                            /* owned; why nothing can be done, and what to do; NULL: it can */
  bool is_first;                            /* jidnsd comes first already: nothing to do */
  struct host_change changes[HOST_CHANGES]; /* in this order */
  unsigned change_count;
  const char *command;     /* puts them into force, words set apart by blanks; NULL: nothing is to be run */
  char *notes[HOST_NOTES]; /* owned; sentences for the administrator */
  unsigned note_count;
};

void host_plan_make(const struct host_facts *f, struct host_plan *p);
void host_plan_free(struct host_plan *p);

/* ---- rings ---- */

/* Whom a running jidnsd asks, as it says. */
struct host_upstreams {
  bool resolved_stub; /* systemd-resolved on this machine */
  bool local;         /* something else on this machine */
};

/* Writes a line for each ring that can be seen: servers that jidnsd asks and that ask jidnsd. Returns how
 * many. */
unsigned host_find_rings(const struct host_facts *f, const struct host_upstreams *u, FILE *out);
#endif
