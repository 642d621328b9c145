/* test_wrong.c: every row of the table, wrong in every way that its kind of value allows, as option, as
 * variable and in the file. */
#include <criterion/criterion.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "settings/said.h"
#include "settings/settings_priv.h"

enum { FORMS = 40, FORM = 5100 };

struct forms {
  char text[FORMS][FORM];
  unsigned count;
};

static void add(struct forms *f, const char *text) {
  cr_assert(f->count < FORMS && strlen(text) < FORM);
  strcpy(f->text[f->count++], text);
}

static void add_number(struct forms *f, uint64_t v, const char *unit) {
  char text[40];
  snprintf(text, sizeof text, "%llu%s", (unsigned long long)v, unit);
  add(f, text);
}

/* For kinds of their own: what is wrong besides what is wrong everywhere. */
static const struct {
  const char *name, *forms[10];
} own_forms[] = {
    {"listen",
     {"", "localhost", "127.0.0.1:0", "127.0.0.1:65536", "300.0.0.1", "[::1", "127.0.0.1:x", "127.0.0.1:"}},
    {"upstream",
     {"", "dns.example", "9.9.9.9:0", "9.9.9.9:53x", "0.0.0.0", "::", "9.9.9", "tls://dns.example",
      "tls://9.9.9.9#"}},
    {"forward",
     {"", "dns.example", "9.9.9.9:0", "0.0.0.0", "::", "tls://dns.example", "tls://9.9.9.9:0#a.b"}},
    {"allow", {"", "10.0.0.1/8", "10.0.0.0/33", "fd00::/129", "everyone", "/8", "10.0.0.0/", "10.0.0.0/-1"}},
    {"udp-size", {"", "511", "4097", "0", "-1", "1232x", "1K"}},
    {"user", {"a b", "a:b:c", ":b", "a:"}},
    {"log-level", {"", "loud", "INFO", "info,", "info,warn", "nowhere=info", "info,xmpp=", "xmpp"}},
    {"query-log", {"", "0", "1000001", "-1", "on", "1x", "0x1"}},
    {"resolv-conf", {""}},
    {"dnstap",
     {"", "unix:", "unix:/", "unix:relative", "/run/tap.sock", "tcp:127.0.0.1:6000", "UNIX:/x",
      "unix:/"
      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
      "aaaaa"}},
    {"dnssec", {"", "on", "Validate", "validate "}},
    {"trust-anchor", {""}},
    {"negative-trust-anchor", {"", ".", "a..b", "corp example"}},
    {"dnssec-unsigned-denial", {"", "on", "Pass"}},
    {"tls-pin", {"", "sha256/", "sha256/abc=", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}},
};

static void number_forms(struct forms *f, const struct setting *t) {
  static const char *const all[] = {"",
                                    "-1",
                                    "+1",
                                    " 1",
                                    "1 ",
                                    "1x",
                                    "0x1",
                                    "1.5",
                                    "1e3",
                                    "one",
                                    "99999999999999999999",
                                    "18446744073709551616",
                                    "4294967296"};
  for (unsigned i = 0; i < sizeof all / sizeof *all; i++) add(f, all[i]);
  if (t->least) add_number(f, t->least - 1, "");
  add_number(f, t->most + 1, "");
}

static void size_forms(struct forms *f, const struct setting *t) {
  static const char *const all[] = {"",
                                    "M",
                                    "64MB",
                                    "64 M",
                                    "-64M",
                                    "+64M",
                                    "0x40M",
                                    "1.5G",
                                    "64T",
                                    "18446744073709551616",
                                    "17179869185G",
                                    "99999999999999999999G"};
  for (unsigned i = 0; i < sizeof all / sizeof *all; i++) add(f, all[i]);
  add_number(f, t->least - 1, "");
  add_number(f, t->most + 1, "");
}

static void word_forms(struct forms *f, const char *const *words) {
  char text[80];
  static const char *const all[] = {"", "nonsense", "0", "1", "yes", "no"};
  for (unsigned i = 0; i < sizeof all / sizeof *all; i++) add(f, all[i]);
  for (unsigned i = 0; words[i]; i++) {
    snprintf(text, sizeof text, "%s ", words[i]);
    add(f, text);
    snprintf(text, sizeof text, "%sx", words[i]);
    add(f, text);
    snprintf(text, sizeof text, "%s", words[i]);
    text[0] = (char)toupper((unsigned char)text[0]);
    add(f, text);
    text[strlen(text) - 1] = 0;
    add(f, text);
  }
}

