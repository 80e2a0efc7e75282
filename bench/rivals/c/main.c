/*
 * Usage: peers window SUBJECT WORKERS LEAD_NS WINDOW_NS FOLDER
 *        peers relay SUBJECT TURNS HOLD_NS FOLDER
 *
 * The same measurements as bench/together/window.ts and bench/together/relay.ts, in forked processes. Prints a line of JSON: {"ns": ...} or {"samples": [...]}.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
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
#define CHUNK_NS 100000
#define MOST_TURNS 100000

struct shared {
  _Alignas(LINE) int here;     /* workers that have come to the gate */
  _Alignas(LINE) int64_t from; /* when the window begins; 0: the gate is closed */
  _Alignas(LINE) int last;     /* of workers in step: the number of the last step; 0: not known */
  _Alignas(LINE) int turn;     /* of a relay: the worker that has the lock */
  _Alignas(LINE) int coming;   /* whether the other worker is about to sleep */
  _Alignas(LINE) int64_t released;
  struct cell cell;
  struct {
    _Alignas(LINE) double inside; /* operations inside the window */
    int64_t done;                 /* all operations */
  } results[MOST];
  int64_t samples[MOST_TURNS];
};

static struct shared *shared;

void fail(const char *what) {
  perror(what);
  exit(1);
}

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

void sleep_on(int *word, int seen) { syscall(SYS_futex, word, FUTEX_WAIT, seen, NULL); }

void wake_one(int *word) { syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL); }

/* Sleeps until all workers are here; the last one sets when the window begins. */
static int64_t pass_gate(int workers, int64_t lead) {
  if (__atomic_add_fetch(&shared->here, 1, __ATOMIC_SEQ_CST) == workers) {
    __atomic_store_n(&shared->from, now() + lead, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, (int *)&shared->from, FUTEX_WAKE, INT_MAX, NULL);
  }
  while (__atomic_load_n(&shared->from, __ATOMIC_SEQ_CST) == 0) sleep_on((int *)&shared->from, 0);
  return shared->from;
}

static struct context context_of(const char *folder, int worker) {
  struct context context = {.cell = &shared->cell, .worker = worker};
  char lock[sizeof context.text + 8];
  snprintf(context.text, sizeof context.text, "%s/count.txt", folder);
  snprintf(lock, sizeof lock, "%s.lock", context.text);
  context.lock = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  context.file = open(context.text, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (context.lock < 0 || context.file < 0) fail("open");
  return context;
}

static double part_inside(int64_t start, int64_t end, int64_t from, int64_t to) {
  int64_t first = start > from ? start : from, last = end < to ? end : to;
  return last <= first ? 0 : (double)(last - first) / (double)(end - start);
}

/* Whether workers in step go on after this step: worker 0 sets the last step in advance. */
static int goes_on_in_step(int worker, int64_t step, int64_t start, int64_t to) {
  int last = __atomic_load_n(&shared->last, __ATOMIC_SEQ_CST);
  if (worker == 0 && last == 0 && start >= to) {
    __atomic_store_n(&shared->last, last = step + 1, __ATOMIC_SEQ_CST);
  }
  return last == 0 || step < last;
}

static void work(const struct subject *subject, const char *folder, int worker, int workers,
                 int64_t lead, int64_t window) {
  struct context context = context_of(folder, worker);
  int64_t from = pass_gate(workers, lead), to = from + window, done = 0;
  double inside = 0;
  long times = 1;
  for (int64_t start = now();
       subject->in_step ? goes_on_in_step(worker, done, start, to) : start < to;) {
    subject->run(&context, times);
    int64_t end = now(), took = end - start;
    inside += times * part_inside(start, end, from, to);
    done += times;
    start = end;
    if (subject->in_step) continue;
    if (took < CHUNK_NS / 2) times *= 2;
    else if (took > CHUNK_NS * 2 && times > 1) times /= 2;
  }
  shared->results[worker].inside = inside;
  shared->results[worker].done = done;
}

/* Keeps this process on one processor, as bench/together/pinned.ts does. */
static void pin(int index) {
  cpu_set_t allowed, mine;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) fail("sched_getaffinity");
  int rest = index % CPU_COUNT(&allowed), cpu = 0;
  while (!CPU_ISSET(cpu, &allowed) || rest-- > 0) cpu++;
  CPU_ZERO(&mine);
  CPU_SET(cpu, &mine);
  if (sched_setaffinity(0, sizeof mine, &mine) != 0) fail("sched_setaffinity");
}

/* Spins until the word is `wanted`. */
static void see(int *word, int wanted) {
  while (__atomic_load_n(word, __ATOMIC_SEQ_CST) != wanted) {}
}

