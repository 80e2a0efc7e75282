/*
 * Usage: peers window SUBJECT WORKERS LEAD_NS WINDOW_NS FOLDER
 *        peers relay SUBJECT TURNS HOLD_NS FOLDER
 *
 * The same measurements as bench/fleet/window.ts and bench/fleet/relay.ts, in forked processes.
 * Prints a line of JSON: {"inside": ...}, the operations in the window, or {"samples": [...]}.
 * Built by bench/rivals.ts.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LINE _Alignas(128) /* a cache line of its own, and the one that is fetched with it */
#define MOST 256
#define CHUNK_NS 100000
#define MOST_TURNS 100000

static struct shared {
  LINE pthread_barrier_t gate;
  LINE int64_t from;      /* when the window begins */
  LINE int last;          /* of workers in step: the number of the last step; 0: not known */
  LINE int turn;          /* of a relay: the worker that has the lock */
  LINE int coming;        /* whether the other worker is about to sleep */
  LINE int64_t released;  /* when the lock was released */
  LINE int64_t number;    /* the counter of all workers */
  LINE pthread_mutex_t mutex;
  LINE sem_t semaphore;
  LINE pthread_rwlock_t rwlock;
  LINE int closed;         /* whether readers must wait; no writer ever comes */
  LINE pthread_barrier_t barrier;
  LINE pthread_cond_t condition;
  struct {
    LINE int64_t number;  /* a counter of this worker alone */
    int reads;            /* whether this worker reads */
    LINE double inside;   /* operations inside the window */
    int64_t done;         /* all operations */
  } workers[MOST];
  int64_t samples[MOST_TURNS];
} *shared;

/* The number of this worker, its text file, and that file and its lock file, opened by it. */
static int me, lock_file, file;
static ino_t inode; /* of the text file */
static char text[4096];

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void sleep_on(int *word, int seen) { syscall(SYS_futex, word, FUTEX_WAIT, seen, NULL); }
static void wake(int *word) { syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL); }

/* ---- Memory: atomic adds, and an int under the locks of glibc for processes. */

static void add(void) { __atomic_fetch_add(&shared->number, 1, __ATOMIC_SEQ_CST); }
static void add_32(void) { __atomic_fetch_add((int *)&shared->number, 1, __ATOMIC_SEQ_CST); }
static void add_striped(void) {
  __atomic_fetch_add(&shared->workers[me].number, 1, __ATOMIC_SEQ_CST);
}
static void increment(void) { *(volatile int64_t *)&shared->number += 1; }

static int64_t number(void) { return shared->number; }
static int64_t sum(void) {
  int64_t sum = 0;
  for (int i = 0; i < MOST; i++) sum += shared->workers[i].number;
  return sum;
}

/* Makes the locks, before the workers start. */
static void make_locks(int robust, int workers) {
  pthread_mutexattr_t mutex;
  pthread_mutexattr_init(&mutex);
  pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&mutex, robust ? PTHREAD_MUTEX_ROBUST : PTHREAD_MUTEX_STALLED);
  pthread_mutex_init(&shared->mutex, &mutex);
  pthread_barrierattr_t barrier;
  pthread_barrierattr_init(&barrier);
  pthread_barrierattr_setpshared(&barrier, PTHREAD_PROCESS_SHARED);
  pthread_barrier_init(&shared->barrier, &barrier, workers);
  pthread_barrier_init(&shared->gate, &barrier, workers);
  pthread_condattr_t condition;
  pthread_condattr_init(&condition);
  pthread_condattr_setpshared(&condition, PTHREAD_PROCESS_SHARED);
  pthread_cond_init(&shared->condition, &condition);
  pthread_rwlockattr_t rwlock;
  pthread_rwlockattr_init(&rwlock);
  pthread_rwlockattr_setpshared(&rwlock, PTHREAD_PROCESS_SHARED);
  pthread_rwlock_init(&shared->rwlock, &rwlock);
  if (sem_init(&shared->semaphore, 1, 1) != 0) fail("sem_init");
}

