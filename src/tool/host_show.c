/* host_show.c: texts of jidns host. Exports host_show_*. */
#include "tool/host_show.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/shown.h"
#include "tool/host_text.h"

enum { NOTE_MAX = 1000 };

/* ---- a plan ---- */

static const struct host_file *file_at(const struct host_facts *f, const char *path) {
  for (unsigned i = 0; i < HOST_PATHS; i++) {
    if (strcmp(host_paths[i], path) == 0) return &f->files[i];
  }
  return NULL;
}

/* What is there, as a text to compare: for a link where it leads, if it is to be a link, too. */
static void show_change(const struct host_facts *f, const struct host_change *c, FILE *out) {
  const struct host_file *file = file_at(f, c->path);
  if (c->kind == HOST_LINK || file->kind == HOST_LINK)
    fprintf(out, "  %s: %s%s becomes %s%s\n", c->path, file->kind == HOST_LINK ? "the link to " : "the file",
            file->kind == HOST_LINK ? file->target : "", c->kind == HOST_LINK ? "a link to " : "a file",
            c->kind == HOST_LINK ? c->text : "");
  if (c->kind == HOST_FILE) host_text_diff(c->path, file->text, c->text, out);
}

static void show_notes(const struct host_plan *p, FILE *out) {
  for (unsigned i = 0; i < p->note_count; i++) {
    fputs("Note: ", out);
    shown_put(out, p->notes[i], NOTE_MAX);
    fputc('\n', out);
  }
}

void host_show_plan(const struct host_facts *f, const struct host_plan *p, FILE *out) {
  for (unsigned i = 0; i < p->change_count; i++) show_change(f, &p->changes[i], out);
  if (p->command) fprintf(out, "  then run: %s\n", p->command);
  show_notes(p, out);
}

/* ---- status ---- */

char *host_show_servers(const struct host_facts *f) {
  const char *text = f->files[HOST_RESOLV_CONF].text;
  char *list = NULL, server[64];
  size_t len;
  unsigned n = 0;
  FILE *out = open_memstream(&list, &len);
  must(out);
  for (; text && host_text_server(text, n, server, sizeof server); n++) {
    if (n) fputs(", ", out);
    shown_put(out, server, SHOWN_MAX);
  }
  if (!n) fputs("none", out);
  must(fclose(out) == 0);
  return list;
}

static void show_resolv_conf(const struct host_facts *f, FILE *out) {
  const struct host_file *file = &f->files[HOST_RESOLV_CONF];
  char *servers = host_show_servers(f);
  fprintf(out, "resolv.conf  /etc/resolv.conf");
  if (file->kind == HOST_LINK) {
    fputs(" -> ", out);
    shown_put(out, file->target, NOTE_MAX);
  }
  if (!file->text) fprintf(out, " (%s)", file->kind == HOST_OTHER ? "not a file" : strerror(file->error));
  if (file->mounted) fputs(" (mounted from elsewhere)", out);
  fprintf(out, "\nservers      %s\nwritten by   %s\n", servers, host_manager_name(host_judge(f)));
  free(servers);
}

static void show_jidnsd(const struct host_probe *probe, FILE *out) {
  if (!probe->runs) fputs("jidnsd       does not answer on its control socket\n", out);
  else
    fprintf(out, "jidnsd       listens on %s; asks %s\n", *probe->listen ? probe->listen : "nothing",
            *probe->upstreams ? probe->upstreams : "nobody");
}

static void show_store(const struct host_store *s, FILE *out) {
  static const char *const words[] = {
      [HOST_STORE_NONE] = "not enabled",
      [HOST_STORE_BEGUN] = "half done: an enable was cut off; jidns host disable undoes it",
      [HOST_STORE_FINAL] = "enabled; jidns host disable undoes it",
      [HOST_STORE_UNREAD] = "its journal in " HOST_STORE_FOLDER " can't be read: look at it by hand"};
  fprintf(out, "jidns host   %s\n", words[s->state]);
}

static bool show_rings(const struct host_facts *f, const struct host_probe *probe, FILE *out) {
  char *lines = NULL;
  size_t len;
  FILE *text = open_memstream(&lines, &len);
  must(text);
  unsigned rings = host_find_rings(f, &probe->asks, text);
  must(fclose(text) == 0);
  if (!rings) fputs("rings        none seen\n", out);
  for (char *rest = lines, *line; (line = strsep(&rest, "\n")) && *line;)
    fprintf(out, "A RING       %s\n", line);
  free(lines);
  return rings > 0;
}

static void show_what_enable_does(const struct host_facts *f, const struct host_plan *p, FILE *out) {
  if (p->refusal) fprintf(out, "\njidns host enable would refuse: %s\n", p->refusal);
  else if (p->is_first) fputs("\njidnsd comes first in resolv.conf already.\n", out);
  else fputs("\njidns host enable would change:\n", out);
  host_show_plan(f, p, out);
}

bool host_show_status(const struct host_facts *f, const struct host_plan *p, const struct host_store *s,
                      const struct host_probe *probe, FILE *out) {
  show_resolv_conf(f, out);
  show_jidnsd(probe, out);
  bool ring = show_rings(f, probe, out);
  show_store(s, out);
  if (s->state == HOST_STORE_NONE) show_what_enable_does(f, p, out);
  else if (s->state == HOST_STORE_FINAL && !p->is_first)
    fputs("\nresolv.conf does not name jidnsd first any more: somebody wrote it anew.\n"
          "jidns host disable, then jidns host enable, sets it up again.\n",
          out);
  return !ring && (s->state == HOST_STORE_NONE || (s->state == HOST_STORE_FINAL && p->is_first));
}
