/* Inside the settings: how values are read, and values as they were written. */
#ifndef JIDNS_SETTINGS_SETTINGS_PRIV_H
#define JIDNS_SETTINGS_SETTINGS_PRIV_H
#include "base/completion.h"
#include "settings/settings_table.h"

/* Where a value comes from; a later one takes the place of all earlier ones. */
enum source { SOURCE_DEFAULT, SOURCE_FILE, SOURCE_TEXT, SOURCE_ENVIRONMENT, SOURCE_OPTION };

enum { SECTION_DEPTH = 4, SECTION_TEXT = 80, EXPECTED_TEXT = 200 }; /* depth: the file itself counts */

/* ---- values ---- */

/* struct settings_section's place for its elements: the array `list` and its length `count` in `type`. */
#define ELEMENTS(type, list, count)                                                                          \
  .list_at = offsetof(type, list), .count_at = AT(type, count, unsigned), .size = sizeof *((type *)0)->list, \
  .most = sizeof((type *)0)->list / sizeof *((type *)0)->list

/* A field's place, which must be as large as `as`. */
#define AT(type, field, as)                                                                                  \
  (offsetof(type, field) + 0 * sizeof(char[sizeof((type *)0)->field == sizeof(as) ? 1 : -1]))

/* What reads the usual kinds of value, for rows of the table. */
#define FIELD(type, field) FIELD_AS(type, field, ((type *)0)->field)
#define FIELD_AS(type, field, as) .at = AT(type, field, as), .size = sizeof((type *)0)->field
#define SWITCH(type, field) .read = settings_read_switch, FIELD_AS(type, field, bool)
#define NUMBER(type, field, from, to) NUMBER_AS(settings_read_number, type, field, from, to)
#define NUMBER_AS(reader, type, field, from, to)                                                             \
  .read = (reader), FIELD_AS(type, field, uint32_t), .least = (from), .most = (to)
#define SIZE(type, field, from, to)                                                                          \
  .read = settings_read_size, FIELD_AS(type, field, size_t), .least = (from), .most = (to)
#define TEXT(type, field) TEXT_AS(settings_read_text, type, field)
#define TEXT_AS(reader, type, field)                                                                         \
  .read = (reader), FIELD(type, field), .most = sizeof((type *)0)->field - 1
/* One of words: an enum's, or of two a bool's. */
#define WORD(type, field, list) .read = settings_read_word, FIELD_AS(type, field, unsigned), .words = (list)
#define EITHER(type, field, list) .read = settings_read_either, FIELD_AS(type, field, bool), .words = (list)
/* A kind of its own; a list of that. */
#define OWN(reader, should) .read = (reader), .expected = (should)
#define LIST(reader, clearer, should) .read = (reader), .clear = (clearer), .expected = (should)

bool settings_read_switch(const struct setting *t, void *into, const char *text);
bool settings_read_number(const struct setting *t, void *into, const char *text);
bool settings_read_size(const struct setting *t, void *into, const char *text); /* octets, or with K, M, G */
bool settings_read_text(const struct setting *t, void *into, const char *text); /* printable ASCII */
bool settings_read_path(const struct setting *t, void *into, const char *text); /* the same, and not empty */
/* a file's name, or "none", or "" for where it usually is */
bool settings_read_path_or_none(const struct setting *t, void *into, const char *text);
bool settings_read_word(const struct setting *t, void *into, const char *text);
bool settings_read_either(const struct setting *t, void *into, const char *text);

/* Is text a file's name, as a value of t? One in the settings file that is relative counts from that file's
 * folder, in options and the environment from the working directory. */
bool settings_names_file(const struct setting *t, const char *text);

/* A whole number from `least` to `most`, digits only. */
bool settings_parse_number(const char *text, uint64_t least, uint64_t most, uint64_t *out);
/* Letters, digits, hyphens, underscores and slashes between dots; not the root. */
bool settings_parse_domain(const char *text, struct settings_domain *out);
/* Adds an address and the scope that it was given, whose interface may come later, unless the list has it;
 * false: not an address, or the list has `most`. */
bool settings_add_addr(const char *text, union addr *list, char (*scopes)[ADDR_SCOPE], unsigned *n,
                       unsigned most);
/* settings_servers.c: a server to ask, an address or tls://ADDR#NAME. False: it is none, or there is no room;
 * settings_explain_server says why. */
bool settings_add_server(const char *text, struct settings_servers *set);
void settings_clear_servers(struct settings_servers *set);
const char *settings_explain_server(const char *text, char why[WHY_TEXT]);
/* "sha256/BASE64", of a server's key */
bool settings_add_pin(const char *text, struct settings_pins *pins);
extern const char settings_pin_expected[];

extern const char settings_domain_expected[],
    settings_server_expected[]; /* what should be, where these are asked for */

