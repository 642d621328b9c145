/* test_host.c: who writes resolv.conf, and what puts jidnsd first in it. What happens to files is tested end
 * to end. */
#include "tool/host.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "tool/host_text.h"

#define REMARK "# jidns host: jidnsd first; the servers below answer when it does not\n"
#define FIRST REMARK "nameserver 127.0.0.1\n"
#define BEYOND "# jidns host: the fourth and further ones are never asked: "
#define STUB "../run/systemd/resolve/stub-resolv.conf"

/* ---- texts ---- */

static void expect_first(const char *before, const char *after) {
  char *made = host_text_first(before), *again = host_text_first(made);
  cr_expect_str_eq(made, after, "of \"%s\": \"%s\"", before, made);
  cr_expect_str_eq(again, after, "a second time");
  free(made);
  free(again);
}

Test(host_text, puts_jidnsd_before_the_first_server_and_keeps_all_other_lines) {
  expect_first("", FIRST);
  expect_first("nameserver 9.9.9.9\n", FIRST "nameserver 9.9.9.9\n");
  expect_first("search a b\noptions ndots:2\nnameserver 9.9.9.9",
               "search a b\noptions ndots:2\n" FIRST "nameserver 9.9.9.9\n");
  expect_first("; old\r\nnameserver\t::1\n", "; old\r\n" FIRST "nameserver\t::1\n");
}

Test(host_text, names_jidnsd_once) {
  expect_first("nameserver 9.9.9.9\nnameserver 127.0.0.1\n", FIRST "nameserver 9.9.9.9\n");
  expect_first("nameserver 127.0.0.1 # dnsmasq\n", FIRST);
}

Test(host_text, leaves_three_servers_in_all_and_the_others_as_comments) {
  expect_first("nameserver 1.1.1.1\nnameserver 2.2.2.2\nnameserver 3.3.3.3\nnameserver 4.4.4.4\n",
               FIRST "nameserver 1.1.1.1\nnameserver 2.2.2.2\n" BEYOND "nameserver 3.3.3.3\n" BEYOND
                     "nameserver 4.4.4.4\n");
}

Test(host_text, takes_for_servers_what_glibc_takes_for_them) {
  char server[64];
  static const char text[] =
      " nameserver 1.1.1.1\nnameserverx 2.2.2.2\n#nameserver 3.3.3.3\nnameserver  4.4.4.4;x\n";
  cr_assert(host_text_server(text, 0, server, sizeof server));
  cr_expect_str_eq(server, "4.4.4.4");
  cr_expect(!host_text_server(text, 1, server, sizeof server));
  cr_expect(!host_text_server("nameserver", 0, server, sizeof server));
  cr_expect(!host_text_server("nameserver \n", 0, server, sizeof server));
}

static void expect_without(const char *text, const char *rest, bool ours) {
  bool found;
  char *made = host_text_without(text, &found);
  cr_expect_str_eq(made, rest);
  cr_expect_eq(found, ours);
  free(made);
}

Test(host_text, takes_out_again_what_it_put_there) {
  char *block = host_text_with("a=1", "b=2\n");
  expect_without(block, "a=1\n", true);
  expect_without(FIRST "nameserver 1.1.1.1\n" BEYOND "nameserver 3.3.3.3\nsearch new\n",
                 "nameserver 1.1.1.1\nnameserver 3.3.3.3\nsearch new\n", true);
  expect_without("search a\nnameserver 127.0.0.1\nnameserver 1.1.1.1\n", "search a\nnameserver 1.1.1.1\n",
                 true);
  expect_without("nameserver 1.1.1.1\n", "nameserver 1.1.1.1\n", false);
  free(block);
}

#define BEGIN "# begin: jidns host (jidns host disable takes this out)\n"
#define END "# end: jidns host\n"
#define OPENRESOLV HOST_OPENRESOLV_NAMES "\n" HOST_OPENRESOLV_ALL "\n"

