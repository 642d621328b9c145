/* Room for frames on their way from one thread, which writes them, to another, which sends them and gives
 * their room back in the same order. No lock and no malloc. */
#ifndef JIDNS_TAP_TAP_RING_H
#define JIDNS_TAP_TAP_RING_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TAP_RING = 512 << 10 }; /* octets, a power of two; only pages that were ever used take memory */

struct tap_ring {
  uint8_t *octets;
  size_t head; /* the writer's: where it goes on, counted on and on */
  size_t tail /* the sender's: all before it was given back */ __attribute__((aligned(64)));
};

bool tap_ring_init(struct tap_ring *r); /* false when memory is out */
void tap_ring_free(struct tap_ring *r);

/* The writer's: where a frame of at most len octets can be written; NULL: there is no room for it now. */
uint8_t *tap_ring_take(struct tap_ring *r, size_t len);
/* It has len octets, and is to be handed to the sender. */
void tap_ring_keep(struct tap_ring *r, uint8_t *frame, size_t len);
/* The frame that was kept last is not handed over, after all. */
void tap_ring_undo(struct tap_ring *r, const uint8_t *frame);

/* The sender's: the oldest frame that it has is done with. */
void tap_ring_give_back(struct tap_ring *r, const uint8_t *frame);
#endif