static void lock_mutex(void) {
  if (pthread_mutex_lock(&shared->mutex) == EOWNERDEAD) fail("pthread_mutex_lock");
}
static void unlock_mutex(void) { pthread_mutex_unlock(&shared->mutex); }
static void add_under_mutex(void) { lock_mutex(), increment(), unlock_mutex(); }
static void add_under_semaphore(void) {
  while (sem_wait(&shared->semaphore) != 0) {}
  increment();
  sem_post(&shared->semaphore);
}

/* Readers, each of which counts for itself: under glibc's lock, and where each has a word of its own. */
static void count_mine(void) { *(volatile int64_t *)&shared->workers[me].number += 1; }
static void add_under_read_lock(void) {
  if (pthread_rwlock_rdlock(&shared->rwlock) != 0) fail("pthread_rwlock_rdlock");
  count_mine();
  pthread_rwlock_unlock(&shared->rwlock);
}
static void add_under_own_word(void) {
  int *reads = &shared->workers[me].reads;
  __atomic_store_n(reads, 1, __ATOMIC_SEQ_CST);
  if (__atomic_load_n(&shared->closed, __ATOMIC_SEQ_CST) != 0) fail("closed");
  count_mine();
  __atomic_store_n(reads, 0, __ATOMIC_SEQ_CST);
}
static void meet(void) { pthread_barrier_wait(&shared->barrier); }

/* Two workers take turns; each waits for its own, and notifies the other one. */
static void ping_pong(void) {
  lock_mutex();
  while (shared->number != me) pthread_cond_wait(&shared->condition, &shared->mutex);
  shared->number = 1 - me;
  pthread_cond_signal(&shared->condition);
  unlock_mutex();
}

/* A word with the worker whose turn it is; each worker sleeps until its own turn. */
static void await_turn(void) {
  int *word = (int *)&shared->number;
  while (__atomic_load_n(word, __ATOMIC_SEQ_CST) != me) sleep_on(word, 1 - me);
}
static void give_turn(void) {
  __atomic_store_n((int *)&shared->number, 1 - me, __ATOMIC_SEQ_CST);
  wake((int *)&shared->number);
}

/* ---- Files: flock(2), and numbers in a text file under it. */

static void lock_by(int fd, int how) {
  if (flock(fd, how) != 0) fail("flock");
}
static void lock_lock_file(void) { lock_by(lock_file, LOCK_EX); }
static void unlock_lock_file(void) { lock_by(lock_file, LOCK_UN); }
static void flock_pair(void) { lock_lock_file(), unlock_lock_file(); }

static long read_number(int fd) {
  char found[4096];
  ssize_t length = read(fd, found, sizeof found - 1);
  if (length < 0) fail("read");
  found[length] = 0;
  return atol(found);
}

static int open_text(int flags) {
  int fd = open(text, flags | O_CLOEXEC | O_NONBLOCK, 0644);
  if (fd < 0) fail("open");
  return fd;
}

/* The system calls of src/counting/text_file.ts in their order. */
static void add_by_name(void) {
  lock_lock_file();
  int reader = open_text(O_RDONLY);
  long next = read_number(reader) + 1;
  int writer = open_text(O_WRONLY | O_CREAT | O_TRUNC);
  close(reader);
  if (dprintf(writer, "%ld\n", next) < 0) fail("write");
  close(writer);
  unlock_lock_file();
}

/* The fewest calls for a number in a file that stays open, and is its own lock. */
static void add_to_open(long n, int look, int sync) {
  struct stat seen;
  lock_by(file, LOCK_EX);
  /* An editor may have put another file in its place. */
  if (look && (stat(text, &seen) != 0 || seen.st_ino != inode)) fail("stat");
  char found[32] = {0};
  if (pread(file, found, sizeof found - 1, 0) < 0) fail("pread");
  int length = snprintf(found, sizeof found, "%ld\n", atol(found) + n);
  if (pwrite(file, found, length, 0) != length) fail("pwrite");
  if (sync && fdatasync(file) != 0) fail("fdatasync");
  lock_by(file, LOCK_UN);
}
static void add_editable(void) { add_to_open(1, 1, 0); }
static void add_not_editable(void) { add_to_open(1, 0, 0); }
static void add_durable(void) { add_to_open(1, 0, 1); }
static void add_64_durable(void) { add_to_open(64, 0, 1); }
static void add_batch(void) {
  volatile long adds = 0;
  while (adds < 1000) adds++;
  add_to_open(adds, 1, 0);
}