Test(host_text, takes_out_all_between_its_two_comments) {
  expect_without("a=1\n" BEGIN OPENRESOLV "b=2\n" END "c=3\n", "a=1\nc=3\n", true);
  expect_without("a=1\n" BEGIN OPENRESOLV END HOST_OPENRESOLV_ALL "\n", "a=1\n" HOST_OPENRESOLV_ALL "\n",
                 true);
}

Test(host_text, leaves_all_lines_of_others_when_one_of_its_two_comments_is_gone) {
  expect_without("a=1\n" BEGIN OPENRESOLV "b=2\nsearch_domains=lab", "a=1\nb=2\nsearch_domains=lab\n", true);
  expect_without(BEGIN "nameserver 127.0.0.1\n# mine\nnameserver 192.0.2.53\n",
                 "# mine\nnameserver 192.0.2.53\n", true);
  expect_without("nameserver 127.0.0.1\n" END "nameserver 192.0.2.53\n", "nameserver 192.0.2.53\n", true);
  expect_without(BEGIN "b=2\n" BEGIN OPENRESOLV END "c=3\n", "b=2\nc=3\n", true);
}

static void expect_diff(const char *before, const char *after, const char *said) {
  char *text = NULL;
  size_t len;
  FILE *out = open_memstream(&text, &len);
  host_text_diff("/f", before, after, out);
  fclose(out);
  cr_expect_str_eq(text, said);
  free(text);
}

Test(host_text, shows_what_differs) {
  expect_diff("a\nb\nc\n", "a\nx\nc\n", "  --- /f\n  +++ /f\n   a\n  -b\n  +x\n   c\n");
  expect_diff(NULL, "a\n", "  --- /dev/null\n  +++ /f\n  +a\n");
  expect_diff("a\033[2J\n", NULL, "  --- /f\n  +++ /dev/null\n  -a?[2J\n");
}

/* ---- who writes it ---- */

static void set_text(struct host_file *file, const char *text) {
  free(file->text);
  file->kind = file->kind == HOST_LINK ? HOST_LINK : HOST_FILE;
  file->text = strdup(text);
  file->mode = 0644;
  file->len = strlen(text);
}

static struct host_facts with_text(const char *text) {
  struct host_facts f = {0};
  set_text(&f.files[HOST_RESOLV_CONF], text);
  return f;
}

static struct host_facts with_link(const char *target, const char *text) {
  struct host_facts f = {0};
  struct host_file *file = &f.files[HOST_RESOLV_CONF];
  file->kind = HOST_LINK;
  file->target = strdup(target);
  if (text) set_text(file, text);
  else file->error = 2;
  return f;
}

static void expect_judged(struct host_facts f, enum host_manager m) {
  cr_expect_eq(host_judge(&f), m, "%s", host_manager_name(host_judge(&f)));
  host_facts_free(&f);
}

Test(host, is_told_its_manager_by_a_link) {
  static const struct {
    const char *target;
    enum host_manager manager;
  } known[] = {{STUB, HOST_RESOLVED_STUB},
               {"/run/systemd/resolve/stub-resolv.conf", HOST_RESOLVED_STUB},
               {"/usr/lib/systemd/resolv.conf", HOST_RESOLVED_STUB},
               {"../run/systemd/resolve/resolv.conf", HOST_RESOLVED_UPLINK},
               {"/run/resolvconf/resolv.conf", HOST_RESOLVCONF},
               {"/etc/resolvconf/run/resolv.conf", HOST_RESOLVCONF},
               {"/var/run/NetworkManager/resolv.conf", HOST_NETWORK_MANAGER},
               {"/mnt/wsl/resolv.conf", HOST_PLAIN}};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    expect_judged(with_link(known[i].target, "nameserver 9.9.9.9\n"), known[i].manager);
}

