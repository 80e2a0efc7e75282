/* An atomic add, and an int under what glibc has for processes; each that can wait as a relay. */
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
  pthread_mutex_init(&cell->lock.mutex, &attributes);
}

static void make_plain(struct cell *cell, int workers) {
  (void)workers;
  make_mutex(cell, 0);
}

static void make_robust(struct cell *cell, int workers) {
  (void)workers;
  make_mutex(cell, 1);
}

static void make_semaphore(struct cell *cell, int workers) {
  (void)workers;
  if (sem_init(&cell->lock.semaphore, 1, 1) != 0) fail("sem_init");
}

static void make_barrier(struct cell *cell, int workers) {
  pthread_barrierattr_t attributes;
  pthread_barrierattr_init(&attributes);
  pthread_barrierattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_barrier_init(&cell->lock.barrier, &attributes, workers);
}

static void lock_mutex(struct place *place) {
  if (pthread_mutex_lock(&place->cell->lock.mutex) == EOWNERDEAD) fail("pthread_mutex_lock");
}

static void unlock_mutex(struct place *place) { pthread_mutex_unlock(&place->cell->lock.mutex); }

static void add_under_mutex(struct place *place, long times) {
  for (long i = 0; i < times; i++) {
    lock_mutex(place);
    *(volatile int64_t *)&place->cell->number += 1;
    unlock_mutex(place);
  }
}

static void add_under_semaphore(struct place *place, long times) {
  struct cell *cell = place->cell;
  for (long i = 0; i < times; i++) {
    while (sem_wait(&cell->lock.semaphore) != 0) {}
    *(volatile int64_t *)&cell->number += 1;
    sem_post(&cell->lock.semaphore);
  }
}

static void meet(struct place *place, long times) {
  for (long i = 0; i < times; i++) pthread_barrier_wait(&place->cell->lock.barrier);
}

/* A word that says whose turn it is; each sleeps until it is its own. */
static void await_turn(struct place *place) {
  int *word = (int *)&place->cell->number;
  int me = place->worker;
  while (__atomic_load_n(word, __ATOMIC_SEQ_CST) != me) sleep_on(word, 1 - me);
}

static void give_turn(struct place *place) {
  int *word = (int *)&place->cell->number;
  __atomic_store_n(word, 1 - place->worker, __ATOMIC_SEQ_CST);
  wake_one(word);
}

static int64_t number(struct place *place) { return place->cell->number; }

const struct subject memory_subjects[] = {
  {"atomic", NULL, add, number, 0},
  {"mutex", make_plain, add_under_mutex, number, 0},
  {"robust-mutex", make_robust, add_under_mutex, number, 0},
  {"semaphore", make_semaphore, add_under_semaphore, number, 0},
  {"barrier", make_barrier, meet, NULL, 1},
  {NULL, NULL, NULL, NULL, 0},
};

const struct relay memory_relays[] = {
  {"wake-up", NULL, await_turn, give_turn},
  {"robust-mutex", make_robust, lock_mutex, unlock_mutex},
  {NULL, NULL, NULL, NULL},
};
