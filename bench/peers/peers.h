/* The subjects of the C twins, and what they share. Built by bench/peers.ts. */
#ifndef PEERS_H
#define PEERS_H

#include <pthread.h>
#include <stdint.h>

#define LINE 128

/* A counter with its lock, each on a line of its own. One is counted in, one is for warming. */
struct cell {
  _Alignas(LINE) int64_t number;
  _Alignas(LINE) pthread_mutex_t mutex;
  _Alignas(LINE) char end[1];
};

/* What one worker works on. */
struct place {
  struct cell *cell;
  char text[4096]; /* the text file */
  int lock;        /* the lock file, opened by this worker */
  int worker;      /* the number of this worker, from 0 */
};

struct subject {
  const char *name;
  int warming;                               /* increments before a worker says ready */
  void (*prepare)(struct cell *cell);        /* once, before the workers start; may be NULL */
  void (*count)(struct place *place, long times);
  int64_t (*read)(struct place *place);      /* the count at the end; NULL: nothing is counted */
};

/* A sleep on a word while it is `seen`, and a wake of one. Between processes. */
void sleep_on(int *word, int seen);
void wake_one(int *word);

extern const struct subject memory_subjects[];
extern const struct subject file_subjects[];

/* Ends the program with the reason of the last failed call. */
void fail(const char *what);

#endif