Test(host, is_told_its_manager_by_a_text_and_by_who_runs) {
  struct host_facts f = with_text("# Generated by NetworkManager\nnameserver 9.9.9.9\n");
  f.runs[HOST_RUNS_NETWORK_MANAGER] = true;
  expect_judged(f, HOST_NETWORK_MANAGER);
  expect_judged(with_text("# Generated by NetworkManager\nnameserver 9.9.9.9\n"), HOST_PLAIN);

  f = with_text("nameserver 127.0.0.53\n");
  f.runs[HOST_RUNS_RESOLVED] = true;
  expect_judged(f, HOST_RESOLVED_STUB);
  f = with_text("nameserver 9.9.9.9\n");
  f.runs[HOST_RUNS_RESOLVED] = true;
  expect_judged(f, HOST_PLAIN);

  f = with_text("# Generated by resolvconf\nnameserver 9.9.9.9\n");
  f.has_openresolv = true;
  expect_judged(f, HOST_OPENRESOLV);
  f = with_text("nameserver 9.9.9.9\n");
  f.runs[HOST_RUNS_DHCLIENT] = true;
  expect_judged(f, HOST_DHCLIENT);
  expect_judged(with_text("# Generated by dhcpcd from eth0.dhcp\nnameserver 9.9.9.9\n"), HOST_DHCPCD);
  expect_judged(with_text("# Your system has been configured with 'manage-resolv-conf' set to true.\n"),
                HOST_CLOUD_INIT);
  expect_judged((struct host_facts){0}, HOST_PLAIN);
}

/* ---- plans ---- */

static const struct host_change *change_of(const struct host_plan *p, enum host_path path) {
  for (unsigned i = 0; i < p->change_count; i++) {
    if (strcmp(p->changes[i].path, host_paths[path]) == 0) return &p->changes[i];
  }
  return NULL;
}

static void drop(struct host_plan *p, struct host_facts *f) {
  host_plan_free(p);
  host_facts_free(f);
}

static struct host_facts resolved(const char *target, const char *conf) {
  struct host_facts f = with_link(target, "nameserver 127.0.0.53\n");
  f.runs[HOST_RUNS_RESOLVED] = true;
  f.resolved_conf = strdup(conf);
  set_text(&f.files[HOST_RESOLVED_SERVERS], "nameserver 192.0.2.53\n");
  return f;
}

Test(host_plan, of_resolved_in_stub_mode_leads_the_link_to_its_list_with_jidnsd_first) {
  struct host_facts f = resolved(STUB, "[Resolve]\n#DNS=1.1.1.1\n");
  struct host_plan p;
  host_plan_make(&f, &p);
  cr_assert_eq(p.change_count, 2);
  cr_expect(strstr(change_of(&p, HOST_RESOLVED_DROP_IN)->text, "[Resolve]\nDNS=\nDNS=127.0.0.1\n"));
  const struct host_change *c = change_of(&p, HOST_RESOLV_CONF);
  cr_expect(c->kind == HOST_LINK && strcmp(c->text, "../run/systemd/resolve/resolv.conf") == 0);
  cr_expect_str_eq(p.command, "systemctl restart systemd-resolved");
  drop(&p, &f);
}

Test(host_plan, of_resolved_keeps_the_servers_that_its_settings_name) {
  struct host_facts f = resolved(
      "/run/systemd/resolve/resolv.conf",
      "DNS=1.1.1.1\nDNS=\nDNS = 9.9.9.9#dns.quad9.net  127.0.0.1\nFallbackDNS=8.8.8.8\nDNS=2620:fe::fe\n");
  struct host_plan p;
  host_plan_make(&f, &p);
  cr_assert_eq(p.change_count, 1, "in uplink mode the link stays");
  cr_expect(strstr(p.changes[0].text, "DNS=\nDNS=127.0.0.1 9.9.9.9#dns.quad9.net 2620:fe::fe\n"), "%s",
            p.changes[0].text);
  drop(&p, &f);
}

static void expect_refused(struct host_facts f, const char *why) {
  struct host_plan p;
  host_plan_make(&f, &p);
  cr_assert(p.refusal, "%s", why);
  cr_expect(strstr(p.refusal, why), "%s", p.refusal);
  cr_expect_eq(p.change_count, 0);
  drop(&p, &f);
}

