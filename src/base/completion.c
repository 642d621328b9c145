/* completion.c: completion scripts for bash, zsh and fish. Exports completion_*. */
#include "base/completion.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"

struct script {
  FILE *out;
  const char *program;
  bool (*command_at)(unsigned i, struct completion_command *out);
  struct completion_command command; /* the one that is being written */
};

bool completion_shell_parse(const char *text, enum completion_shell *out) {
  static const char *const names[] = {
      [COMPLETION_BASH] = "bash", [COMPLETION_ZSH] = "zsh", [COMPLETION_FISH] = "fish"};
  for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
    if (strcmp(text, names[i]) != 0) continue;
    *out = (enum completion_shell)i;
    return true;
  }
  return false;
}

void completion_add_word(struct completion_command *c, const char **words, const char *word, size_t len) {
  if (c->room_used + len + 2 > sizeof c->room) return;
  if (!*words || !**words) *words = c->room + c->room_used;
  else c->room[c->room_used - 1] = ' '; /* in place of the NUL */
  memcpy(c->room + c->room_used, word, len);
  c->room_used += len;
  c->room[c->room_used++] = 0;
}

void completion_add_alternatives(struct completion_command *c, const char **words, const char *alternatives) {
  for (const char *p = alternatives; *p; p += strcspn(p, "|"), p += *p == '|') {
    size_t len = strspn(p, "abcdefghijklmnopqrstuvwxyz0123456789-");
    if (*p != '-' && len) completion_add_word(c, words, p, len);
  }
}

/* The i-th command into s->command. */
static bool load(struct script *s, unsigned i) {
  s->command.option_count = 0;
  s->command.room_used = 0;
  s->command.words = "";
  return s->command_at(i, &s->command);
}

static bool has_commands(struct script *s) { return load(s, 0) && s->command.name; }

/* Text between single quotes, as sh and zsh read it; `special` get a backslash. */
static void put_quoted(struct script *s, const char *text, const char *special) {
  for (; *text; text++) {
    if (*text == '\'') fputs("'\\''", s->out);
    else fprintf(s->out, strchr(special, *text) ? "\\%c" : "%c", *text);
  }
}

/* ---- bash ---- */

static void put_bash_value(struct script *s, const struct completion_option *o) {
  static const char *const how[] = {[COMPLETION_ANYTHING] = ":",
                                    [COMPLETION_FILE] = "_filedir",
                                    [COMPLETION_NAME_FILE] = "cur=${cur#*=} && _filedir",
                                    [COMPLETION_USER] = "COMPREPLY=($(compgen -u -- \"$cur\"))"};
  const char *command = s->command.name ? s->command.name : "";
  if (o->value == COMPLETION_NONE) return;
  fprintf(s->out, "    %s:--%s) ", command, o->name);
  if (o->value == COMPLETION_ONE_OF) fprintf(s->out, "COMPREPLY=($(compgen -W '%s' -- \"$cur\"))", o->words);
  else fputs(how[o->value], s->out);
  fputs(" ;;\n", s->out);
}

static void put_bash_command(struct script *s) {
  fprintf(s->out, "    %s)\n      after='%s'\n      options='", s->command.name ? s->command.name : "''",
          s->command.words);
  for (unsigned i = 0; i < s->command.option_count; i++)
    fprintf(s->out, "%s--%s", i ? " " : "", s->command.options[i].name);
  fputs("'\n      ;;\n", s->out);
}

static void put_bash_names(struct script *s) {
  fputs("  if ((cword == 1)); then\n    COMPREPLY=($(compgen -W '", s->out);
  for (unsigned i = 0; load(s, i); i++) fprintf(s->out, "%s ", s->command.name);
  fputs("--help --version' -- \"$cur\"))\n    return\n  fi\n  command=${words[1]}\n", s->out);
}

static void put_bash(struct script *s) {
  const char *p = s->program;
  fprintf(s->out,
          "# bash completion for %s\n\n"
          "# The value of an option; false: it takes none.\n_%s_value() {\n  case $1 in\n",
          p, p);
  for (unsigned i = 0; load(s, i); i++) {
    for (unsigned k = 0; k < s->command.option_count; k++) put_bash_value(s, &s->command.options[k]);
  }

  fprintf(s->out,
          "    *) return 1 ;;\n  esac\n}\n\n_%s() {\n"
          "  local cur prev words cword split command= after= options=\n"
          "  _init_completion -s || return\n",
          p);
  if (has_commands(s)) put_bash_names(s);
  fprintf(s->out,
          "  if _%s_value \"$command:$prev\"; then return; fi\n  if [[ $split == true ]]; then return; fi\n"
          "  case $command in\n",
          p);
  for (unsigned i = 0; load(s, i); i++) put_bash_command(s);
  fprintf(s->out,
          "  esac\n  if [[ $cur == -* ]]; then after=$options; fi\n"
          "  COMPREPLY=($(compgen -W \"$after\" -- \"$cur\"))\n} &&\n  complete -F _%s %s\n",
          p, p);
}

/* ---- zsh ---- */

