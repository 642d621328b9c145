/* The way of lines to standard error, whose reader may stop reading, end, or have a full disk. At first the
 * thread that has a line writes it, after waiting for the reader LOG_OUT_PATIENCE_MS at most. From
 * log_out_start on a thread of its own writes, which alone may wait; the others leave their lines in a
 * buffer. Lines that find no room, and those that standard error refuses, are dropped and counted, and how
 * many is said when it takes lines again. Never O_NONBLOCK: the open file is shared with whoever started us.
 */
#ifndef JIDNS_BASE_LOG_OUT_H
#define JIDNS_BASE_LOG_OUT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
  LOG_OUT_LINE = 6400,        /* octets of the longest line, with its newline */
  LOG_OUT_BUFFER = 256 << 10, /* octets that may wait for the reader */
  LOG_OUT_PATIENCE_MS =
      500, /* before there is the thread: how long one line waits, until the reader was found stuck */
  LOG_OUT_STOP_MS = 1000 /* how long the end waits for what is in the buffer */
};

enum log_out_rank {
  LOG_OUT_NOTICE, /* what the program says */
  LOG_OUT_EACH    /* one of very many, such as a line for each query: leaves a quarter of the buffer to the
                     others */
};

/* Writes the line of len octets at *line, newline included, or leaves it to the thread. Never waits longer
 * than is said above. */
void log_out_line(const char *line, size_t len, enum log_out_rank rank);

/* Starts the thread; called once rights are given up, as a thread would keep its own. `tell` writes the line
 * that says how many lines were dropped. False when there is no thread to be had: all is as before. */
bool log_out_start(size_t (*tell)(char line[LOG_OUT_LINE], uint64_t dropped));

/* Ends the thread once the buffer is empty, or leaves it behind where its reader keeps it longer than
 * LOG_OUT_STOP_MS: then whatever is said later is dropped. */
void log_out_stop(void);

/* Lines dropped in all. */
uint64_t log_out_dropped(void);

/* A program about to abort says this line after what is in the buffer; takes no lock and waits for a moment
 * at most. */
void log_out_last(const char *line, size_t len);

/* A stream whose lines go this way; to be closed. NULL when memory is out. */
FILE *log_out_stream(void);
#endif