Test(host_plan, refuses_with_words_what_would_leave_the_host_worse) {
  expect_refused(resolved(STUB, "DNSOverTLS=opportunistic\n"), "asks over TLS (DNSOverTLS=opportunistic)");
  expect_refused(resolved(STUB, "DNSOverTLS=yes\n"), "name them as tls://ADDR#NAME in jidnsd's settings");
  struct host_facts f = resolved(STUB, "DNSOverTLS=yes\nDNSOverTLS=no\n");
  f.runs[HOST_RUNS_RESOLVED] = false;
  expect_refused(f, "systemd-resolved does not run");
  f = resolved(STUB, "");
  set_text(&f.files[HOST_RESOLVED_SERVERS], "# none\n");
  expect_refused(f, "knows no server");
  expect_refused(with_link(STUB, NULL), "is a link to " STUB ", which is not there");
  f = (struct host_facts){.files[HOST_RESOLV_CONF].kind = HOST_OTHER};
  expect_refused(f, "is no file");
}

Test(host_plan, says_which_domains_of_links_are_lost) {
  struct host_facts f = resolved(STUB, "");
  struct host_plan p;
  f.link_domains = strdup("corp.example");
  host_plan_make(&f, &p);
  cr_assert_eq(p.note_count, 1);
  cr_expect(strstr(p.notes[0], "corp.example") && strstr(p.notes[0], "--forward"));
  drop(&p, &f);
}

Test(host_plan, leaves_resolv_conf_to_resolvconf_and_openresolv) {
  struct host_facts f = with_link("/run/resolvconf/resolv.conf", "nameserver 9.9.9.9\n");
  struct host_plan p;
  f.has_resolvconf = true;
  set_text(&f.files[HOST_RESOLVCONF_HEAD], "# head\n");
  host_plan_make(&f, &p);
  cr_assert_eq(p.change_count, 1);
  cr_expect_str_eq(p.changes[0].path, "/etc/resolvconf/resolv.conf.d/head");
  cr_expect(strstr(p.changes[0].text, "# head\n") && strstr(p.changes[0].text, "\nnameserver 127.0.0.1\n"));
  cr_expect_str_eq(p.command, "resolvconf -u");
  drop(&p, &f);

  f = with_text("# Generated by resolvconf\nnameserver 9.9.9.9\n");
  f.has_openresolv = true;
  host_plan_make(&f, &p);
  cr_assert_eq(p.change_count, 1);
  cr_expect_str_eq(p.changes[0].path, "/etc/resolvconf.conf");
  cr_expect(strstr(p.changes[0].text, "resolv_conf_local_only=NO\n"));
  drop(&p, &f);
}

Test(host_plan, writes_resolv_conf_and_what_its_manager_will_write) {
  static const struct {
    enum host_program runs;
    const char *text;
    enum host_path other;
  } cases[] = {{HOST_RUNS_NETWORK_MANAGER, "# Generated by NetworkManager\n", HOST_NM_DISPATCHER},
               {HOST_RUNS_DHCLIENT, "", HOST_DHCLIENT_HOOK},
               {HOST_RUNS_DHCPCD, "# Generated by dhcpcd\n", HOST_DHCPCD_HEAD},
               {HOST_RUNS_DNSMASQ, "# cloud-init\n", HOST_CLOUD_CFG}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char text[128];
    struct host_plan p;
    snprintf(text, sizeof text, "%snameserver 9.9.9.9\n", cases[i].text);
    struct host_facts f = with_text(text);
    f.runs[cases[i].runs] = true;
    host_plan_make(&f, &p);
    const struct host_change *other = change_of(&p, cases[i].other), *c = change_of(&p, HOST_RESOLV_CONF);
    cr_assert(other && c, "%zu", i);
    cr_expect_eq(other->mode, cases[i].other == HOST_NM_DISPATCHER ? 0755 : 0644);
    cr_expect(strstr(c->text, FIRST "nameserver 9.9.9.9\n"));
    drop(&p, &f);
  }
}

