/* The subjects of the C programs, and their shared types. Built by bench/rivals/c.ts. */
#ifndef PEERS_H
#define PEERS_H

#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>

#define LINE 128

/* A counter with its lock, each on a cache line of its own. */
struct cell {
  _Alignas(LINE) int64_t number;
  _Alignas(LINE) union {
    pthread_mutex_t mutex;
    sem_t semaphore;
    pthread_barrier_t barrier;
  } lock;
  _Alignas(LINE) char end[1];
};

/* The resources of one worker. */
struct context {
  struct cell *cell;
  char text[4096]; /* the text file */
  int lock;        /* the lock file, opened by this worker */
  int file;        /* the text file, opened by this worker */
  int worker;      /* the number of this worker, from 0 */
};

/* An operation that workers repeat in a window. */
struct subject {
  const char *name;
  void (*prepare)(struct cell *cell, int workers); /* once, before they start; may be NULL */
  void (*run)(struct context *context, long times);
  int64_t (*read)(struct context *context); /* the count at the end; NULL: nothing is counted */
  int in_step;                          /* all workers must do it equally often */
};

/* A lock that two workers hand to each other. */
struct relay {
  const char *name;
  void (*prepare)(struct cell *cell, int workers);
  void (*lock)(struct context *context);
  void (*unlock)(struct context *context);
};

/* Sleeps on a word while it is `seen`, and wakes one sleeper. Between processes. */
void sleep_on(int *word, int seen);
void wake_one(int *word);

extern const struct subject memory_subjects[], file_subjects[];
extern const struct relay memory_relays[], file_relays[];

/* Ends the program with the error of the last failed call. */
void fail(const char *what);

#endif