static int64_t number_in_text(void) {
  int fd = open_text(O_RDONLY);
  long found = read_number(fd);
  close(fd);
  return found;
}

/* An operation, and the lock of a relay. */
struct subject {
  const char *name;
  void (*run)(long times);
  int64_t (*read)(void); /* the count at the end; NULL: nothing is counted */
  int per;               /* the adds of one operation */
  int in_step;           /* all workers must do it equally often */
  int robust;            /* the mutex tells of an owner that died */
  void (*lock)(void);    /* of a relay: a lock that two workers hand to each other */
  void (*unlock)(void);
};

/* Each operation has a loop of its own, so that the compiler inlines it. */
#define LOOP(operation) \
  static void operation##_times(long times) { for (long i = 0; i < times; i++) operation(); }
LOOP(add) LOOP(add_32) LOOP(add_striped) LOOP(add_under_mutex) LOOP(add_under_semaphore) LOOP(meet)
LOOP(add_under_read_lock) LOOP(add_under_own_word)
LOOP(flock_pair) LOOP(add_by_name) LOOP(add_editable) LOOP(add_not_editable) LOOP(add_durable)
LOOP(add_64_durable) LOOP(add_batch) LOOP(ping_pong)

static const struct subject subjects[] = {
  {"atomic", .run = add_times, .read = number},
  {"atomic-32", .run = add_32_times, .read = number},
  {"striped", .run = add_striped_times, .read = sum},
  {"mutex", .run = add_under_mutex_times, .read = number},
  {"robust-mutex", .run = add_under_mutex_times, .read = number, .robust = 1,
   .lock = lock_mutex, .unlock = unlock_mutex},
  {"semaphore", .run = add_under_semaphore_times, .read = number},
  {"read-lock", .run = add_under_read_lock_times, .read = sum},
  {"own-word", .run = add_under_own_word_times, .read = sum},
  {"barrier", .run = meet_times, .in_step = 1},
  {"condition", .run = ping_pong_times, .in_step = 1},
  {"wake-up", .lock = await_turn, .unlock = give_turn},
  {"flock", .run = flock_pair_times, .lock = lock_lock_file, .unlock = unlock_lock_file},
  {"text-file", .run = add_by_name_times, .read = number_in_text},
  {"editable-add", .run = add_editable_times, .read = number_in_text},
  {"add", .run = add_not_editable_times, .read = number_in_text},
  {"durable-add", .run = add_durable_times, .read = number_in_text},
  {"durable-add-64", .run = add_64_durable_times, .read = number_in_text, .per = 64},
  {"batch", .run = add_batch_times, .read = number_in_text, .per = 1000},
};

/* ---- The measurement. */

