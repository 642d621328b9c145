/* Time that moves when told: all clocks of the test's program, libuv's too, are ahead by what was skipped. */
#ifndef JIDNS_TESTS_KIT_SKIP_H
#define JIDNS_TESTS_KIT_SKIP_H
#include <stdint.h>

void skip_ms(uint32_t ms);
#endif
