/* settings_text.c: the settings as text: help, sample file, manual pages. Exports settings_print_*,
 * settings_section_format. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/wrap.h"
#include "settings/settings_priv.h"

enum {
  HELP_LEFT = 24, /* columns of an option; longer ones get a line of their own */
  HELP_WIDTH = 80,
  MAN_LINE = 66
};

static const char *default_of(const struct setting *t) {
  return t->default_text ? t->default_text : t->default_value;
}

const char *settings_section_format(const struct settings_section *section, char text[SECTION_TEXT]) {
  if (section->title) snprintf(text, SECTION_TEXT, "%s \"%s\"", section->name, section->title);
  else snprintf(text, SECTION_TEXT, "%s", section->name);
  return text;
}

/* ---- help ---- */

/* What an option takes: VALUE, or TITLE=VALUE[,VALUE] when it makes a section. */
static const char *value_format(const struct setting *t, char text[SECTION_TEXT]) {
  if (!t->section || !t->section->title || t->untitled) return t->value;
  snprintf(text, SECTION_TEXT, "%s=%s%s%s%s", t->section->title, t->value, t->clear ? "[," : "",
           t->clear ? t->value : "", t->clear ? "]" : "");
  return text;
}

/* What it is for, and its default, behind its name. */
static void put_help(FILE *out, const struct setting *t) {
  const char *value = default_of(t);
  char *text = NULL;
  int n = value ? asprintf(&text, "%s (default: %s)", t->help, *value ? value : "empty")
                : asprintf(&text, "%s", t->help);
  if (n >= 0) wrap_text(out, HELP_WIDTH, HELP_LEFT + 3, HELP_LEFT + 3, text);
  if (n >= 0) free(text);
}

void settings_print_help(FILE *out) {
  fputs("Usage: jidnsd [OPTION]...\nA caching DNS forwarder for XMPP servers and clients.\n\n", out);
  for (unsigned i = 0; i < settings_count; i++) {
    const struct setting *t = &settings_table[i];
    char left[SECTION_TEXT + 40], value[SECTION_TEXT];
    if (!t->name) continue;
    snprintf(left, sizeof left, "--%s%s%s", t->name, t->value ? " " : "",
             t->value ? value_format(t, value) : "");
    if (strlen(left) > HELP_LEFT) fprintf(out, "  %s\n  %-*s ", left, HELP_LEFT, "");
    else fprintf(out, "  %-*s ", HELP_LEFT, left);
    put_help(out, t);
  }
}

/* ---- sample ---- */

static void put_sample_key(FILE *out, const struct setting *t, const char *indent) {
  fprintf(out, "%s# %s\n%s#%s = ", indent, t->help, indent, t->key);
  if (t->default_value) fprintf(out, *t->default_value ? "%s\n" : "\"%s\"\n", t->default_value);
  else
    fprintf(out, "%s%s%s%s%s\n", t->clear ? "{\"" : "\"", t->value, t->clear ? "\"}" : "\"",
            t->default_text ? "  # " : "", t->default_text ? t->default_text : "");
}

/* A section with a title stands there as a comment: nothing is there by default. */
static void put_sample_section(FILE *out, const struct settings_section *section, unsigned depth) {
  char text[SECTION_TEXT], outer[SECTION_DEPTH * 2 + 2], inner[sizeof outer + 2];
  const char *mark = section->title ? "#" : "";
  snprintf(outer, sizeof outer, "%s%*s", mark, (int)depth * 2, "");
  snprintf(inner, sizeof inner, "%s%*s", mark, (int)depth * 2 + 2, "");
  if (section->help) fprintf(out, "%s# %s\n", depth ? outer : "", section->help);
  fprintf(out, "%s%s {\n", outer, settings_section_format(section, text));
  for (unsigned i = 0; i < settings_count; i++) {
    if (settings_table[i].section == section) put_sample_key(out, &settings_table[i], inner);
  }
  for (unsigned i = 0; settings_sections[i]; i++) {
    if (settings_sections[i]->within == section) put_sample_section(out, settings_sections[i], depth + 1);
  }
  fprintf(out, "%s}\n", outer);
}

void settings_print_sample(FILE *out) {
  fputs("# Settings of jidnsd, all with their defaults; see jidnsd.conf(5).\n", out);
  for (unsigned i = 0; settings_sections[i]; i++) {
    if (settings_sections[i]->within) continue;
    fputc('\n', out);
    put_sample_section(out, settings_sections[i], 0);
  }
}

/* ---- manual pages ---- */

/* Hyphens of options must not become dashes, and quotes are roff's own. */
static void put_man(FILE *out, const char *text) {
  for (; *text; text++) {
    if (*text == '-') fputs("\\-", out);
    else if (*text == '\\') fputs("\\e", out);
    else if (*text == '"') fputs("\\(dq", out);
    else fputc(*text, out);
  }
}

/* In lines of at most MAN_LINE columns, which leaves room for what put_man adds; none begins as a request
 * does. */
