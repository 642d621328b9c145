/* A terminal that shows one text after the other in place, until somebody has seen enough; on what is no
 * terminal the texts follow each other. Plain ECMA-48 escapes. */
#ifndef JIDNS_TOOL_SCREEN_H
#define JIDNS_TOOL_SCREEN_H
#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

struct screen {
  bool live;   /* stdout is a terminal, and to be written in place */
  bool keys;   /* stdin is one, too */
  int signals; /* SIGINT, SIGTERM, SIGHUP, SIGWINCH come here */
  struct termios before;
};

/* live: in place, if stdout is a terminal. False with errno when signals can't be waited for. */
bool screen_open(struct screen *s, bool live);

/* Gives the terminal back as it was. */
void screen_close(struct screen *s);

/* Shows text, lines with line feeds, cut to the terminal's size; the last line says how many did not fit.
 * False when it can't be written. */
bool screen_show(const struct screen *s, const char *text);

/* Waits so long, or until the size changes. False when it is to end: q, a signal, the terminal gone. */
bool screen_wait(struct screen *s, int ms);
#endif
