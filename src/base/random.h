/* Unpredictable numbers for ids, ports and seeds (RFC 5452). */
#ifndef JIDNS_BASE_RANDOM_H
#define JIDNS_BASE_RANDOM_H
#include <stddef.h>
#include <stdint.h>

/* A pool of octets from getrandom(2), one a thread: a system call for every 256 numbers. Zero it to start. */
struct random {
  uint8_t pool[512];
  size_t left;
};

uint16_t random_u16(struct random *r);
uint64_t random_u64(struct random *r);
uint32_t random_below(struct random *r, uint32_t n); /* 0 to n-1 without bias; n > 0 */
uint64_t random_seed(void);                          /* for hash keys */
void random_octets(void *out, size_t len);           /* for secrets; system calls each time */
#endif