static void put_man_sentence(FILE *out, const char *before, const char *text) {
  char words[1000], *rest = words;
  unsigned column = 0;
  snprintf(words, sizeof words, "%s%s.", before, text);
  words[0] = (char)toupper((unsigned char)words[0]);
  for (char *word; (word = strtok_r(rest, " ", &rest));) {
    unsigned len = (unsigned)strlen(word);
    bool full = column + len > MAN_LINE;
    if (column) fputc(full ? '\n' : ' ', out);
    if (full) column = 0;
    if (!column && (*word == '.' || *word == '\'')) fputs("\\&", out);
    put_man(out, word);
    column += len + 1;
  }
  fputc('\n', out);
}

static void put_man_body(FILE *out, const struct setting *t) {
  char expected[EXPECTED_TEXT];
  put_man_sentence(out, "", t->help);
  if (t->value) put_man_sentence(out, "Should be ", setting_expected(t, expected));
  if (default_of(t)) put_man_sentence(out, "Default: ", *default_of(t) ? default_of(t) : "empty");
}

void settings_print_man_options(FILE *out) {
  for (unsigned i = 0; i < settings_count; i++) {
    const struct setting *t = &settings_table[i];
    char value[SECTION_TEXT];
    if (!t->name) continue;
    fputs(".TP\n.B \\-\\-", out);
    put_man(out, t->name);
    if (t->value) {
      fputs(" \\fI", out);
      put_man(out, value_format(t, value));
      fputs("\\fR", out);
    }
    fputc('\n', out);
    put_man_body(out, t);
  }
}

static void put_man_section(FILE *out, const struct settings_section *section) {
  char text[SECTION_TEXT];
  fputs(".SS ", out);
  if (section->within) {
    put_man(out, settings_section_format(section->within, text));
    fputs(" { ", out);
  }
  put_man(out, settings_section_format(section, text));
  fputs(section->within ? " }\n" : "\n", out);
  if (section->help) put_man_sentence(out, "", section->help);
  if (section->title) put_man_sentence(out, "The title should be ", section->expected);
}

void settings_print_man_file(FILE *out) {
  for (unsigned k = 0; settings_sections[k]; k++) {
    put_man_section(out, settings_sections[k]);
    for (unsigned i = 0; i < settings_count; i++) {
      const struct setting *t = &settings_table[i];
      if (t->section != settings_sections[k]) continue;
      fputs(".TP\n.B ", out);
      put_man(out, t->key);
      fputs(t->clear ? " = {\\fI" : " = \\fI", out);
      put_man(out, t->value);
      fputs(t->clear ? "\\fR, ...}\n" : "\\fR\n", out);
      put_man_body(out, t);
      if (t->needed) fputs("Each such section needs it.\n", out);
    }
  }
}

/* ---- for the reference (contrib/dev/reference) ---- */

/* A line for each setting, its fields divided by tabs: section, key, option, value, help, what is right,
 * default, and "restart" where a reload does not change it. */
void settings_print_table(FILE *out) {
  for (unsigned i = 0; i < settings_count; i++) {
    const struct setting *t = &settings_table[i];
    char expected[EXPECTED_TEXT], within[SECTION_TEXT] = "", section[SECTION_TEXT];
    if (!t->section) continue;
    if (t->section->within) settings_section_format(t->section->within, within);
    fprintf(out, "%s%s%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", within, *within ? " " : "",
            settings_section_format(t->section, section), t->key, t->name ? t->name : "", t->value, t->help,
            setting_expected(t, expected), default_of(t) ? default_of(t) : "", t->fixed ? "restart" : "");
  }
}

static void put_man_words(FILE *out, const char *title, unsigned from, unsigned end) {
  fprintf(out, ".SS %s\n", title);
  for (unsigned i = from; i < end; i++) {
    struct rule_word_help h = rule_word_help((enum rule_word)i);
    bool optional = *h.value == '[';
    fputs(".TP\n.B ", out);
    put_man(out, h.word);
    if (*h.value) fputs(optional ? "\\fR[\\fP=\\fI" : "=\\fI", out);
    put_man(out, optional ? h.value + 1 : h.value);
    fputs(*h.value ? "\\fR\n" : "\n", out);
    put_man_sentence(out, "", h.help);
  }
}

void settings_print_man_faults(FILE *out) {
  put_man_words(out, "Conditions: which answers", 0, RULE_DELAY);
  put_man_words(out, "Effects: what becomes of an answer", RULE_DELAY, RULE_WORDS);
}

void settings_print_man_fixed(FILE *out) {
  unsigned left = 0;
  for (unsigned i = 0; i < settings_count; i++) left += settings_table[i].fixed;
  for (unsigned i = 0; i < settings_count; i++) {
    const struct setting *t = &settings_table[i];
    if (!t->fixed) continue;
    left--;
    fputs(".BR \\-\\-", out);
    put_man(out, t->name);
    fputs(left > 1 ? " ,\n" : left ? "\nand\n" : " .\n", out);
  }
}
