/* host_plan.c: what puts jidnsd first in resolv.conf, for each manager of it. Exports host_plan_*. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/must.h"
#include "tool/host.h"
#include "tool/host_text.h"

static const char resolved_start[] =
    "# Made by jidns host enable; jidns host disable removes it.\n"
    "# systemd-resolved asks jidnsd first, and writes it first into /run/systemd/resolve/resolv.conf.\n"
    "[Resolve]\n"
    "DNS=\n"
    "DNS=" HOST_JIDNSD;

static const char nm_conf[] = "# Made by jidns host enable; jidns host disable removes it.\n"
                              "# /etc/NetworkManager/dispatcher.d/50-jidns writes resolv.conf instead.\n"
                              "[main]\n"
                              "rc-manager=unmanaged\n";

static const char nm_dispatcher[] =
    "#!/bin/sh\n"
    "# Made by jidns host enable; jidns host disable removes it.\n"
    "# Writes the servers that NetworkManager finds into resolv.conf, behind jidnsd.\n"
    "from=/run/NetworkManager/no-stub-resolv.conf\n"
    "to=/etc/resolv.conf\n"
    "trap 'rm -f $to.jidns-nm' EXIT\n"
    "trap 'exit 1' HUP INT TERM\n"
    "grep -q '^nameserver' $from || exit 0\n"
    "awk '\n"
    "  /^nameserver/ && !servers++ {\n"
    "    print \"# jidns host: jidnsd first; the servers below answer when it does not\"\n"
    "    print \"nameserver " HOST_JIDNSD "\"\n"
    "  }\n"
    "  /^nameserver/ && servers >= 3 {\n"
    "    printf \"# jidns host: the fourth and further ones are never asked: \"\n"
    "  }\n"
    "  { print }\n"
    "' $from >$to.jidns-nm || exit 1\n"
    "cmp -s $to.jidns-nm $to || mv $to.jidns-nm $to\n";

static const char dhclient_hook[] =
    "# Made by jidns host enable; jidns host disable removes it.\n"
    "# dhclient-script writes jidnsd into resolv.conf, and behind it the servers of the lease.\n"
    "if [ -n \"$new_domain_name_servers\" ]; then\n"
    "  new_domain_name_servers=\"" HOST_JIDNSD " $new_domain_name_servers\"\n"
    "elif [ -n \"$new_dhcp6_name_servers\" ]; then\n"
    "  new_dhcp6_name_servers=\"" HOST_JIDNSD " $new_dhcp6_name_servers\"\n"
    "fi\n";

static const char openresolv_block[] = HOST_OPENRESOLV_NAMES "\n" HOST_OPENRESOLV_ALL "\n";

static const char cloud_cfg[] = "# Made by jidns host enable; jidns host disable removes it.\n"
                                "manage_resolv_conf: false\n";

/* ---- parts of a plan ---- */

__attribute__((format(printf, 1, 2))) static char *text_of(const char *fmt, ...) {
  char *text = NULL;
  va_list args;
  va_start(args, fmt);
  must(vasprintf(&text, fmt, args) >= 0);
  va_end(args);
  return text;
}

static void note(struct host_plan *p, char *text) {
  must(p->note_count < HOST_NOTES);
  p->notes[p->note_count++] = text;
}

/* text is taken over. */
static void change(struct host_plan *p, enum host_path path, enum host_kind kind, char *text,
                   enum host_writer writer) {
  must(p->change_count < HOST_CHANGES);
  p->changes[p->change_count++] = (struct host_change){.path = host_paths[path],
                                                       .kind = kind,
                                                       .text = text,
                                                       .mode = path == HOST_NM_DISPATCHER ? 0755 : 0644,
                                                       .writer = writer};
}

static void change_file(struct host_plan *p, enum host_path path, const char *text) {
  change(p, path, HOST_FILE, text_of("%s", text), HOST_WRITER_NONE);
}

static const char *text_at(const struct host_facts *f, enum host_path path) {
  return f->files[path].text ? f->files[path].text : "";
}

static void change_resolv_conf(const struct host_facts *f, struct host_plan *p, enum host_writer writer) {
  change(p, HOST_RESOLV_CONF, HOST_FILE, host_text_first(text_at(f, HOST_RESOLV_CONF)), writer);
}

/* ---- systemd-resolved ---- */

/* The last value of a key in resolved's settings; DNS= adds up, and an empty one begins anew. Owned. */
static char *resolved_value(const char *conf, const char *key, bool adds_up) {
  char *value = text_of("%s", "");
  size_t key_len = strlen(key);
  for (const char *at = conf; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL) {
    at += strspn(at, " \t");
    if (strncmp(at, key, key_len) != 0 || at[key_len + strspn(at + key_len, " \t")] != '=') continue;

    const char *from = strchr(at, '=') + 1;
    from += strspn(from, " \t");
    int len = (int)strcspn(from, "\r\n");
    char *before = value;
    value = text_of("%s%s%.*s", adds_up && len ? before : "", adds_up && len && *before ? " " : "", len,
                    from);
    free(before);
  }
  return value;
}

