/* check_picture.c: draws what stands in the DNS. Exports picture_*. */
#include "tool/check_picture.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/must.h"
#include "tool/domain.h"

enum {
  CHARACTER_TENTHS = 72, /* of a unit: how wide a character of the picture's font is */
  PADDING = 8,           /* left and right of a text in its box */
  MARK_ROOM = 18,        /* for the mark of a fault */
  LINE = 24,             /* height of a box of one line, and of one with a note */
  LINES = 40,
  GAP = 8
};

enum node_kind { NODE_DOMAIN, NODE_SERVICE, NODE_TARGET, NODE_ADDRESS, NODE_KINDS };

/* One box. */
struct node {
  enum node_kind kind;
  size_t parent;               /* its own index for the first */
  bool faint;                  /* nothing is there, or more than is drawn */
  char *text, *note;           /* note: the second line; NULL for none */
  const struct finding *fault; /* the worst that is said of it; NULL: none */
};

struct picture {
  const struct checked *checked;
  struct node *nodes; /* each after its parent */
  size_t count, room;
};

/* ---- what is in it ---- */

static const struct finding *find_fault(const struct report *r, const char *subject) {
  for (size_t i = 0; i < r->count; i++) { /* worst first */
    const struct finding *x = &r->list[i];
    if (!x->ignored && x->severity >= SEVERITY_NOTICE && strcasecmp(x->subject, subject) == 0) return x;
  }
  return NULL;
}

/* subject: what a finding calls it; NULL: none is about it. text and note are taken over. */
static size_t add_node(struct picture *p, enum node_kind kind, size_t parent, const char *subject, char *text,
                       char *note) {
  if (p->count == p->room) {
    p->room = p->room ? 2 * p->room : 64;
    p->nodes = realloc(p->nodes, p->room * sizeof *p->nodes);
    must(p->nodes);
  }
  p->nodes[p->count] = (struct node){.kind = kind,
                                     .parent = parent,
                                     .text = text,
                                     .note = note,
                                     .fault = subject ? find_fault(p->checked->report, subject) : NULL};
  return p->count++;
}

