/*
 * Usage: peers SUBJECT WORKERS INCREMENTS FOLDER
 *
 * Forks the workers; each warms on a scratch cell, says ready and sleeps at the gate; one event
 * wakes all; one that has counted sleeps until the last has. Prints a line of JSON.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "peers.h"

#define MOST 256

struct shared {
  _Alignas(LINE) int ready;
  _Alignas(LINE) int open;
  _Alignas(LINE) int done;
  struct cell real;
  struct cell scratch;
  struct {
    _Alignas(LINE) int64_t start;
    int64_t end;
  } spans[MOST];
};

void fail(const char *what) {
  perror(what);
  exit(1);
}

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

/* Adds one to the word and wakes who sleeps on it. Without FUTEX_PRIVATE_FLAG: processes. */
static void arrive(int *word) {
  __atomic_fetch_add(word, 1, __ATOMIC_SEQ_CST);
  syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL);
}

void sleep_on(int *word, int seen) { syscall(SYS_futex, word, FUTEX_WAIT, seen, NULL); }

void wake_one(int *word) { syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL); }

/* Sleeps until the word has reached `all`. */
static void sleep_until(int *word, int all) {
  for (;;) {
    int seen = __atomic_load_n(word, __ATOMIC_SEQ_CST);
    if (seen >= all) return;
    sleep_on(word, seen);
  }
}

static struct place place_at(struct cell *cell, const char *folder, const char *name) {
  struct place place = {.cell = cell};
  char lock[sizeof place.text + 8];
  snprintf(place.text, sizeof place.text, "%s/%s", folder, name);
  snprintf(lock, sizeof lock, "%s.lock", place.text);
  place.lock = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  int text = open(place.text, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (place.lock < 0 || text < 0) fail("open");
  close(text);
  return place;
}

static void work(const struct subject *subject, struct shared *shared, const char *folder,
                 int worker, int workers, long increments) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  struct place scratch = place_at(&shared->scratch, folder, "scratch.txt");
  struct place real = place_at(&shared->real, folder, "count.txt");
  scratch.worker = real.worker = worker;
  subject->count(&scratch, subject->warming);
  arrive(&shared->ready);
  sleep_until(&shared->open, 1);
  shared->spans[worker].start = now();
  subject->count(&real, increments);
  shared->spans[worker].end = now();
  arrive(&shared->done);
  sleep_until(&shared->done, workers);
  exit(0);
}

static const struct subject *find(const char *name) {
  const struct subject *lists[] = {memory_subjects, file_subjects};
  for (int i = 0; i < 2; i++) {
    for (const struct subject *at = lists[i]; at->name != NULL; at++) {
      if (strcmp(at->name, name) == 0) return at;
    }
  }
  return NULL;
}

int main(int count, char **arguments) {
  const struct subject *subject = count == 5 ? find(arguments[1]) : NULL;
  int workers = count == 5 ? atoi(arguments[2]) : 0;
  long increments = count == 5 ? atol(arguments[3]) : 0;
  if (subject == NULL || workers < 1 || workers > MOST || increments < 1) {
    fprintf(stderr, "usage: peers SUBJECT WORKERS INCREMENTS FOLDER\n");
    return 2;
  }
  struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
                               MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) fail("mmap");
  if (subject->prepare != NULL) {
    subject->prepare(&shared->real);
    subject->prepare(&shared->scratch);
  }
  for (int i = 0; i < workers; i++) {
    pid_t child = fork();
    if (child < 0) fail("fork");
    if (child == 0) work(subject, shared, arguments[4], i, workers, increments);
  }
  sleep_until(&shared->ready, workers);
  arrive(&shared->open);
  int broken = 0, status;
  for (int i = 0; i < workers; i++) broken |= wait(&status) < 0 || status != 0;
  if (broken) {
    fprintf(stderr, "peers: a worker broke\n");
    return 1;
  }
  int64_t start = INT64_MAX, end = 0;
  for (int i = 0; i < workers; i++) {
    if (shared->spans[i].start < start) start = shared->spans[i].start;
    if (shared->spans[i].end > end) end = shared->spans[i].end;
  }
  long expected = workers * increments;
  struct place real = place_at(&shared->real, arguments[4], "count.txt");
  long actual = subject->read == NULL ? expected : subject->read(&real);
  printf("{\"subject\":\"%s\",\"workers\":%d,\"increments\":%ld,\"expected\":%ld,\"actual\":%ld,"
         "\"countingMs\":%.6f,\"nsPerIncrement\":%.3f}\n",
         subject->name, workers, increments, expected, actual, (end - start) / 1e6,
         (double)(end - start) / expected);
  return actual == expected ? 0 : 1;
}