/* Opens the files of a worker anew: a flock(2) belongs to the open file. */
static void open_files(const char *folder, int worker) {
  me = worker;
  char path[4096];
  if (snprintf(text, sizeof text, "%s/count.txt", folder) >= (int)sizeof text) exit(2);
  if (snprintf(path, sizeof path, "%s/lock", folder) >= (int)sizeof path) exit(2);
  lock_file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  file = open(text, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  struct stat opened;
  if (lock_file < 0 || file < 0 || fstat(file, &opened) != 0) fail("open");
  inode = opened.st_ino;
}

/* Sleeps until all workers are here; one of them sets when the window begins. */
static int64_t pass_gate(int64_t lead) {
  int is_one = pthread_barrier_wait(&shared->gate) == PTHREAD_BARRIER_SERIAL_THREAD;
  if (is_one) shared->from = now() + lead;
  pthread_barrier_wait(&shared->gate);
  return shared->from;
}

static double part_inside(int64_t start, int64_t end, int64_t from, int64_t to) {
  int64_t first = start > from ? start : from, last = end < to ? end : to;
  return last <= first ? 0 : (double)(last - first) / (double)(end - start);
}

/* Whether workers in step go on after this step: worker 0 sets the last step in advance. */
static int goes_on_in_step(int64_t step, int64_t start, int64_t to) {
  int last = __atomic_load_n(&shared->last, __ATOMIC_SEQ_CST);
  if (me == 0 && last == 0 && start >= to) {
    __atomic_store_n(&shared->last, last = step + 1, __ATOMIC_SEQ_CST);
  }
  return last == 0 || step < last;
}

static void work(const struct subject *subject, int64_t lead, int64_t window) {
  int64_t from = pass_gate(lead), to = from + window, done = 0;
  double inside = 0;
  long times = 1;
  for (int64_t start = now(); subject->in_step ? goes_on_in_step(done, start, to) : start < to;) {
    subject->run(times);
    int64_t end = now(), took = end - start;
    inside += times * part_inside(start, end, from, to);
    done += times;
    start = end;
    if (subject->in_step) continue;
    if (took < CHUNK_NS / 2) times *= 2;
    else if (took > CHUNK_NS * 2 && times > 1) times /= 2;
  }
  shared->workers[me].inside = inside;
  shared->workers[me].done = done;
}

/* Keeps this process on one processor, as bench/fleet/pinned.ts does. */
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

static void take(const struct subject *relay, int turn) {
  __atomic_store_n(&shared->coming, 1, __ATOMIC_SEQ_CST);
  relay->lock();
  shared->samples[turn] = now() - shared->released;
  __atomic_store_n(&shared->turn, me, __ATOMIC_SEQ_CST);
}

static void hand_over(const struct subject *relay, int turns, int64_t hold) {
  pin(me);
  if (me == 0) relay->lock();
  pass_gate(0);
  if (me == 1) take(relay, 0);
  for (int turn = me; turn < turns; turn += 2) {
    see(&shared->coming, 1);
    __atomic_store_n(&shared->coming, 0, __ATOMIC_SEQ_CST);
    for (int64_t until = now() + hold; now() < until;) {}
    shared->released = now();
    relay->unlock();
    see(&shared->turn, 1 - me);
    if (turn + 1 < turns) take(relay, turn + 1); /* Else the other worker has the last turn. */
  }
}

/* Starts a worker, which ends with this process; whether this is the worker. */
static int start(const char *folder, int worker) {
  fflush(stdout);
  pid_t child = fork();
  if (child < 0) fail("fork");
  if (child != 0) return 0;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  open_files(folder, worker);
  return 1;
}

static void await_workers(int workers) {
  int broken = 0, status;
  for (int i = 0; i < workers; i++) broken |= wait(&status) < 0 || status != 0;
  if (!broken) return;
  fprintf(stderr, "peers: a worker broke\n");
  exit(1);
}

static int measure_window(const struct subject *subject, int workers, int64_t lead, int64_t window,
                          const char *folder) {
  for (int i = 0; i < workers; i++) {
    if (start(folder, i)) exit((work(subject, lead, window), 0));
  }
  await_workers(workers);
  double inside = 0;
  int64_t done = 0, per = subject->per > 0 ? subject->per : 1;
  for (int i = 0; i < workers; i++) {
    inside += shared->workers[i].inside * per;
    done += shared->workers[i].done * per;
  }
  open_files(folder, 0);
  int64_t counted = subject->read == NULL ? done : subject->read();
  if (counted != done) fprintf(stderr, "peers: counted %ld of %ld\n", (long)counted, (long)done);
  printf("{\"inside\":%.6f}\n", inside);
  return counted == done ? 0 : 1;
}

static int measure_relay(const struct subject *relay, int turns, int64_t hold, const char *folder) {
  for (int i = 0; i < 2; i++) {
    if (start(folder, i)) exit((hand_over(relay, turns, hold), 0));
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
  int window = count == 7 && strcmp(arguments[1], "window") == 0;
  int relay = count == 6 && strcmp(arguments[1], "relay") == 0;
  for (size_t i = 0; (window || relay) && i < sizeof subjects / sizeof subjects[0]; i++) {
    const struct subject *subject = &subjects[i];
    if (strcmp(subject->name, arguments[2]) != 0) continue;
    int size = atoi(arguments[3]); /* workers or turns */
    if (size < 1 || size > (window ? MOST : MOST_TURNS)) break;
    make_locks(subject->robust, relay ? 2 : size);
    int64_t first = atol(arguments[4]);
    if (relay) return measure_relay(subject, size, first, arguments[5]);
    return measure_window(subject, size, first, atol(arguments[5]), arguments[6]);
  }
  fprintf(stderr, "peers: wrong arguments; see its first lines\n");
  return 2;
}