/* settings_zones.c: the sections of local zones. */
extern const struct settings_section settings_in_zone, settings_in_domain, settings_in_host;
bool settings_read_host_address(const struct setting *t, void *into, const char *text);
void settings_clear_host_address(void *into);
bool settings_read_clients(const struct setting *t, void *into, const char *text); /* into a zones_clients */
void settings_clear_zone_clients(void *into);
void settings_clear_domain_clients(void *into);
/* what only the machine can tell; false: would not start */
bool settings_check_here(struct settings *s, bool *warned, FILE *err);
/* reads them all; false, and said on err, when one is wrong */
bool settings_check_zones(const struct settings *s, FILE *err);

/* What a value of t should be. */
const char *setting_expected(const struct setting *t, char text[EXPECTED_TEXT]);

/* ---- values as they were written ---- */

enum raw_kind { RAW_VALUE, RAW_BEGIN, RAW_END };

/* One value as it was written, or a titled section's beginning or end. */
struct raw_value {
  struct raw_value *next;
  enum raw_kind kind;
  enum source source;
  const struct setting
      *setting; /* whose value; at the beginning of a section that an option makes, that option's */
  const struct settings_section *section; /* at beginnings and ends */
  void *element;                          /* at a beginning: what it is read into; NULL: into nothing */
  unsigned line;                          /* in the file, or in the text */
  char text[];                            /* the value; at a beginning the title */
};

/* All that was written, in its order. */
struct raw_settings {
  struct raw_value *first, *last;
  const char *path;      /* of the file; NULL: none was read */
  const char *text_name; /* what the text is called: JIDNS_SETTINGS, --settings; NULL: none was read */
  FILE *err;
  bool failed; /* something was complained of */
};

struct raw_value *raw_settings_add(struct raw_settings *g, struct raw_value head, const char *text);
void raw_settings_free(struct raw_settings *g);
/* One option's or variable's value. */
void raw_settings_add_named(struct raw_settings *g, const struct setting *t, enum source source,
                            const char *text);
/* Puts one source's values into force: lists in place of what they were, titled sections in place of those
 * with the same title. */
void raw_settings_apply(struct raw_settings *g, struct settings *s, enum source source);

/* The first value of t in the titled section that begins there, NULL if it has none; the end of that section.
 */
const struct raw_value *raw_value_in(const struct raw_value *begin, const struct setting *t);
const struct raw_value *raw_value_end(const struct raw_value *begin);
/* No higher source gave one with the same title. */
bool raw_value_is_in_force(const struct raw_settings *g, const struct raw_value *begin);

/* Complaints, one line each: where, 'text': what, or: should be `expected`. Control characters don't get
 * through, long texts are cut. */
void settings_complain_value(struct raw_settings *g, const struct raw_value *v);
void settings_complain_raw(struct raw_settings *g, const struct raw_value *v, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void settings_complain_needed(struct raw_settings *g, const struct raw_value *begin, const struct setting *t);
void settings_complain(struct raw_settings *g, unsigned line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Notes all that the file at path says. A missing one is complained of only if it is `named` by somebody. */
void settings_file_read(struct raw_settings *g, const char *path, bool named);
/* The same of a text in the file's form that was given as it is; name: what it is called, static. */
void settings_text_read(struct raw_settings *g, const char *name, const char *text);
/* Notes what all variables JIDNS_* say; those that are no setting's are warned of, but for those that
 * Kubernetes sets for services. */
void settings_environment_read(struct raw_settings *g);

/* The file's text as libconfuse needs it: to be freed; NULL, and complained of, when something is never
 * closed. */
char *settings_scan(struct raw_settings *g, const char *text);
extern const char settings_mark[]; /* the key that settings_scan writes at the beginning of each section, its
                                      line as value */

/* ---- as text ---- */

/* Where it was given: --name, JIDNS_NAME, or file and line. */
void settings_put_source(FILE *out, const struct raw_settings *g, const struct raw_value *v);
/* The variable of the option of that name: JIDNS_NAME. */
void settings_put_variable(FILE *out, const char *name);

/* cache, or forward "DOMAIN". */
const char *settings_section_format(const struct settings_section *section, char text[SECTION_TEXT]);

void settings_print_help(FILE *out);
void settings_print_config(const struct raw_settings *g, FILE *out);
/* A file with all settings as comments; the body of jidnsd(8) and jidnsd.conf(5). */
void settings_print_sample(FILE *out);
void settings_print_man_options(FILE *out);
void settings_print_man_file(FILE *out);
void settings_print_table(FILE *out);
/* for jidnsd.conf(5), the words of fault rules; for jidnsd(8), what a reload does not change */
void settings_print_man_faults(FILE *out);
void settings_print_man_fixed(FILE *out);
/* jidnsd's options, for completion_write. */
bool settings_complete(unsigned i, struct completion_command *out);
#endif