static bool is_no(const char *value) {
  static const char *const words[] = {"", "no", "false", "off", "0", "n", "f"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    if (strcasecmp(value, words[i]) == 0) return true;
  }
  return false;
}

static void change_resolved_settings(const struct host_facts *f, struct host_plan *p) {
  char *servers = resolved_value(f->resolved_conf, "DNS", true), *rest = servers, *word;
  char *text = NULL;
  size_t len;
  FILE *out = open_memstream(&text, &len);
  must(out);
  fputs(resolved_start, out);
  while ((word = strsep(&rest, " \t"))) {
    if (*word && strcmp(word, HOST_JIDNSD) != 0) fprintf(out, " %s", word);
  }
  fputc('\n', out);
  must(fclose(out) == 0);
  free(servers);
  change(p, HOST_RESOLVED_DROP_IN, HOST_FILE, text, HOST_WRITER_NONE);
}

/* resolved keeps writing the provider's servers into its own list, now with jidnsd before them; resolv.conf
 * leads there. */
static void plan_resolved(const struct host_facts *f, struct host_plan *p) {
  char first[64];
  char *tls = resolved_value(f->resolved_conf, "DNSOverTLS", false);
  if (!is_no(tls)) {
    p->refusal = text_of(
        "systemd-resolved asks over TLS (DNSOverTLS=%s), which it could not of jidnsd, and jidnsd would ask "
        "its servers in the clear; if that may be, set DNSOverTLS=no in resolved.conf first; or name "
        "them as tls://ADDR#NAME in jidnsd's settings (encryption.md), and then set it",
        tls);
  } else if (!f->runs[HOST_RUNS_RESOLVED]) {
    p->refusal = text_of(
        "systemd-resolved does not run, so nobody writes the servers that stay behind jidnsd; "
        "systemctl start systemd-resolved");
  } else if (!host_text_server(text_at(f, HOST_RESOLVED_SERVERS), 0, first, sizeof first)) {
    p->refusal = text_of(
        "systemd-resolved knows no server (%s names none); give it one first: resolvectl status "
        "shows what it has",
        host_paths[HOST_RESOLVED_SERVERS]);
  }
  free(tls);
  if (p->refusal) return;

  change_resolved_settings(f, p);
  if (p->manager == HOST_RESOLVED_STUB)
    change(p, HOST_RESOLV_CONF, HOST_LINK, text_of("../run/systemd/resolve/resolv.conf"), HOST_WRITER_NONE);
  p->command = "systemctl restart systemd-resolved";
  if (f->link_domains && *f->link_domains)
    note(p,
         text_of(
             "systemd-resolved asks the servers of one link only for: %s. Programs that read resolv.conf no "
             "longer do: give jidnsd these, too, with --forward DOMAIN=SERVER.",
             f->link_domains));
}

/* ---- the others ---- */

static void plan_resolvconf(const struct host_facts *f, struct host_plan *p) {
  bool open = p->manager == HOST_OPENRESOLV || (f->has_openresolv && !f->has_resolvconf);
  char *text = open ? host_text_with(text_at(f, HOST_OPENRESOLV_CONF), openresolv_block)
                    : host_text_with(text_at(f, HOST_RESOLVCONF_HEAD), "nameserver " HOST_JIDNSD "\n");
  change(p, open ? HOST_OPENRESOLV_CONF : HOST_RESOLVCONF_HEAD, HOST_FILE, text, HOST_WRITER_NONE);
  p->command = "resolvconf -u";
}

/* NetworkManager has no way to put a server before those of every connection: it leaves resolv.conf alone,
 * and a script of its dispatcher writes it. */
static void plan_network_manager(const struct host_facts *f, struct host_plan *p) {
  change_file(p, HOST_NM_DISPATCHER, nm_dispatcher);
  change_file(p, HOST_NM_CONF, nm_conf);
  change_resolv_conf(f, p, HOST_WRITER_MANAGER);
  p->command = "nmcli general reload";
}

static void plan_dhcpcd(const struct host_facts *f, struct host_plan *p) {
  char *text = host_text_with(text_at(f, HOST_DHCPCD_HEAD), "nameserver " HOST_JIDNSD "\n");
  change(p, HOST_DHCPCD_HEAD, HOST_FILE, text, HOST_WRITER_NONE);
  change_resolv_conf(f, p, HOST_WRITER_MANAGER);
}

