/* The table of all that can be set: where it is given, what it means, and the field of struct settings that
 * it is read into. Help, manual pages, messages and reloads are made from it. */
#ifndef JIDNS_SETTINGS_SETTINGS_TABLE_H
#define JIDNS_SETTINGS_SETTINGS_TABLE_H
#include "settings/settings.h"

enum {
  SETTINGS_MAX = 128, /* rows of the table */
  WHY_TEXT = 480
};

/* Where keys stand in the file: cache { ... }, or with a title and many times: forward "corp.example" { ...
 * }. Each titled one becomes an element of an array in struct settings, or in the element of the section that
 * it stands in. */
struct settings_section {
  const char *name;
  const struct settings_section *within; /* NULL: it stands in the file itself */
  const char
      *title; /* what stands for it in help; NULL: it has none, and its keys are read into struct settings */
  const char *expected; /* what a title should be */
  const char *help;
  const char *apart; /* a list's key: several of one title may stand beside each other that differ in it */
  /* the element is all zero before; false: that is no title */
  bool (*read_title)(void *element, const char *title);
  size_t list_at, count_at, size; /* ELEMENTS: the array and its unsigned count; octets of an element */
  unsigned most;
};

struct setting {
  const char *name; /* of the option; JIDNS_NAME in the environment; of a titled section: --NAME TITLE=VALUE
                     * is such a section with this key alone. NULL: in the file only */
  const struct settings_section *section; /* NULL: on the command line only */
  const char *key;
  const char *value;         /* what stands for it in help; NULL: it takes none */
  const char *default_value; /* read first; NULL where `default_text` tells in words what holds */
  const char *default_text;
  const char *help;
  /* Reads one value into struct settings or the titled section's element; NULL: the option says what to do,
   * not how. */
  bool (*read)(const struct setting *t, void *into, const char *text);
  void (*clear)(void *into); /* of a list: forgets its values */
  const char *expected;      /* what a value should be; NULL: setting_expected tells */
  /* what is wrong with a value; NULL: all but `expected` is */
  const char *(*explain)(const char *text, char why[WHY_TEXT]);
  bool needed;     /* its titled section is nothing without it */
  bool names_file; /* of a reader of its own: a value is a file's name */
  bool untitled;   /* the option's value is this alone; its section gets a title of its own: "option 1" */
  bool fixed;      /* holds until the next start: a reload keeps what is running */
  size_t at;       /* for the readers below and what is fixed: the field's place in `into` */
  size_t size;     /* and its octets, all of which say what its value is */
  uint64_t least, most;
  const char *const *words; /* ended by NULL */
};

extern const struct settings_section *const settings_sections[]; /* in their order, ended by NULL */
extern const struct setting settings_table[];
extern const unsigned settings_count;

/* The one whose option has that name; NULL if there is none. */
const struct setting *setting_named(const char *name);
const struct setting *setting_at(const struct settings_section *section, const char *key);
#endif
