/* Shells' completion of a program's commands, options and values, made from the program's own tables. */
#ifndef JIDNS_BASE_COMPLETION_H
#define JIDNS_BASE_COMPLETION_H
#include <stdbool.h>
#include <stdio.h>

enum { COMPLETION_OPTIONS = 128, COMPLETION_WORDS = 8192 };

enum completion_value {
  COMPLETION_NONE,      /* a switch */
  COMPLETION_ANYTHING,  /* nobody can tell: an address, a number */
  COMPLETION_ONE_OF,    /* of words */
  COMPLETION_FILE,      /* a file's name */
  COMPLETION_NAME_FILE, /* NAME=FILE: a file's name behind the = */
  COMPLETION_USER       /* a user's name */
};

struct completion_option {
  const char *name, *help;
  enum completion_value value;
  const char *words; /* ONE_OF: in a row, a blank between */
};

/* A command of the program and what it takes; the program itself when it has no commands (name NULL). */
struct completion_command {
  const char *name, *help;
  const char *words; /* that may follow it, a blank between; "" for none */
  unsigned option_count;
  struct completion_option options[COMPLETION_OPTIONS];
  char room[COMPLETION_WORDS]; /* for its options' words */
  size_t room_used;
};

/* Adds `word` to *words, those of c itself or of the option that is being made, its last; what has no room is
 * left out. */
void completion_add_word(struct completion_command *c, const char **words, const char *word, size_t len);

/* Adds the words in lower case among alternatives: "c2s|s2s|all", "add RULE|list|clear [NUMBER]". */
void completion_add_alternatives(struct completion_command *c, const char **words, const char *alternatives);

enum completion_shell { COMPLETION_BASH, COMPLETION_ZSH, COMPLETION_FISH };

/* "bash", "zsh" or "fish"; false: none of them. */
bool completion_shell_parse(const char *text, enum completion_shell *out);

/* Writes the script. command_at fills the i-th command anew, false behind the last; it is called several
 * times for each. */
void completion_write(enum completion_shell shell, const char *program,
                      bool (*command_at)(unsigned i, struct completion_command *out), FILE *out);
#endif