static void put_zsh_option(struct script *s, const struct completion_option *o) {
  static const char *const how[] = {[COMPLETION_ANYTHING] = ":value: ",
                                    [COMPLETION_FILE] = ":file:_files",
                                    [COMPLETION_NAME_FILE] = ":NAME=FILE:_jidns_name_file",
                                    [COMPLETION_USER] = ":user:_users"};
  fprintf(s->out, " \\\n    '%s--%s%s[", o->value == COMPLETION_NONE ? "" : "*", o->name,
          o->value == COMPLETION_NONE ? "" : "=");
  put_quoted(s, o->help, "[]:\\");
  fputc(']', s->out);
  if (o->value == COMPLETION_ONE_OF) fprintf(s->out, ":value:(%s)", o->words);
  else if (o->value != COMPLETION_NONE) fputs(how[o->value], s->out);
  fputc('\'', s->out);
}

static void put_zsh_arguments(struct script *s) {
  fputs("_arguments -S", s->out);
  for (unsigned k = 0; k < s->command.option_count; k++) put_zsh_option(s, &s->command.options[k]);
  if (*s->command.words) fprintf(s->out, " \\\n    '*:word:(%s)'", s->command.words);
  fputs("\n", s->out);
}

static void put_zsh(struct script *s) {
  fprintf(s->out, "#compdef %s\n\n_jidns_name_file() { compset -P '*=' && _files }\n\n", s->program);
  if (!has_commands(s)) {
    put_zsh_arguments(s);
    return;
  }

  fputs("if ((CURRENT == 2)); then\n  local -a names=(\n", s->out);
  for (unsigned i = 0; load(s, i); i++) {
    fprintf(s->out, "    '%s:", s->command.name);
    put_quoted(s, s->command.help, ":\\");
    fputs("'\n", s->out);
  }

  fputs("  )\n  [[ $PREFIX == -* ]] && names=('--help:print help' '--version:print the version')\n"
        "  _describe command names\n  return\nfi\n\n"
        "local command=$words[2] curcontext=${curcontext%:*}-$words[2]:\n"
        "shift words\n((CURRENT--))\ncase $command in\n",
        s->out);
  for (unsigned i = 0; load(s, i); i++) {
    fprintf(s->out, "  %s) ", s->command.name);
    put_zsh_arguments(s);
    fputs("  ;;\n", s->out);
  }
  fputs("esac\n", s->out);
}

/* ---- fish ---- */

static void put_fish_text(struct script *s, const char *text) {
  fputc('\'', s->out);
  for (; *text; text++) fprintf(s->out, strchr("'\\", *text) ? "\\%c" : "%c", *text);
  fputc('\'', s->out);
}

static void put_fish_option(struct script *s, const struct completion_option *o) {
  static const char *const how[] = {[COMPLETION_NONE] = "",
                                    [COMPLETION_ANYTHING] = " -x",
                                    [COMPLETION_FILE] = " -r -F",
                                    [COMPLETION_NAME_FILE] = " -r -F",
                                    [COMPLETION_USER] = " -x -a '(__fish_complete_users)'"};
  fprintf(s->out, "complete -c %s", s->program);
  if (s->command.name) fprintf(s->out, " -n '__fish_seen_subcommand_from %s'", s->command.name);
  fprintf(s->out, " -l %s", o->name);
  if (o->value == COMPLETION_ONE_OF) fprintf(s->out, " -x -a '%s'", o->words);
  else fputs(how[o->value], s->out);
  fputs(" -d ", s->out);
  put_fish_text(s, o->help);
  fputc('\n', s->out);
}

static void put_fish(struct script *s) {
  const char *p = s->program;
  fprintf(s->out, "# fish completion for %s\ncomplete -c %s -f\n", p, p);
  if (has_commands(s)) {
    fprintf(s->out,
            "complete -c %s -n __fish_use_subcommand -l help -d 'print help'\n"
            "complete -c %s -n __fish_use_subcommand -l version -d 'print the version'\n",
            p, p);
  }

  for (unsigned i = 0; load(s, i); i++) {
    if (s->command.name) {
      fprintf(s->out, "complete -c %s -n __fish_use_subcommand -a %s -d ", p, s->command.name);
      put_fish_text(s, s->command.help);
      fputc('\n', s->out);
    }
    if (*s->command.words)
      fprintf(s->out, "complete -c %s -n '__fish_seen_subcommand_from %s' -a '%s'\n", p, s->command.name,
              s->command.words);
    for (unsigned k = 0; k < s->command.option_count; k++) put_fish_option(s, &s->command.options[k]);
  }
}

void completion_write(enum completion_shell shell, const char *program,
                      bool (*command_at)(unsigned i, struct completion_command *out), FILE *out) {
  struct script *s = must_zalloc(sizeof *s);
  s->out = out;
  s->program = program;
  s->command_at = command_at;
  if (shell == COMPLETION_BASH) put_bash(s);
  else if (shell == COMPLETION_ZSH) put_zsh(s);
  else put_fish(s);
  free(s);
}
