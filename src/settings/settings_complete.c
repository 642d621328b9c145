/* settings_complete.c: the daemon's options for shells' completion. Exports settings_complete. */
#include <string.h>

#include "settings/settings_priv.h"

static void add_words(struct completion_command *c, struct completion_option *o, const char *const *words) {
  for (; *words; words++) completion_add_word(c, &o->words, *words, strlen(*words));
}

static enum completion_value value_of(struct completion_command *c, struct completion_option *o,
                                      const struct setting *t) {
  static const char *const switch_words[] = {"on", "off", NULL};
  if (!t->value) return COMPLETION_NONE;
  if (strcmp(t->value, "FILE") == 0)
    return t->section && t->section->title ? COMPLETION_NAME_FILE : COMPLETION_FILE;
  if (strcmp(t->value, "PATH") == 0) return COMPLETION_FILE;
  if (strcmp(t->value, "USER") == 0) return COMPLETION_USER;
  if (!t->words && t->read != settings_read_switch) return COMPLETION_ANYTHING;
  add_words(c, o, t->words ? t->words : switch_words);
  return COMPLETION_ONE_OF;
}

bool settings_complete(unsigned i, struct completion_command *out) {
  if (i > 0) return false;
  out->name = NULL;
  out->help = "";
  for (unsigned k = 0; k < settings_count && out->option_count < COMPLETION_OPTIONS; k++) {
    const struct setting *t = &settings_table[k];
    if (!t->name) continue;
    struct completion_option *o = &out->options[out->option_count++];
    *o = (struct completion_option){.name = t->name, .help = t->help};
    o->value = value_of(out, o, t);
  }
  return true;
}
