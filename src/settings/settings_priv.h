/* Inside the settings: one table of all that can be set, and what was given by whom. */
#ifndef JIDNS_SETTINGS_PRIV_H
#define JIDNS_SETTINGS_PRIV_H
#include "settings/settings.h"

/* Where a value comes from; a later one takes the place of all earlier ones. */
enum source { SOURCE_INITIAL, SOURCE_FILE, SOURCE_ENVIRONMENT, SOURCE_OPTION };

struct setting {
  const char *name;          /* of the option; JIDNS_NAME in the environment */
  const char *section, *key; /* in the file; NULL: on the command line only */
  const char *value;         /* what stands for it in help; NULL: it takes none */
  const char *initial;       /* read first; NULL where `otherwise` tells in words what holds */
  const char *otherwise;
  const char *help;
  bool (*read)(struct settings *s, const char *text); /* NULL: it says what to do, not how */
  void (*clear)(struct settings *s);                  /* of a list: forgets its values */
  const char *right;                                  /* what a value should be */
};

extern const struct setting settings_table[];
extern const unsigned settings_count;

/* The one with that name; NULL if there is none. */
const struct setting *setting_named(const char *name);

/* One value as it was written. */
struct given {
  struct given *next;
  const struct setting *setting;
  enum source source;
  unsigned line; /* in the file */
  char text[];
};

/* All that was given, in its order. */
struct givens {
  struct given *first, *last;
  const char *path; /* of the file; NULL: none was read */
  FILE *err;
  bool wrong;       /* something was complained of */
};

void givens_add(struct givens *g, const struct setting *t, enum source source, unsigned line, const char *text);
void givens_free(struct givens *g);

/* Complaints, one line each: what, "text", should be `right`. Control characters don't get through, long texts are cut. */
void complain_value(struct givens *g, const struct given *v);
void complain(struct givens *g, unsigned line, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Notes all that the file at path says. A missing one is complained of only if it is `named` by somebody. */
void settings_file_read(struct givens *g, const char *path, bool named);

/* The word in a list that is most like `word`, NULL if none is near. next gives the i-th word, NULL behind the last. */
const char *nearest(const char *word, const char *(*next)(unsigned i, const void *ctx), const void *ctx);

void settings_print_help(FILE *out);
void settings_print_config(const struct givens *g, FILE *out);
/* A file with all settings as comments; the body of jidnsd(8) and jidnsd.conf(5). */
void settings_print_sample(FILE *out);
void settings_print_man_options(FILE *out);
void settings_print_man_file(FILE *out);
#endif
