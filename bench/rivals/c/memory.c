/* An atomic add, an int under the locks of glibc for processes, and the relays of those that wait. */
#include <errno.h>
#include <stddef.h>

#include "peers.h"

static void add(struct context *context, long times) {
  for (long i = 0; i < times; i++) __atomic_fetch_add(&context->cell->number, 1, __ATOMIC_SEQ_CST);
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

static void lock_mutex(struct context *context) {
  if (pthread_mutex_lock(&context->cell->lock.mutex) == EOWNERDEAD) fail("pthread_mutex_lock");
}

static void unlock_mutex(struct context *context) { pthread_mutex_unlock(&context->cell->lock.mutex); }

static void add_under_mutex(struct context *context, long times) {
  for (long i = 0; i < times; i++) {
    lock_mutex(context);
    *(volatile int64_t *)&context->cell->number += 1;
    unlock_mutex(context);
  }
}

static void add_under_semaphore(struct context *context, long times) {
  struct cell *cell = context->cell;
  for (long i = 0; i < times; i++) {
    while (sem_wait(&cell->lock.semaphore) != 0) {}
    *(volatile int64_t *)&cell->number += 1;
    sem_post(&cell->lock.semaphore);
  }
}

static void meet(struct context *context, long times) {
  for (long i = 0; i < times; i++) pthread_barrier_wait(&context->cell->lock.barrier);
}

/* A word with the worker whose turn it is; each worker sleeps until its own turn. */
static void await_turn(struct context *context) {
  int *word = (int *)&context->cell->number;
  int me = context->worker;
  while (__atomic_load_n(word, __ATOMIC_SEQ_CST) != me) sleep_on(word, 1 - me);
}

static void give_turn(struct context *context) {
  int *word = (int *)&context->cell->number;
  __atomic_store_n(word, 1 - context->worker, __ATOMIC_SEQ_CST);
  wake_one(word);
}

static int64_t number(struct context *context) { return context->cell->number; }

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