Test(host_plan, says_when_jidnsd_cannot_read_the_file) {
  struct host_facts f = with_text("nameserver 9.9.9.9\n");
  struct host_plan p;
  f.files[HOST_RESOLV_CONF].mode = 0640;
  host_plan_make(&f, &p);
  cr_assert_eq(p.note_count, 1);
  cr_expect(strstr(p.notes[0], "mode 640") && strstr(p.notes[0], "chmod o+r /etc/resolv.conf"));
  drop(&p, &f);
}

Test(host_plan, is_empty_when_jidnsd_comes_first) {
  struct host_facts f = with_text("nameserver 127.0.0.1\noptions rotate\n");
  struct host_plan p;
  host_plan_make(&f, &p);
  cr_expect(p.is_first && p.change_count == 0);
  cr_assert_eq(p.note_count, 2);
  cr_expect(strstr(p.notes[0], "No server stands behind jidnsd") && strstr(p.notes[1], "rotate"));
  drop(&p, &f);
}

/* ---- rings ---- */

static unsigned rings(const struct host_facts *f, struct host_upstreams u, const char *said) {
  char *text = NULL;
  size_t len;
  FILE *out = open_memstream(&text, &len);
  unsigned n = host_find_rings(f, &u, out);
  fclose(out);
  cr_expect(strstr(text, said), "%s", text);
  free(text);
  return n;
}

Test(host_rings, are_seen_through_resolved) {
  struct host_facts f = with_text("nameserver 127.0.0.53\n");
  set_text(&f.files[HOST_RESOLVED_SERVERS], "nameserver 9.9.9.9\nnameserver 127.0.0.1\n");
  cr_expect_eq(rings(&f, (struct host_upstreams){.resolved_stub = true}, "systemd-resolved asks jidnsd"), 1);
  cr_expect_eq(rings(&f, (struct host_upstreams){.local = true}, ""), 0);
  set_text(&f.files[HOST_RESOLVED_SERVERS], "nameserver 9.9.9.9\n");
  cr_expect_eq(rings(&f, (struct host_upstreams){.resolved_stub = true}, ""), 0);
  host_facts_free(&f);
}

Test(host_rings, are_seen_through_unbound_and_dnsmasq_by_their_settings) {
  static const struct {
    enum host_program runs;
    const char *conf, *resolv_conf;
    unsigned rings;
  } cases[] = {
      {HOST_RUNS_UNBOUND, "forward-zone:\n  name: .\n  forward-addr: 127.0.0.1\n", "", 1},
      {HOST_RUNS_UNBOUND, "  forward-addr: 127.0.0.1@53\n", "", 1},
      {HOST_RUNS_UNBOUND, "  forward-addr: 127.0.0.1@5353\n", "", 0},
      {HOST_RUNS_UNBOUND, "  forward-addr: 127.0.0.11\n", "", 0},
      {HOST_RUNS_UNBOUND, "#  forward-addr: 127.0.0.1\n", "", 0},
      {HOST_RUNS_DNSMASQ, "server=127.0.0.1\n", "", 1},
      {HOST_RUNS_DNSMASQ, "server=/lab/127.0.0.1#53\n", "", 1},
      {HOST_RUNS_DNSMASQ, "server=127.0.0.1#5300\nno-resolv\n", "nameserver 127.0.0.1\n", 0},
      {HOST_RUNS_DNSMASQ, "", "nameserver 127.0.0.1\n", 1},
      {HOST_RUNS_DHCLIENT, "server=127.0.0.1\nforward-addr: 127.0.0.1\n", "nameserver 127.0.0.1\n", 0}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct host_facts f = with_text(cases[i].resolv_conf);
    f.runs[cases[i].runs] = true;
    f.unbound_conf = strdup(cases[i].conf);
    f.dnsmasq_conf = strdup(cases[i].conf);
    cr_expect_eq(rings(&f, (struct host_upstreams){.local = true}, ""), cases[i].rings, "%zu", i);
    cr_expect_eq(rings(&f, (struct host_upstreams){0}, ""), 0, "jidnsd asks nobody here: %zu", i);
    host_facts_free(&f);
  }
}
