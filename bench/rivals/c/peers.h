/* The subjects of the C twins, and what they share. Built by bench/rivals/c.ts. */
#ifndef PEERS_H
#define PEERS_H

#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>

#define LINE 128

/* A counter with what locks it, each on a line of its own. */
struct cell {
  _Alignas(LINE) int64_t number;
  _Alignas(LINE) union {
    pthread_mutex_t mutex;
    sem_t semaphore;
    pthread_barrier_t barrier;
  } lock;
  _Alignas(LINE) char end[1];
};

/* What one worker works on. */
struct place {
  struct cell *cell;
  char text[4096]; /* the text file */
  int lock;        /* the lock file, opened by this worker */
  int file;        /* the text file, opened by this worker */
  int worker;      /* the number of this worker, from 0 */
};

/* What workers do at once, as often as they can in a window. */
struct subject {
  const char *name;
  void (*prepare)(struct cell *cell, int workers); /* once, before they start; may be NULL */
  void (*run)(struct place *place, long times);
  int64_t (*read)(struct place *place); /* the count at the end; NULL: nothing is counted */
  int in_step;                          /* no worker may do it more often than another */
};

/* A lock that two hand to each other. */
struct relay {
  const char *name;
  void (*prepare)(struct cell *cell, int workers);
  void (*lock)(struct place *place);
  void (*unlock)(struct place *place);
};

/* A sleep on a word while it is `seen`, and a wake of one. Between processes. */
void sleep_on(int *word, int seen);
void wake_one(int *word);

extern const struct subject memory_subjects[], file_subjects[];
extern const struct relay memory_relays[], file_relays[];

/* Ends the program with the reason of the last failed call. */
void fail(const char *what);

#endif