static char *words(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static char *words(const char *fmt, ...) {
  char *text = NULL;
  va_list args;
  va_start(args, fmt);
  must(vasprintf(&text, fmt, args) >= 0);
  va_end(args);
  return text;
}

static void add_faint(struct picture *p, enum node_kind kind, size_t parent, char *text) {
  size_t i = add_node(p, kind, parent, NULL, text, NULL);
  p->nodes[i].faint = true;
}

static void add_addresses(struct picture *p, size_t parent, const struct host *h) {
  char address[ADDRESS_TEXT];
  if (!h) {
    add_faint(p, NODE_ADDRESS, parent, words("not asked for"));
    return;
  }
  for (size_t i = 0; i < h->address_count; i++) {
    if (i == PICTURE_ADDRESSES_MAX) {
      add_faint(p, NODE_ADDRESS, parent, words("and %zu more", h->address_count - i));
      return;
    }
    lookup_address_text(&h->addresses[i], address);
    add_node(p, NODE_ADDRESS, parent, address, words("%s", address), NULL);
  }
  if (h->address_count == 0) add_faint(p, NODE_ADDRESS, parent, words("%s", check_no_address_text(h)));
}

static void add_targets(struct picture *p, size_t parent, const struct service *s) {
  char name[NAME_TEXT];
  for (size_t i = 0; i < s->count; i++) {
    const struct srv *srv = &s->srv[i];
    if (i == PICTURE_TARGETS_MAX) {
      add_faint(p, NODE_TARGET, parent, words("and %zu more", s->count - i));
      return;
    }
    domain_text(srv->target, srv->target_len, name);
    size_t node = add_node(p, NODE_TARGET, parent, name, words("%s", name),
                           words("port %u, priority %u, weight %u", srv->port, srv->priority, srv->weight));
    add_addresses(p, node, s->hosts[i]);
  }
}

static void add_service(struct picture *p, const struct service *s) {
  static const char *const states[] = {[SERVICE_UNASKED] = "not asked for",
                                       [SERVICE_NOT_OFFERED] = "not offered",
                                       [SERVICE_ABSENT] = "no record",
                                       [SERVICE_FAILED] = "no answer"};
  const struct service_kind *k = s->kind;
  char name[NAME_TEXT];
  report_service_name(p->checked->report, k->labels, name);

  const char *side = k->side == LOOKUP_C2S ? "clients" : "servers";
  size_t node = add_node(p, NODE_SERVICE, 0, name, words("%.*s", (int)strcspn(k->labels, "."), k->labels),
                         words("%s, %s", side, plan_tls(k->direct_tls)));
  if (!p->nodes[node].fault) p->nodes[node].fault = find_fault(p->checked->report, k->labels);
  if (s->state == SERVICE_OFFERED) add_targets(p, node, s);
  else
    add_faint(p, NODE_TARGET, node,
              words("%s", s->asked.outcome == ASKED_LEFT_OUT ? "not looked at" : states[s->state]));
}

static void add_component(struct picture *p, const struct component *x) {
  char name[NAME_TEXT], host[NAME_TEXT];
  if (!x->plan || x->plan->count == 0) return;
  const struct plan_step *s = &x->plan->steps[0];
  size_t node = add_node(p, NODE_SERVICE, 0, lookup_host_text(x->lookup->domain, name), words("%s", x->label),
                         words("component, servers"));
  plan_step_host(s, host);
  node = add_node(p, NODE_TARGET, node, host, words("%s", host),
                  words("port %u, %s", s->port, plan_tls(s->direct_tls)));
  add_addresses(p, node, s->host);
}

struct picture *picture_new(const struct checked *c) {
  const struct facts *f = c->facts;
  struct picture *p = must_zalloc(sizeof *p);
  char name[NAME_TEXT];

  p->checked = c;
  lookup_host_text(f->domain->domain, name);
  add_node(p, NODE_DOMAIN, 0, name, words("%s", name), NULL);

  for (size_t i = 0; i < LOOKUP_SERVICES; i++) {
    const struct service *s = &f->domain->services[i];
    if (s->state == SERVICE_UNASKED || (s->kind->obsolete && s->count == 0)) continue;
    add_service(p, s);
  }

  size_t itself = add_node(p, NODE_SERVICE, 0, NULL, words("domain itself"), words("used without SRV"));
  add_addresses(p, itself, f->domain->domain);
  for (size_t i = 0; i < f->component_count; i++) add_component(p, &f->components[i]);
  return p;
}

void picture_free(struct picture *p) {
  if (!p) return;
  for (size_t i = 0; i < p->count; i++) {
    free(p->nodes[i].text);
    free(p->nodes[i].note);
  }
  free(p->nodes);
  free(p);
}

/* ---- where it stands ---- */

/* In the wide form each kind has a column; in the narrow one it is a step further in. */
static const struct form {
  const char *name;
  unsigned width, lefts[NODE_KINDS], widths[NODE_KINDS];
} forms[] = {
    [PICTURE_WIDE] = {"wide", 1040, {1, 210, 430, 740}, {180, 190, 280, 299}},
    [PICTURE_NARROW] = {"narrow", 340, {1, 12, 24, 36}, {338, 327, 315, 303}},
};

/* The top left corner of a box. */
struct spot {
  unsigned left, top;
};

static unsigned height_of(const struct node *n) { return n->note ? LINES : LINE; }

/* Wide: a box stands beside the first of those that hang on it, and takes the height of all. */
static unsigned place_wide(const struct picture *p, struct spot *spots) {
  unsigned *heights = must_zalloc(
      p->count * sizeof *heights); /* of those that hang on it; then how far they have come */
  for (size_t i = p->count; i-- > 0;) {
    if (heights[i] < height_of(&p->nodes[i]) + GAP) heights[i] = height_of(&p->nodes[i]) + GAP;
    if (i > 0) heights[p->nodes[i].parent] += heights[i];
  }

  unsigned whole = heights[0];
  unsigned *next = must_zalloc(p->count * sizeof *next);
  for (size_t i = 0; i < p->count; i++) {
    size_t parent = p->nodes[i].parent;
    spots[i] = (struct spot){.left = forms[PICTURE_WIDE].lefts[p->nodes[i].kind],
                             .top = i ? next[parent] : 1};
    next[i] = spots[i].top;
    if (i > 0) next[parent] += heights[i];
  }

  free(heights);
  free(next);
  return whole;
}

static unsigned place_narrow(const struct picture *p, struct spot *spots) {
  unsigned top = 1;
  for (size_t i = 0; i < p->count; i++) {
    spots[i] = (struct spot){.left = forms[PICTURE_NARROW].lefts[p->nodes[i].kind], .top = top};
    top += height_of(&p->nodes[i]) + GAP;
  }
  return top;
}

/* ---- how it is drawn ---- */

/* A text that does not fit loses its middle: the ends tell more. Names from the DNS come as ASCII. */
static void write_fitting(struct htmlw *w, const char *text, unsigned room) {
  size_t len = strlen(text), most = room * 10 / CHARACTER_TENTHS;
  if (len <= most) htmlw_text(w, text);
  else htmlw_textf(w, "%.*s…%s", (int)(most / 2), text, text + len - (most - 1 - most / 2));
}

static void write_line(struct htmlw *w, const char *klass, unsigned x, unsigned y, const char *text,
                       unsigned room) {
  htmlw_open_class(w, "text", klass);
  htmlw_attrf(w, "x", "%u", x);
  htmlw_attrf(w, "y", "%u", y);
  write_fitting(w, text, room);
  htmlw_close(w);
}

static void write_mark(struct htmlw *w, enum severity s, unsigned x, unsigned y) {
  static const char *const signs[] = {
      [SEVERITY_INFO] = "i", [SEVERITY_NOTICE] = "i", [SEVERITY_WARNING] = "!", [SEVERITY_ERROR] = "×"};
  htmlw_open_class(w, "circle", "mark");
  htmlw_attrf(w, "cx", "%u", x);
  htmlw_attrf(w, "cy", "%u", y);
  htmlw_attr(w, "r", "7");
  htmlw_close(w);
  htmlw_open_class(w, "text", "sign");
  htmlw_attrf(w, "x", "%u", x);
  htmlw_attrf(w, "y", "%u", y + 4);
  htmlw_text(w, signs[s]);
  htmlw_close(w);
}

static void write_box(struct htmlw *w, const struct node *n, struct spot at, unsigned width) {
  unsigned room = width - 2 * PADDING - (n->fault ? MARK_ROOM : 0);
  htmlw_open(w, "g");
  htmlw_attrf(w, "class", "box%s %s", n->faint ? " faint" : "",
              n->fault ? report_severity_word(n->fault->severity) : "good");
  htmlw_open(w, "title");
  htmlw_textf(w, n->fault ? "%s: %s" : "%s", n->text, n->fault ? n->fault->text : "");
  htmlw_close(w);

  htmlw_open(w, "rect");
  htmlw_attrf(w, "x", "%u", at.left);
  htmlw_attrf(w, "y", "%u", at.top);
  htmlw_attrf(w, "width", "%u", width);
  htmlw_attrf(w, "height", "%u", height_of(n));
  htmlw_attr(w, "rx", "4");
  htmlw_close(w);

  write_line(w, "name", at.left + PADDING, at.top + 16, n->text, room);
  if (n->note) write_line(w, "note", at.left + PADDING, at.top + 32, n->note, room);
  if (n->fault) write_mark(w, n->fault->severity, at.left + width - PADDING - 6, at.top + 12);
  htmlw_close(w);
}

/* A line from a box to the one that it hangs on. */
static void write_edge(struct htmlw *w, enum picture_form form, struct spot from, struct spot to,
                       const struct node *parent) {
  unsigned middle = to.top + LINE / 2, knee = to.left - (to.left - from.left) / 2;
  htmlw_open_class(w, "path", "edge");
  if (form == PICTURE_WIDE) {
    unsigned right = from.left + forms[form].widths[parent->kind];
    knee = to.left - 15;
    htmlw_attrf(w, "d", "M%u %uH%uV%uH%u", right, from.top + LINE / 2, knee, middle, to.left);
  } else {
    htmlw_attrf(w, "d", "M%u %uV%uH%u", knee, from.top + height_of(parent), middle, to.left);
  }
  htmlw_close(w);
}

static void write_words(struct htmlw *w, const struct picture *p) {
  htmlw_open(w, "title");
  htmlw_textf(w, "The records of %s as a tree", p->nodes[0].text);
  htmlw_close(w);
  htmlw_open(w, "desc");
  htmlw_text(
      w,
      "From the domain to its services, their targets and the targets' addresses. What is wrong is marked. "
      "The findings and the table of records say the same in words.");
  htmlw_close(w);
}

void picture_write(const struct picture *p, enum picture_form form, struct htmlw *w) {
  struct spot *spots = must_zalloc(p->count * sizeof *spots);
  const struct form *f = &forms[form];
  unsigned height = form == PICTURE_WIDE ? place_wide(p, spots) : place_narrow(p, spots);

  htmlw_open_class(w, "svg", f->name);
  htmlw_attr(w, "role", "img");
  htmlw_attrf(w, "viewBox", "0 0 %u %u", f->width, height);
  write_words(w, p);
  for (size_t i = 1; i < p->count; i++) {
    size_t parent = p->nodes[i].parent;
    write_edge(w, form, spots[parent], spots[i], &p->nodes[parent]);
  }

  for (size_t i = 0; i < p->count; i++) write_box(w, &p->nodes[i], spots[i], f->widths[p->nodes[i].kind]);
  htmlw_close(w);
  free(spots);
}