static void plan_plain(const struct host_facts *f, struct host_plan *p) {
  const struct host_file *file = &f->files[HOST_RESOLV_CONF];
  change_resolv_conf(f, p, HOST_WRITER_NONE);
  if (file->kind == HOST_LINK)
    note(p, text_of("resolv.conf is a link to %s, and becomes a file: who writes there is no longer heard.",
                    file->target));
  if (file->mounted)
    note(p,
         text_of(
             "resolv.conf is mounted from elsewhere, as in a container: what starts the container writes it "
             "anew at the next start. Tell it the servers there (docker run --dns 127.0.0.1 --dns ...)."));
  if (f->runs[HOST_RUNS_RESOLVED])
    note(p, text_of("systemd-resolved runs and reads resolv.conf: it asks jidnsd, too."));
  if (f->runs[HOST_RUNS_NETWORK_MANAGER])
    note(p, text_of("NetworkManager runs, but does not write resolv.conf."));
}

/* ---- all ---- */

/* Whatever the manager: what makes any plan wrong. True when there is nothing to plan. */
static bool cannot_plan(const struct host_facts *f, struct host_plan *p) {
  const struct host_file *file = &f->files[HOST_RESOLV_CONF];
  char first[64];
  if (file->kind == HOST_OTHER) {
    p->refusal = text_of("/etc/resolv.conf is no file; put a file there with a line: nameserver ADDRESS");
  } else if (file->kind == HOST_LINK && !file->text) {
    p->refusal = text_of(
        "/etc/resolv.conf is a link to %s, which %s; start what writes it, or put a file there with a "
        "line: nameserver ADDRESS",
        file->target, file->error == ENOENT ? "is not there" : strerror(file->error));
  } else if (file->kind != HOST_MISSING && !file->text) {
    p->refusal = text_of("/etc/resolv.conf: %s", strerror(file->error));
  } else if (file->text && strlen(file->text) != file->len) {
    p->refusal = text_of("/etc/resolv.conf is no text: it has octets of zero; write it anew");
  } else {
    p->is_first = host_text_server(text_at(f, HOST_RESOLV_CONF), 0, first, sizeof first) &&
                  strcmp(first, HOST_JIDNSD) == 0;
  }
  return p->refusal || p->is_first;
}

static void note_of_text(const struct host_facts *f, struct host_plan *p) {
  const struct host_file *file = &f->files[HOST_RESOLV_CONF];
  const char *text = text_at(f, HOST_RESOLV_CONF);
  char server[64];
  if (!host_text_server(text, p->is_first, server, sizeof server))
    note(p, text_of("%s: while jidnsd is down, this machine has no DNS.",
                    p->is_first ? "No server stands behind jidnsd"
                                : "resolv.conf names no server to stay behind jidnsd"));
  else if (host_text_server(text, HOST_SERVERS - 1, server, sizeof server) && p->change_count &&
           p->changes[p->change_count - 1].path == host_paths[HOST_RESOLV_CONF] &&
           p->changes[p->change_count - 1].kind == HOST_FILE)
    note(p, text_of("Programs ask %d servers of resolv.conf at most: %s becomes a comment.", HOST_SERVERS,
                    server));
  if (file->kind == HOST_FILE && !(file->mode & S_IROTH))
    note(p,
         text_of("Not everybody may read resolv.conf (mode %o), so jidnsd can't once it has given up root: "
                 "chmod o+r /etc/resolv.conf.",
                 (unsigned)file->mode));
  if (strstr(text, "rotate"))
    note(p, text_of(
                "\"options rotate\" has programs ask jidnsd only in turn with the others: take rotate out."));
}

void host_plan_make(const struct host_facts *f, struct host_plan *p) {
  *p = (struct host_plan){.manager = host_judge(f)};
  if (cannot_plan(f, p)) {
    if (p->is_first) note_of_text(f, p);
    return;
  }

  switch (p->manager) {
  case HOST_RESOLVED_STUB:
  case HOST_RESOLVED_UPLINK: plan_resolved(f, p); return;
  case HOST_RESOLVCONF:
  case HOST_OPENRESOLV: plan_resolvconf(f, p); break;
  case HOST_NETWORK_MANAGER: plan_network_manager(f, p); break;
  case HOST_DHCPCD: plan_dhcpcd(f, p); break;
  case HOST_DHCLIENT:
    change_file(p, HOST_DHCLIENT_HOOK, dhclient_hook);
    change_resolv_conf(f, p, HOST_WRITER_MANAGER);
    break;
  case HOST_CLOUD_INIT:
    change_file(p, HOST_CLOUD_CFG, cloud_cfg);
    change_resolv_conf(f, p, HOST_WRITER_NONE);
    break;
  default: plan_plain(f, p);
  }
  note_of_text(f, p);
}

void host_plan_free(struct host_plan *p) {
  for (unsigned i = 0; i < p->change_count; i++) free(p->changes[i].text);
  for (unsigned i = 0; i < p->note_count; i++) free(p->notes[i]);
  free(p->refusal);
}