static void hand_over(const struct relay *relay, const char *folder, int worker, int turns,
                      int64_t hold) {
  struct context context = context_of(folder, worker);
  pin(worker);
  if (worker == 0) {
    relay->lock(&context);
    pass_gate(2, 0);
  } else {
    pass_gate(2, 0);
    __atomic_store_n(&shared->coming, 1, __ATOMIC_SEQ_CST);
    relay->lock(&context);
    shared->samples[0] = now() - shared->released;
    __atomic_store_n(&shared->turn, 1, __ATOMIC_SEQ_CST);
  }
  for (int turn = worker; turn < turns; turn += 2) {
    see(&shared->coming, 1);
    __atomic_store_n(&shared->coming, 0, __ATOMIC_SEQ_CST);
    for (int64_t until = now() + hold; now() < until;) {}
    shared->released = now();
    relay->unlock(&context);
    see(&shared->turn, 1 - worker);
    if (turn + 1 >= turns) break; /* The other worker has the last turn. */
    __atomic_store_n(&shared->coming, 1, __ATOMIC_SEQ_CST);
    relay->lock(&context);
    shared->samples[turn + 1] = now() - shared->released;
    __atomic_store_n(&shared->turn, worker, __ATOMIC_SEQ_CST);
  }
}

static void await_workers(int workers) {
  int broken = 0, status;
  for (int i = 0; i < workers; i++) broken |= wait(&status) < 0 || status != 0;
  if (!broken) return;
  fprintf(stderr, "peers: a worker broke\n");
  exit(1);
}

static pid_t start(void) {
  fflush(stdout);
  pid_t child = fork();
  if (child < 0) fail("fork");
  if (child == 0) prctl(PR_SET_PDEATHSIG, SIGKILL);
  return child;
}

static int measure_window(const struct subject *subject, int workers, int64_t lead, int64_t window,
                          const char *folder) {
  if (subject->prepare != NULL) subject->prepare(&shared->cell, workers);
  for (int i = 0; i < workers; i++) {
    if (start() != 0) continue;
    work(subject, folder, i, workers, lead, window);
    exit(0);
  }
  await_workers(workers);
  double inside = 0;
  int64_t done = 0;
  for (int i = 0; i < workers; i++) {
    inside += shared->results[i].inside;
    done += shared->results[i].done;
  }
  struct context context = context_of(folder, 0);
  int64_t counted = subject->read == NULL ? done : subject->read(&context);
  if (counted != done) fprintf(stderr, "peers: counted %ld of %ld\n", (long)counted, (long)done);
  printf("{\"ns\":%.4f}\n", window / inside);
  return counted == done ? 0 : 1;
}

static int measure_relay(const struct relay *relay, int turns, int64_t hold, const char *folder) {
  if (relay->prepare != NULL) relay->prepare(&shared->cell, 2);
  for (int i = 0; i < 2; i++) {
    if (start() != 0) continue;
    hand_over(relay, folder, i, turns, hold);
    exit(0);
  }
  await_workers(2);
  printf("{\"samples\":[");
  for (int i = 0; i < turns; i++) printf("%s%ld", i == 0 ? "" : ",", (long)shared->samples[i]);
  printf("]}\n");
  return 0;
}

int main(int count, char **arguments) {
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) fail("mmap");
  if (count == 7 && strcmp(arguments[1], "window") == 0) {
    const struct subject *lists[] = {memory_subjects, file_subjects};
    int workers = atoi(arguments[3]);
    for (int i = 0; i < 2 && workers >= 1 && workers <= MOST; i++) {
      for (const struct subject *at = lists[i]; at->name != NULL; at++) {
        if (strcmp(at->name, arguments[2]) != 0) continue;
        return measure_window(at, workers, atol(arguments[4]), atol(arguments[5]), arguments[6]);
      }
    }
  }
  if (count == 6 && strcmp(arguments[1], "relay") == 0) {
    const struct relay *lists[] = {memory_relays, file_relays};
    int turns = atoi(arguments[3]);
    for (int i = 0; i < 2 && turns >= 1 && turns <= MOST_TURNS; i++) {
      for (const struct relay *at = lists[i]; at->name != NULL; at++) {
        if (strcmp(at->name, arguments[2]) != 0) continue;
        return measure_relay(at, turns, atol(arguments[4]), arguments[5]);
      }
    }
  }
  fprintf(stderr, "usage: peers window SUBJECT WORKERS LEAD_NS WINDOW_NS FOLDER\n"
                  "       peers relay SUBJECT TURNS HOLD_NS FOLDER\n");
  return 2;
}
