/* An atomic add, and an int under a process-shared pthread mutex, plain and robust. */
#include <errno.h>
#include <stddef.h>

#include "peers.h"

static void add(struct place *place, long times) {
  for (long i = 0; i < times; i++) __atomic_fetch_add(&place->cell->number, 1, __ATOMIC_SEQ_CST);
}

static void make_mutex(struct cell *cell, int robust) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&attributes, robust ? PTHREAD_MUTEX_ROBUST : PTHREAD_MUTEX_STALLED);
  pthread_mutex_init(&cell->mutex, &attributes);
}

static void make_plain(struct cell *cell) { make_mutex(cell, 0); }
static void make_robust(struct cell *cell) { make_mutex(cell, 1); }

static void add_under_mutex(struct place *place, long times) {
  struct cell *cell = place->cell;
  for (long i = 0; i < times; i++) {
    if (pthread_mutex_lock(&cell->mutex) == EOWNERDEAD) fail("pthread_mutex_lock");
    *(volatile int64_t *)&cell->number += 1;
    pthread_mutex_unlock(&cell->mutex);
  }
}

/* Two hand a word to and fro; each sleeps until it has it. */
static void hand_to_and_fro(struct place *place, long times) {
  int *word = (int *)&place->cell->number;
  int me = place->worker;
  for (long i = 0; i < times; i++) {
    while (__atomic_load_n(word, __ATOMIC_SEQ_CST) != me) sleep_on(word, 1 - me);
    __atomic_store_n(word, 1 - me, __ATOMIC_SEQ_CST);
    wake_one(word);
  }
}

static int64_t number(struct place *place) { return place->cell->number; }

const struct subject memory_subjects[] = {
  {"atomic", 50000, NULL, add, number},
  {"mutex", 50000, make_plain, add_under_mutex, number},
  {"robust-mutex", 50000, make_robust, add_under_mutex, number},
  {"wake-up", 0, NULL, hand_to_and_fro, NULL},
  {NULL, 0, NULL, NULL, NULL},
};