static struct forms *forms_of(const struct setting *t) {
  static const char *const switch_words[] = {"on", "off", "true", "false", NULL};
  static struct forms f;
  char longest[FORM];
  f.count = 0;
  memset(longest, '9', sizeof longest - 1);
  longest[sizeof longest - 1] = 0;
  add(&f, longest);
  add(&f, "\x07\x1b[31m");
  add(&f, "\x7f");
  if (t->read == settings_read_number) number_forms(&f, t);
  else if (t->read == settings_read_size) size_forms(&f, t);
  else if (t->read == settings_read_switch) word_forms(&f, switch_words);
  else if (t->words) word_forms(&f, t->words);
  else if (t->read == settings_read_text) {
    longest[t->most + 1] = 0;
    add(&f, longest);
    add(&f, "caf\xc3\xa9");
    add(&f, "two\ttabs");
  }

  for (unsigned i = 0; t->name && i < sizeof own_forms / sizeof *own_forms; i++) {
    if (strcmp(own_forms[i].name, t->name) != 0) continue;
    for (const char *const *form = own_forms[i].forms; *form; form++) add(&f, *form);
  }

  return &f;
}

/* ---- where it is given ---- */

/* A title that such a section takes. */
static const char *good_title(const struct settings_section *section) {
  static const char *const titles[] = {"corp.example", "a", "a1"};
  for (unsigned i = 0; i < sizeof titles / sizeof *titles; i++) {
    char *element = calloc(1, section->size);
    bool good = section->read_title(element, titles[i]);
    free(element);
    if (good) return titles[i];
  }
  cr_assert_fail("%s: no title", section->name);
  return NULL;
}

static void put_quoted(FILE *out, const char *text) {
  fputc('"', out);
  for (; *text; text++) {
    if (*text == '"' || *text == '\\' || *text == '$') fputc('\\', out);
    fputc(*text, out);
  }
  fputc('"', out);
}

static void put_begin(FILE *out, const struct settings_section *section) {
  if (section->within) put_begin(out, section->within);
  fputs(section->name, out);
  if (section->title) fprintf(out, " \"%s\"", good_title(section));
  fputs(" {\n", out);
}

/* A file with nothing but that key, in line 2, or 3 in a section within another. */
static char *file_with(const struct setting *t, const char *value) {
  char *text = NULL;
  size_t len;
  FILE *out = open_memstream(&text, &len);
  put_begin(out, t->section);
  fprintf(out, "  %s = ", t->key);
  put_quoted(out, value);
  for (const struct settings_section *s = t->section; s; s = s->within) fputs(" }", out);
  fclose(out);
  return text;
}

static struct said *in_file(const struct setting *t, const char *value) {
  char *text = file_with(t, value);
  struct said *said = said_file("", text);
  free(text);
  return said;
}

static bool is_titled(const struct setting *t) { return t->section && t->section->title && !t->untitled; }

static struct said *as_option(const struct setting *t, const char *value) {
  char word[FORM + 100];
  snprintf(word, sizeof word, "--%s=%s%s%s", t->name, is_titled(t) ? good_title(t->section) : "",
           is_titled(t) ? "=" : "", value);
  return said_words((const char *const[]){word, NULL});
}

static const char *variable_of(const struct setting *t, char name[80]) {
  snprintf(name, 80, "JIDNS_%s", t->name);
  for (char *p = name; *p; p++) *p = *p == '-' ? '_' : (char)toupper((unsigned char)*p);
  return name;
}

static struct said *as_variable(const struct setting *t, const char *value) {
  char name[80], text[FORM + 100];
  snprintf(text, sizeof text, "%s%s%s", is_titled(t) ? good_title(t->section) : "", is_titled(t) ? "=" : "",
           value);
  setenv(variable_of(t, name), text, 1);
  struct said *said = said_words((const char *const[]){NULL});
  unsetenv(name);
  return said;
}

/* In a variable, what separates a list's values is no part of one. */
static bool is_one_word(const struct setting *t, const char *value) {
  if (t->clear && (!*value || strpbrk(value, " ,\t\n"))) return false;
  if (t->untitled) return value[strspn(value, " \t\n")] && !strchr(value, '\n');
  return is_titled(t) ? !strpbrk(value, " \t\n") : !*value || !strchr("\r\n", value[strlen(value) - 1]);
}

/* ---- what is said ---- */

static bool tells_right(const struct setting *t, const char *line) {
  char expected[EXPECTED_TEXT];
  if (t->explain) return strstr(line, "': ") != NULL; /* its own words: its own tests */
  return strstr(line, "': should be ") && strstr(line, setting_expected(t, expected));
}

/* One line about that place and what would be right, all of it printable; others only of what else its
 * section lacks. */
