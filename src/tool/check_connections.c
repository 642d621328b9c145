/* check_connections.c: what connections have shown, as tables for people. Exports check_write_connections. */
#include "tool/check.h"

static void write_connection(const struct connections *all, const struct connection *n, const struct term *t,
                             FILE *out) {
  char address[ADDRESS_TEXT], line[600];
  int used = fprintf(out, "  %s %5u %-9s %s", n->side == LOOKUP_C2S ? "client" : "server", n->port,
                     n->direct_tls ? "direct" : "STARTTLS", lookup_address_text(&n->address, address));
  unsigned column = (unsigned)used;

  enum { RESULT_COLUMN = 43 };
  fprintf(out, "%*s", column < RESULT_COLUMN ? (int)(RESULT_COLUMN - column) : 2, "");
  column = column < RESULT_COLUMN ? RESULT_COLUMN : column + 2;

  if (!n->has_tls)
    snprintf(line, sizeof line, "%s%s%s", connect_end_text(n->end), *n->why ? ": " : "", n->why);
  else
    snprintf(line, sizeof line, "%s, %u ms; %s, %ld days%s%s%s%s", n->version, n->connect_ms + n->tls_ms,
             cert_form_text(n->form), (long)((n->until_s - all->now_s) / 86400),
             connect_is_good(n) ? "" : "; ", connect_is_good(n) ? "" : connect_end_text(n->end),
             !*n->why             ? ""
             : connect_is_good(n) ? "; "
                                  : ": ",
             n->why);
  term_wrap(t, out, column, RESULT_COLUMN, line);
}

static void write_document(const struct web_document *d, const struct term *t, FILE *out) {
  enum { RESULT_COLUMN = 18 };
  char result[WEB_TEXT], line[HTTP_URL + WEB_TEXT];
  web_result_text(d, result);
  fprintf(out, "  %-*s", RESULT_COLUMN - 2, d->form == HOST_META_XML ? "host-meta" : "host-meta.json");
  snprintf(line, sizeof line, "%s, %u ms%s", d->end == WEB_GOOD && d->meta.count == 0 ? "no link" : result,
           d->ms, d->is_plain ? ", without TLS" : "");
  term_wrap(t, out, RESULT_COLUMN, RESULT_COLUMN, line);

  for (size_t i = 0; d->end == WEB_GOOD && i < d->meta.count; i++) {
    const struct host_meta_link *l = &d->meta.links[i];
    if (host_meta_is_for_web(l)) snprintf(line, sizeof line, "%s %s", host_meta_word(l->kind), l->href);
    else if (l->port) snprintf(line, sizeof line, "%s port %u", host_meta_word(l->kind), l->port);
    else snprintf(line, sizeof line, "%s", host_meta_word(l->kind));
    fprintf(out, "%*s", RESULT_COLUMN, "");
    term_wrap(t, out, RESULT_COLUMN, RESULT_COLUMN, line);
  }
}

static void write_web(const struct web_facts *w, const struct term *t, FILE *out) {
  if (!w->is_tried) return;
  fputs("\nHost-meta\n", out);
  for (size_t i = 0; i < HOST_META_FORMS; i++) write_document(&w->documents[i], t, out);
}

static void write_components(const struct connections *all, const struct term *t, FILE *out) {
  char name[NAME_TEXT];
  for (size_t i = 0; i < all->component_count; i++) {
    const struct connection *n = &all->of_components[i];
    if (i == 0 || n->component != all->of_components[i - 1].component)
      fprintf(out, "  for %s\n", lookup_host_text(n->component->lookup->domain, name));
    write_connection(all, n, t, out);
  }
}

void check_write_connections(const struct facts *f, const struct check_options *o, FILE *out) {
  const struct term *t = &o->term;
  const struct connections *all = f->connections;
  if (!all) return;
  fputs("\nConnections\n", out);
  for (size_t i = 0; i < all->count; i++) write_connection(all, &all->list[i], t, out);
  if (all->count == 0) fputs("  none: there is nothing to connect to\n", out);
  write_components(all, t, out);
  if (all->too_many) fprintf(out, "  and more, which were left out\n");
  write_web(&all->web, t, out);
}