static void expect_wrong(const struct said *said, const char *where, const struct setting *t,
                         const char *value) {
  char copy[sizeof said->err], *rest = copy;
  unsigned about = 0;
  cr_expect(said->outcome == SETTINGS_WRONG, "%s '%.60s' was taken", where, value);
  cr_expect_str_empty(said->out);
  strcpy(copy, said->err);
  for (char *line; (line = strtok_r(rest, "\n", &rest));) {
    for (const char *p = line; *p; p++)
      cr_assert((uint8_t)*p >= ' ' && *p != 0x7f, "%s '%.60s': %s", where, value, line);
    cr_expect(strncmp(line, "jidnsd: ", 8) == 0 && strlen(line) < 100 + WHY_TEXT, "%s", line);
    if (strncmp(line + 8, where, strlen(where)) == 0 && tells_right(t, line)) about++;
    else cr_expect(strstr(line, ": has no "), "%s '%.60s': %s", where, value, line);
  }
  cr_expect_eq(about, 1, "%s '%.60s': %s", where, value, said->err);
}

Test(wrong, values_of_every_kind_are_refused_and_named_wherever_they_stand) {
  unsigned tried = 0;
  for (unsigned i = 0; i < settings_count; i++) {
    const struct setting *t = &settings_table[i];
    if (!t->read) continue;
    const struct forms *f = forms_of(t);
    for (unsigned k = 0; k < f->count; k++) {
      const char *value = f->text[k];
      char where[120], name[80];
      snprintf(where, sizeof where, "%s:%u: %s '", said_path, t->section->within ? 3 : 2, t->key);
      expect_wrong(in_file(t, value), where, t, value);
      tried++;
      if (!t->name) continue;
      snprintf(where, sizeof where, "--%s '", t->name);
      expect_wrong(as_option(t, value), where, t, value);
      snprintf(where, sizeof where, "%s '", variable_of(t, name));
      if (is_one_word(t, value)) expect_wrong(as_variable(t, value), where, t, value);
    }
  }

  cr_expect_gt(tried, 10 * 40, "%u", tried);
}

/* So that what is refused above is not refused for some other reason. */
Test(wrong, values_that_are_right_are_taken_from_the_same_places) {
  unsigned tried = 0;
  for (unsigned i = 0; i < settings_count; i++) {
    const struct setting *t = &settings_table[i];
    if (!t->read || !t->default_value) continue;
    const struct said *said = in_file(t, t->default_value);
    bool lacks = strstr(said->err, ": has no ") != NULL; /* a title whose section needs more */
    cr_expect(said->outcome == SETTINGS_RUN || lacks, "%s = %s: %s", t->key, t->default_value, said->err);
    tried++;
    if (!t->name) continue;
    cr_expect_eq(as_option(t, t->default_value)->outcome, SETTINGS_RUN, "--%s", t->name);
    cr_expect_eq(as_variable(t, t->default_value)->outcome, SETTINGS_RUN, "%s", t->name);
  }
  cr_expect_gt(tried, 20, "%u", tried);
}

Test(wrong, a_key_that_is_given_twice_is_named_with_its_first_line) {
  for (unsigned i = 0; i < settings_count; i++) {
    const struct setting *t = &settings_table[i];
    if (!t->read || !t->default_value || t->clear) continue;
    char *two = NULL, want[160];
    size_t len;
    FILE *out = open_memstream(&two, &len);
    put_begin(out, t->section);
    for (unsigned k = 0; k < 2; k++) {
      fprintf(out, "  %s = ", t->key);
      put_quoted(out, t->default_value);
      fputc('\n', out);
    }
    for (const struct settings_section *s = t->section; s; s = s->within) fputs("}", out);
    fclose(out);
    unsigned line = t->section->within ? 3 : 2;
    snprintf(want, sizeof want, "%s:%u: %s: is already set in line %u\n", said_path, line + 1, t->key, line);
    cr_expect(strstr(said_file("", two)->err, want), "%s", said_file("", two)->err);
    free(two);
  }
}

Test(wrong, a_key_with_a_letter_too_many_is_named_with_the_right_one_or_the_manual) {
  for (unsigned i = 0; i < settings_count; i++) {
    const struct setting *t = &settings_table[i];
    if (!t->read) continue;
    char key[80], want[160];
    struct setting other = *t;
    snprintf(key, sizeof key, "%sx", t->key);
    other.key = key;
    char *text = file_with(&other, "1");
    const struct said *said = said_file("", text);
    snprintf(want, sizeof want, "%u: '%s': unknown key; ", t->section->within ? 3 : 2, key);
    cr_expect(said->outcome == SETTINGS_WRONG && strstr(said->err, want), "%s", said->err);
    free(text);
  }
}

Test(wrong, an_option_without_its_value_is_told_what_it_should_be) {
  for (unsigned i = 0; i < settings_count; i++) {
    const struct setting *t = &settings_table[i];
    if (!t->name || !t->value) continue;
    char word[80], expected[EXPECTED_TEXT];
    snprintf(word, sizeof word, "--%s", t->name);
    const struct said *said = said_words((const char *const[]){word, NULL});
    cr_expect(said->outcome == SETTINGS_WRONG && strstr(said->err, "needs a value: ") &&
                  strstr(said->err, setting_expected(t, expected)),
              "%s", said->err);
  }
}
