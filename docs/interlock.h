/*
 * Mutexes and counters of Interlock's segments for C, shared with programs in Deno, Bun and Node.
 * For Linux on x86-64 and arm64, with GCC or Clang. format.md describes the format.
 *
 *   #define _GNU_SOURCE
 *   #include "interlock.h"
 *
 *   struct interlock segment;
 *   if (interlock_open(&segment, "/dev/shm/interlock-1000/jobs") != 0) return errno;
 *   int64_t mutex = interlock_find(&segment, "mutex", "mutex");
 *   if (mutex < 0) return errno;
 *   int state = interlock_lock(&segment, mutex, 1000);
 *   if (state == EOWNERDEAD) repair_what_it_protects();
 *   if (state == 0 || state == EOWNERDEAD) interlock_unlock(&segment, mutex);
 *   interlock_close(&segment);
 *
 * A handle belongs to the thread that opened it: a lock names the handle as its owner, and the
 * owner counts as dead when that thread ends. A forked child must open its own handle, and must not
 * use that of its parent. Interlock itself must create the segment and its contents: use only
 * offsets that interlock_find returned.
 *
 * Programs call interlock_open, interlock_close, interlock_find, interlock_lock,
 * interlock_consistent, interlock_token, interlock_unlock and interlock_add. The other functions
 * are internal.
 */
#ifndef INTERLOCK_H
#define INTERLOCK_H

#ifndef _GNU_SOURCE
#error "Define _GNU_SOURCE before the first #include"
#endif

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

enum {
  INTERLOCK_VERSION = 2,
  INTERLOCK_SLOTS = 1023,
  INTERLOCK_UNIT = 65536,
  /* Operations of futex(2), not private: other processes sleep on the same word. */
  INTERLOCK_WAIT = 0,
  INTERLOCK_WAKE = 1,
  /* futex_waitv(2), the same on every architecture, and the size of its words. */
  INTERLOCK_WAITV = 449,
  INTERLOCK_FUTEX_32 = 2,
  /* Offsets in the header. */
  INTERLOCK_H_VERSION = 8,
  INTERLOCK_H_SLOTS = 12,
  INTERLOCK_H_LENGTH = 16,
  INTERLOCK_H_CHECKSUM = 24,
  INTERLOCK_H_UNITS = 64,
  INTERLOCK_H_CHECKED = 128,
  INTERLOCK_H_USED = 128,
  INTERLOCK_H_NEWEST = 256,
  INTERLOCK_H_EVENT = 384,
  INTERLOCK_H_SEARCH = 512,
  INTERLOCK_H_FIRST_SLOT = 4096,
  INTERLOCK_H_END = 266240,
  /* Offsets in a slot. */
  INTERLOCK_S_CLAIM = 0,
  INTERLOCK_S_GENERATION = 4,
  INTERLOCK_S_IDENTITY = 8,
  INTERLOCK_S_GONE = 12,
  INTERLOCK_S_PROCESS = 16,
  INTERLOCK_S_THREAD = 20,
  INTERLOCK_S_START = 24,
  INTERLOCK_S_NAMESPACE = 32,
  INTERLOCK_S_TIME_NAMESPACE = 36,
  INTERLOCK_S_RUNTIME = 44,
  INTERLOCK_S_BOOT = 48,
  INTERLOCK_S_LIFE = 64,
  INTERLOCK_S_PREV = 88,
  INTERLOCK_S_NEXT = 96,
  INTERLOCK_S_BYTE = 104,
  INTERLOCK_S_WAIT = 112,
  INTERLOCK_SLOT_BYTES = 256,
  /* Offsets in a mutex. */
  INTERLOCK_M_DIED = 4,
  INTERLOCK_M_TOKEN = 8,
  INTERLOCK_M_LOOK = 16,
  INTERLOCK_M_HEIR = 20,
  INTERLOCK_M_SINCE = 24,
  INTERLOCK_MUTEX = 32,
  /* Offsets in the record of a wait, and the kind of those for a lock. */
  INTERLOCK_W_WORD = 0,
  INTERLOCK_W_KIND = 4,
  INTERLOCK_W_SINCE = 8,
  INTERLOCK_WAITS_FOR_LOCK = 1,
  INTERLOCK_WAIT_MAY_END = 0x100,
  /* Offsets in a record of the directory, and what a record takes. */
  INTERLOCK_R_STATE = 4,
  INTERLOCK_R_CHECKSUM = 8,
  INTERLOCK_R_SIZE = 12,
  INTERLOCK_R_NAME = 16,
  INTERLOCK_R_SHAPE = 18,
  INTERLOCK_R_TEXT = 20,
  INTERLOCK_RECORD = 128,
};

/* The bits of a lock word: its owner, and whether tasks or sleeping threads may wait. */
#define INTERLOCK_OWNER 0x3fffffffu
#define INTERLOCK_TASKS 0x40000000u
#define INTERLOCK_SLEEPERS 0x80000000u
/* In the word of the heir: the holder has released the lock to that waiter. */
#define INTERLOCK_HANDED 0x80000000u
/* Bits of a life word: a thread may sleep on it; its thread, whose number it has, has ended. */
#define INTERLOCK_FUTEX_WAITERS 0x80000000u
#define INTERLOCK_FUTEX_OWNER_DIED 0x40000000u
/* A flag of a thread that ends. */
#define INTERLOCK_PF_EXITING 4u
/* The offset of the life byte of identity 0. */
#define INTERLOCK_LIFE ((off_t)1 << 40)

/* A handle: a segment that one thread has open. */
struct interlock {
  unsigned char *map;
  size_t length;
  /* The first mapping, which keeps the life byte, even if the segment has grown since. */
  unsigned char *first;
  size_t first_length;
  /* This thread in lock words: its slot and the generation of the slot. */
  uint32_t me;
  char path[PATH_MAX];
  dev_t device;
  ino_t inode;
};

/* A struct futex_waitv, which older headers lack. */
struct interlock_waiter {
  uint64_t value, address;
  uint32_t flags, reserved;
};

/* A struct robust_list_head. */
struct interlock_robust {
  uintptr_t first;
  long offset;
  uintptr_t pending;
};

/* What the system knows about a thread; 0 for what is unknown. */
struct interlock_thread {
  uint32_t process, thread, namespace, time_namespace;
  uint64_t start, memory;
};

static inline uint32_t *interlock_word(const struct interlock *it, size_t at) {
  return (uint32_t *)(void *)(it->map + at);
}

static inline uint32_t interlock_load(const struct interlock *it, size_t at) {
  return __atomic_load_n(interlock_word(it, at), __ATOMIC_SEQ_CST);
}

static inline void interlock_store(const struct interlock *it, size_t at, uint32_t value) {
  __atomic_store_n(interlock_word(it, at), value, __ATOMIC_SEQ_CST);
}

/* Stores `to` if the word is `from`; returns whether it did. */
static inline int interlock_swap(const struct interlock *it, size_t at, uint32_t from,
                                 uint32_t to) {
  return __atomic_compare_exchange_n(
      interlock_word(it, at), &from, to, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* FNV-1a, 32 bits. */
static inline uint32_t interlock_checksum(const unsigned char *bytes, size_t length) {
  uint32_t hash = 0x811c9dc5u;
  for (size_t i = 0; i < length; i++) hash = (hash ^ bytes[i]) * 0x01000193u;
  return hash;
}

static inline long interlock_futex(uint32_t *word, int operation, uint32_t value,
                                   const struct timespec *time) {
  return syscall(SYS_futex, word, operation, value, time, NULL, 0);
}

static inline double interlock_now(void) { /* In milliseconds. */
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* Reads the first bytes of a file of /proc; returns 0 if it cannot be read. */
static inline int interlock_read(const char *path, char *text, size_t size) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  ssize_t got = read(fd, text, size - 1);
  close(fd);
  text[got < 0 ? 0 : got] = 0;
  return got > 0;
}

/*
 * Reads number, state, flags, start time and bytes of memory of a thread from its stat in /proc; returns 0
 * on failure.
 */
static inline int interlock_stat(const char *path, int *id, char *state, unsigned *flags,
                                 uint64_t *start, uint64_t *memory) {
  char text[1024];
  if (!interlock_read(path, text, sizeof text)) return 0;
  const char *rest = strrchr(text, ')'); /* The name before it may contain anything. */
  unsigned long long ticks, bytes;
  if (rest == NULL || sscanf(rest + 1,
                             " %c %*d %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d "
                             "%*d %*d %llu %llu",
                             state, flags, &ticks, &bytes) != 4)
    return 0;
  *id = atoi(text);
  *start = ticks;
  *memory = bytes;
  return *id > 0 && ticks > 0;
}

static inline uint32_t interlock_inode(const char *path) {
  struct stat found;
  return stat(path, &found) == 0 ? (uint32_t)found.st_ino : 0;
}

static inline struct interlock_thread interlock_this_thread(void) {
  struct interlock_thread me = {
      .process = (uint32_t)getpid(),
      .thread = (uint32_t)syscall(SYS_gettid),
      .namespace = interlock_inode("/proc/thread-self/ns/pid"),
      .time_namespace = interlock_inode("/proc/thread-self/ns/time"),
  };
  int id;
  char state;
  unsigned flags;
  /* In the /proc of another PID namespace, threads have other numbers. */
  if (!interlock_stat("/proc/thread-self/stat", &id, &state, &flags, &me.start, &me.memory) ||
      id != (int)me.thread)
    me.start = 0;
  if (me.namespace != 0 && access("/proc/thread-self/ns/time", F_OK) != 0 && errno == ENOENT)
    me.time_namespace = 1; /* The kernel has no time namespaces. */
  return me;
}

/* Reads the 16 bytes of the boot id; zeros if they cannot be read. */
static inline void interlock_boot(unsigned char boot[16]) {
  char text[64];
  memset(boot, 0, 16);
  if (!interlock_read("/proc/sys/kernel/random/boot_id", text, sizeof text)) return;
  const char *from = text;
  for (int i = 0; i < 16; i++) {
    unsigned byte;
    if (*from == '-') from++;
    if (sscanf(from, "%2x", &byte) != 1) {
      memset(boot, 0, 16);
      return;
    }
    boot[i] = (unsigned char)byte;
    from += 2;
  }
}

/*
 * Whether a mapping keeps its open file on this file system. Not so on others: a server can lose a
 * lock, and in overlayfs, a mapping keeps the file of the layer below.
 */
static inline int interlock_keeps(int fd) {
  static const uint32_t keeping[] = {
      0x01021994, 0x2fc12fc1, 0x3153464a, 0x52654973, 0x58465342, /* tmpfs, ZFS, JFS, ReiserFS, XFS */
      0x858458f6, 0x9123683e, 0xca451a4e, 0xef53,     0xf2f52010, /* ramfs, Btrfs, bcachefs, ext4, F2FS */
  };
  struct statfs found;
  if (fstatfs(fd, &found) != 0) return 0;
  for (size_t i = 0; i < sizeof keeping / sizeof *keeping; i++)
    if ((uint32_t)found.f_type == keeping[i]) return 1;
  return 0;
}

/* Tests (F_OFD_GETLK) or locks (F_OFD_SETLK) the life byte of an identity. */
static inline int interlock_life(int fd, int operation, uint32_t identity, short *type) {
  struct flock byte = {
      .l_type = F_WRLCK,
      .l_whence = SEEK_SET,
      .l_start = INTERLOCK_LIFE + (off_t)identity,
      .l_len = 1,
  };
  int result = fcntl(fd, operation, &byte);
  if (type != NULL) *type = byte.l_type;
  return result;
}

static inline size_t interlock_slot(uint32_t identity) {
  return INTERLOCK_H_FIRST_SLOT +
         (size_t)((identity & INTERLOCK_SLOTS) - 1) * INTERLOCK_SLOT_BYTES;
}

/* Tests the life byte of an identity: returns F_UNLCK (free), F_WRLCK (held) or -1 (unknown). */
static inline int interlock_look(const struct interlock *it, uint32_t identity) {
  struct stat file;
  short type = -1;
  int fd = open(it->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return -1;
  if (fstat(fd, &file) != 0 || file.st_dev != it->device || file.st_ino != it->inode ||
      !interlock_keeps(fd) || interlock_life(fd, F_OFD_GETLK, identity, &type) != 0)
    type = -1;
  close(fd);
  return type;
}

/* The life word of an identity; 0 if it has none. */
static inline uint32_t interlock_life_of(const struct interlock *it, uint32_t identity) {
  if ((identity & INTERLOCK_SLOTS) == 0) return 0;
  size_t at = interlock_slot(identity);
  uint32_t life = interlock_load(it, at + INTERLOCK_S_LIFE);
  /* The identity after it, and written last: until then, it was the word of this thread. */
  return interlock_load(it, at + INTERLOCK_S_IDENTITY) == identity ? life : 0;
}

/* The link of an entry of the robust list: `next` of the slot, or the `prev` before it. */
static inline uintptr_t *interlock_link(uintptr_t next, int prev) {
  return (uintptr_t *)((next & ~(uintptr_t)1) - (prev ? sizeof next : 0));
}

/*
 * Links the slot into the robust list of this thread, which the kernel walks when the thread ends.
 * Does nothing if the list does not look like that of glibc.
 */
static inline void interlock_link_life(const struct interlock *it) {
  size_t at = interlock_slot(it->me), length;
  struct interlock_robust *head = NULL;
  if (syscall(SYS_get_robust_list, 0, &head, &length) != 0 || head == NULL ||
      length != sizeof *head || head->offset != INTERLOCK_S_LIFE - INTERLOCK_S_NEXT ||
      head->pending != 0)
    return;
  uintptr_t own = (uintptr_t)(it->map + at + INTERLOCK_S_NEXT), ring = (uintptr_t)head;
  uintptr_t *second = interlock_link(head->first, 1);
  if (*second != ring) return;
  *interlock_link(own, 1) = ring;
  *interlock_link(own, 0) = head->first;
  *second = own;
  /* The entry must be complete before the kernel can find it. */
  __atomic_store_n(&head->first, own, __ATOMIC_SEQ_CST);
  interlock_store(it, at + INTERLOCK_S_LIFE,
                  (uint32_t)syscall(SYS_gettid) | INTERLOCK_FUTEX_WAITERS);
}

/*
 * Removes the slot from the robust list. Returns whether the kernel cannot mark it any more; else,
 * it must not be used again before its thread has ended.
 */
static inline int interlock_unlink_life(const struct interlock *it) {
  size_t at = interlock_slot(it->me);
  uint32_t life = interlock_load(it, at + INTERLOCK_S_LIFE);
  if (life == 0) return 1;
  /* Its thread has ended; or it is this one, which was restored from a checkpoint. */
  if ((life & INTERLOCK_FUTEX_OWNER_DIED) != 0)
    return interlock_load(it, at + INTERLOCK_S_THREAD) != (uint32_t)syscall(SYS_gettid);
  /* Another thread, or a forked child. */
  if (life != ((uint32_t)syscall(SYS_gettid) | INTERLOCK_FUTEX_WAITERS)) return 0;
  uintptr_t own = (uintptr_t)(it->first + at + INTERLOCK_S_NEXT);
  uintptr_t *before = interlock_link(*interlock_link(own, 1), 0), after = *interlock_link(own, 0);
  if (*before != own || *interlock_link(after, 1) != own) return 0;
  interlock_store(it, at + INTERLOCK_S_LIFE, 0);
  __atomic_store_n(before, after, __ATOMIC_SEQ_CST);
  *interlock_link(after, 1) = (uintptr_t)before;
  return 1;
}

/* Whether the thread of an identity is certainly dead. */
static inline int interlock_is_gone(const struct interlock *it, uint32_t identity) {
  if ((identity & INTERLOCK_SLOTS) == 0) return 0;
  size_t at = interlock_slot(identity);
  if (interlock_load(it, at + INTERLOCK_S_IDENTITY) != identity) return 0;
  int has_byte = interlock_load(it, at + INTERLOCK_S_BYTE) == identity;
  int byte = has_byte ? interlock_look(it, identity) : -1;
  int gone = interlock_load(it, at + INTERLOCK_S_GONE) != 0 || byte == F_UNLCK, runs = 0;
  struct interlock_thread me = interlock_this_thread();
  unsigned char boot[16], unknown[16] = {0};
  interlock_boot(boot);
  int process = (int)interlock_load(it, at + INTERLOCK_S_PROCESS);
  int thread = (int)interlock_load(it, at + INTERLOCK_S_THREAD);
  uint64_t start = __atomic_load_n(
      (uint64_t *)(void *)(it->map + at + INTERLOCK_S_START), __ATOMIC_SEQ_CST);
  /* Thread numbers are comparable only within one PID namespace and one boot. */
  if (!gone && thread != 0 && me.namespace != 0 &&
      interlock_load(it, at + INTERLOCK_S_NAMESPACE) == me.namespace &&
      memcmp(boot, unknown, 16) != 0 && memcmp(boot, it->map + at + INTERLOCK_S_BOOT, 16) == 0) {
    char path[64], state;
    int id;
    unsigned flags;
    uint64_t found, memory;
    snprintf(path, sizeof path, "/proc/%d/task/%d/stat", process, thread);
    if (syscall(SYS_tgkill, process, thread, 0) != 0 && errno == ESRCH) gone = 1;
    else if (me.start != 0 && interlock_stat(path, &id, &state, &flags, &found, &memory)) {
      uint32_t clock = interlock_load(it, at + INTERLOCK_S_TIME_NAMESPACE);
      int comparable = byte != F_WRLCK && start != 0 && clock != 0 && clock == me.time_namespace;
      /* A thread that ends has lost its memory, if this /proc tells of memory at all. */
      int ended = state == 'Z' || state == 'X' || (me.memory != 0 && memory == 0);
      gone = ended || (comparable && found != start);
      runs = !ended && (flags & INTERLOCK_PF_EXITING) == 0;
    }
  }
  /* A process that ended with a checkpoint of it is marked, and may have been restored since. */
  if ((interlock_life_of(it, identity) & INTERLOCK_FUTEX_OWNER_DIED) != 0 &&
      !(runs && byte == F_WRLCK))
    gone = 1;
  return gone && interlock_load(it, at + INTERLOCK_S_IDENTITY) == identity;
}

/* Frees the slots of dead threads that no word names: any word may be a lock word. */
static inline void interlock_reclaim(const struct interlock *it) {
  unsigned char gone[INTERLOCK_SLOTS + 1] = {0};
  for (uint32_t slot = 1; slot <= INTERLOCK_SLOTS; slot++) {
    size_t at = interlock_slot(slot);
    uint32_t claim = interlock_load(it, at);
    uint32_t identity = interlock_load(it, at + INTERLOCK_S_IDENTITY);
    /* This thread has the creation lock, so the claimer of an unfinished slot is dead. */
    if (claim != identity) interlock_swap(it, at, claim, 0);
    else gone[slot] = claim != 0 && interlock_is_gone(it, identity);
  }
  for (size_t at = INTERLOCK_H_END; at < it->length; at += 4) {
    uint32_t identity = interlock_load(it, at) & INTERLOCK_OWNER;
    uint32_t slot = identity & INTERLOCK_SLOTS;
    if (slot != 0 && gone[slot] &&
        interlock_load(it, interlock_slot(slot) + INTERLOCK_S_IDENTITY) == identity)
      gone[slot] = 0;
  }
  for (uint32_t slot = 1; slot <= INTERLOCK_SLOTS; slot++)
    if (gone[slot]) interlock_store(it, interlock_slot(slot), 0);
}

/* Claims a slot for this thread, under the creation lock. Returns 0 or an error number. */
static inline int interlock_claim(struct interlock *it, int fd) {
  for (int tries = 0; tries < 2; tries++) {
    uint32_t from = __atomic_fetch_add(
        interlock_word(it, INTERLOCK_H_SEARCH), 1, __ATOMIC_SEQ_CST);
    for (uint32_t i = 0; i < INTERLOCK_SLOTS; i++) {
      uint32_t slot = 1 + (from + i) % INTERLOCK_SLOTS;
      size_t at = interlock_slot(slot);
      uint32_t generation = (interlock_load(it, at + INTERLOCK_S_GENERATION) + 1) & 0xfffff;
      uint32_t me = slot | generation << 10;
      if (!interlock_swap(it, at, 0, me)) continue;
      struct interlock_thread thread = interlock_this_thread();
      interlock_store(it, at + INTERLOCK_S_IDENTITY, 0);
      interlock_store(it, at + INTERLOCK_S_GENERATION, generation);
      for (size_t rest = INTERLOCK_S_GONE; rest < INTERLOCK_SLOT_BYTES; rest += 4)
        interlock_store(it, at + rest, 0);
      interlock_store(it, at + INTERLOCK_S_PROCESS, thread.process);
      interlock_store(it, at + INTERLOCK_S_THREAD, thread.thread);
      __atomic_store_n((uint64_t *)(void *)(it->map + at + INTERLOCK_S_START), thread.start,
                       __ATOMIC_SEQ_CST);
      interlock_store(it, at + INTERLOCK_S_NAMESPACE, thread.namespace);
      interlock_store(it, at + INTERLOCK_S_TIME_NAMESPACE, thread.time_namespace);
      interlock_store(it, at + INTERLOCK_S_RUNTIME, 5);
      interlock_boot(it->map + at + INTERLOCK_S_BOOT);
      if (interlock_keeps(fd) && interlock_life(fd, F_OFD_SETLK, me, NULL) == 0)
        interlock_store(it, at + INTERLOCK_S_BYTE, me);
      interlock_store(it, at + INTERLOCK_S_IDENTITY, me);
      it->me = me;
      interlock_link_life(it);
      return 0;
    }
    interlock_reclaim(it);
  }
  return EUSERS;
}

/* Checks a header and returns the length of the memory; 0 if the header has a flaw. */
static inline size_t interlock_length(const unsigned char *header, off_t size) {
  uint32_t version, slots, checksum, units;
  uint64_t made;
  if (size < INTERLOCK_H_END || memcmp(header, "INTRLOCK", 8) != 0) return 0;
  memcpy(&version, header + INTERLOCK_H_VERSION, 4);
  memcpy(&slots, header + INTERLOCK_H_SLOTS, 4);
  memcpy(&made, header + INTERLOCK_H_LENGTH, 8);
  memcpy(&checksum, header + INTERLOCK_H_CHECKSUM, 4);
  memcpy(&units, header + INTERLOCK_H_UNITS, 4);
  uint64_t length = (uint64_t)units * INTERLOCK_UNIT;
  if (version != INTERLOCK_VERSION || slots != INTERLOCK_SLOTS ||
      checksum != interlock_checksum(header, INTERLOCK_H_CHECKSUM) || made % INTERLOCK_UNIT != 0 ||
      made < INTERLOCK_H_END || made > length || length > (uint64_t)size || length > 1u << 30)
    return 0;
  return length;
}

/*
 * Opens a segment that Interlock has created, and waits for its creation lock. Returns 0, or -1
 * with errno: EPROTO if the file is not a segment of this version, EPERM if it belongs to another
 * user or its mode lets other users in, EUSERS if all slots are in use, ESTALE if it was removed
 * meanwhile, or an error of the system.
 */
static inline int interlock_open(struct interlock *it, const char *path) {
  unsigned char header[INTERLOCK_H_CHECKED];
  struct stat file;
  int failure = 0;
  memset(it, 0, sizeof *it);
  if (realpath(path, it->path) == NULL) return -1;
  int fd = open(it->path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return -1;
  while (flock(fd, LOCK_EX) != 0) {
    if (errno != EINTR) {
      failure = errno;
      goto end;
    }
  }
  if (fstat(fd, &file) != 0) failure = errno;
  else if (!S_ISREG(file.st_mode)) failure = EPROTO;
  else if (file.st_uid != geteuid() || (file.st_mode & 077) != 0) failure = EPERM;
  else if (file.st_nlink == 0) failure = ESTALE;
  else if (pread(fd, header, sizeof header, 0) != (ssize_t)sizeof header) failure = EPROTO;
  else if ((it->length = interlock_length(header, file.st_size)) == 0) failure = EPROTO;
  if (failure != 0) goto end;
  it->device = file.st_dev;
  it->inode = file.st_ino;
  void *map = mmap(NULL, it->length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (map == MAP_FAILED) {
    failure = errno;
    goto end;
  }
  it->map = it->first = (unsigned char *)map;
  it->first_length = it->length;
  failure = interlock_claim(it, fd);
  if (failure != 0) munmap(map, it->length);
end:
  /* The mapping keeps the open file, so closing the descriptor would not release the lock. */
  flock(fd, LOCK_UN);
  close(fd);
  errno = failure;
  return failure == 0 ? 0 : -1;
}

/* Closes a segment. The handle must hold no lock in it. */
static inline void interlock_close(struct interlock *it) {
  int unlinked = interlock_unlink_life(it);
  if (unlinked) interlock_swap(it, interlock_slot(it->me), it->me, 0);
  if (it->map != it->first) munmap(it->map, it->length);
  if (unlinked) munmap(it->first, it->first_length);
  it->map = it->first = NULL;
}

/* Maps all of a segment that has grown. Returns 0, or an error number. */
static inline int interlock_follow(struct interlock *it) {
  unsigned char header[INTERLOCK_H_CHECKED];
  struct stat file;
  int failure = EPROTO;
  int fd = open(it->path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return errno;
  if (fstat(fd, &file) != 0) failure = errno;
  else if (file.st_dev != it->device || file.st_ino != it->inode) failure = ESTALE;
  else if (pread(fd, header, sizeof header, 0) == (ssize_t)sizeof header) {
    size_t length = interlock_length(header, file.st_size);
    void *map = length <= it->length
                    ? MAP_FAILED
                    : mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map != MAP_FAILED) {
      if (it->map != it->first) munmap(it->map, it->length);
      it->map = (unsigned char *)map;
      it->length = length;
      failure = 0;
    } else if (length > it->length) failure = errno;
  }
  close(fd);
  return failure;
}

/*
 * Finds a named thing by its name and its shape, such as "mutex", "counter" or "raw value Int32".
 * Returns its offset, or -1 with errno: ENOENT if there is none, EINVAL if it has another shape,
 * EPROTO if the directory is damaged, or an error of the system. If the segment has grown, this
 * maps it again: pointers into the mapping change.
 */
static inline int64_t interlock_find(struct interlock *it, const char *name, const char *shape) {
  size_t next = interlock_load(it, INTERLOCK_H_NEWEST);
  for (size_t steps = 0; next != 0; steps++) {
    size_t record = next - 1, used = interlock_load(it, INTERLOCK_H_USED);
    unsigned char bytes[INTERLOCK_RECORD]; /* A copy: others may write to it. */
    uint32_t checksum, length, state;
    uint16_t names, shapes;
    if (used > it->length - INTERLOCK_H_END && (errno = interlock_follow(it)) != 0) return -1;
    size_t size = it->length - INTERLOCK_H_END;
    errno = EPROTO;
    if (used > size || record % INTERLOCK_RECORD != 0 || record + INTERLOCK_RECORD > used ||
        steps > size / INTERLOCK_RECORD)
      return -1;
    memcpy(bytes, it->map + INTERLOCK_H_END + record, sizeof bytes);
    memcpy(&state, bytes + INTERLOCK_R_STATE, 4);
    memcpy(&checksum, bytes + INTERLOCK_R_CHECKSUM, 4);
    memcpy(&length, bytes + INTERLOCK_R_SIZE, 4);
    memcpy(&names, bytes + INTERLOCK_R_NAME, 2);
    memcpy(&shapes, bytes + INTERLOCK_R_SHAPE, 2);
    size_t checked = sizeof bytes - INTERLOCK_R_SIZE;
    if (checksum != interlock_checksum(bytes + INTERLOCK_R_SIZE, checked) ||
        names > 64 || shapes > 40 || length > used - record - INTERLOCK_RECORD)
      return -1;
    const unsigned char *text = bytes + INTERLOCK_R_TEXT;
    if (state == 0 && strlen(name) == names && memcmp(text, name, names) == 0) {
      errno = EINVAL;
      if (strlen(shape) != shapes || memcmp(text + names, shape, shapes) != 0) return -1;
      return (int64_t)(record + INTERLOCK_RECORD);
    }
    memcpy(&next, bytes, 4);
    next &= 0xffffffffu;
  }
  errno = ENOENT;
  return -1;
}

/* Writes the current time, in microseconds. */
static inline void interlock_note_time(const struct interlock *it, size_t at) {
  __atomic_store_n((uint64_t *)(void *)(it->map + at), (uint64_t)(interlock_now() * 1e3),
                   __ATOMIC_SEQ_CST);
}

/* Takes over the lock of a dead owner; returns whether it did. */
static inline int interlock_take_over(const struct interlock *it, size_t at) {
  uint32_t word = interlock_load(it, at), owner = word & INTERLOCK_OWNER;
  if (owner == 0 || owner == it->me || !interlock_is_gone(it, owner)) return 0;
  /* The lock of a dead owner may be that of the waiter that it was handed to. */
  uint32_t heir = interlock_load(it, at + INTERLOCK_M_HEIR);
  int handed = (heir & INTERLOCK_HANDED) != 0;
  if (handed && !interlock_is_gone(it, heir & INTERLOCK_OWNER)) return 0;
  if ((word & ~INTERLOCK_OWNER) != 0) interlock_note_time(it, at + INTERLOCK_M_SINCE);
  if (!interlock_swap(it, at, word, (word & ~INTERLOCK_OWNER) | it->me)) return 0;
  if (handed) {
    /* Neither of the two was inside. */
    interlock_store(it, at + INTERLOCK_M_HEIR, 0);
    return 1;
  }
  uint32_t inconsistent = interlock_load(it, at + INTERLOCK_M_DIED) & 0x80000000u;
  interlock_store(it, at + INTERLOCK_M_DIED, owner | inconsistent);
  return 1;
}

/* Passes on a wake that this thread may have received and does not use. */
static inline void interlock_hand_on(const struct interlock *it, size_t at) {
  for (;;) {
    uint32_t word = interlock_load(it, at);
    if (word == 0) {
      interlock_futex(interlock_word(it, at), INTERLOCK_WAKE, 1, NULL);
      return;
    }
    if ((word & INTERLOCK_SLEEPERS) != 0) return;
    if ((word & INTERLOCK_TASKS) == 0) interlock_note_time(it, at + INTERLOCK_M_SINCE);
    if (interlock_swap(it, at, word, word | INTERLOCK_SLEEPERS)) return;
  }
}

/*
 * Promises to look after the owner in `interval` milliseconds, unless another waiter has promised it
 * already. Returns how long to sleep. `promise` is that of this waiter, or 0.
 */
static inline double interlock_promise(const struct interlock *it, size_t at, double interval,
                                       uint32_t *promise) {
  uint32_t now = (uint32_t)(uint64_t)(interlock_now() * 1e3);
  uint32_t known = interlock_load(it, at + INTERLOCK_M_LOOK), mine = *promise;
  int32_t ahead = (int32_t)(known - now);
  *promise = 0;
  /* One that is farther ahead was made by another clock. */
  if (known != 0 && known != mine && ahead > 0 && ahead < 32768) return 50;
  mine = now + (uint32_t)(interval * 1e3);
  if (mine == 0) mine = 1;
  if (!interlock_swap(it, at + INTERLOCK_M_LOOK, known, mine)) return 50;
  *promise = mine;
  return interval;
}

/*
 * Sleeps on the word of a mutex for `slice` milliseconds and, if this waiter looks after the owner,
 * until the kernel marks its life word. Returns whether the words were the same for all of it.
 */
static inline int interlock_doze(const struct interlock *it, size_t at, uint32_t word,
                                 double slice, int looks) {
  uint32_t owner = word & INTERLOCK_OWNER;
  uint32_t life = looks ? interlock_life_of(it, owner) : 0;
  if ((life & INTERLOCK_FUTEX_WAITERS) != 0 && (life & INTERLOCK_FUTEX_OWNER_DIED) == 0) {
    uint32_t *other = interlock_word(it, interlock_slot(owner) + INTERLOCK_S_LIFE);
    struct interlock_waiter words[] = {
        {word, (uintptr_t)interlock_word(it, at), INTERLOCK_FUTEX_32, 0},
        {life, (uintptr_t)other, INTERLOCK_FUTEX_32, 0},
    };
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_nsec += (long)(slice * 1e6);
    end.tv_sec += end.tv_nsec / 1000000000;
    end.tv_nsec %= 1000000000;
    long woken = syscall(INTERLOCK_WAITV, words, 2, 0, &end, CLOCK_MONOTONIC);
    /* The kernel wakes one thread only; others may sleep for other locks of this owner. */
    if (woken == 1) interlock_futex(other, INTERLOCK_WAKE, INT_MAX, NULL);
    if (woken >= 0 || errno == EAGAIN || errno == EINTR) return 0;
    if (errno == ETIMEDOUT) return 1;
    /* A kernel before 5.16, or a sandbox that refuses the call. */
  }
  struct timespec time = {.tv_nsec = (long)(slice * 1e6)};
  return interlock_futex(interlock_word(it, at), INTERLOCK_WAIT, word, &time) != 0 &&
         errno == ETIMEDOUT;
}

/* Waits for a lock that is held. Returns 0, ETIMEDOUT or EDEADLK. */
static inline int interlock_sleep(const struct interlock *it, size_t at, long timeout,
                                  uint32_t *promise) {
  double start = interlock_now();
  uint32_t slept = 0, still = 0;
  int failure = 0;
  while (failure == 0) {
    uint32_t word = interlock_load(it, at), owner = word & INTERLOCK_OWNER;
    if (word == 0) {
      if (slept != 0) interlock_note_time(it, at + INTERLOCK_M_SINCE);
      if (interlock_swap(it, at, 0, it->me | slept)) return 0;
      continue;
    }
    double now = interlock_now(), left = timeout < 0 ? 1e9 : start + (double)timeout - now;
    if (owner == it->me) failure = EDEADLK;
    else if ((left <= 0 || word == still ||
              (interlock_life_of(it, owner) & INTERLOCK_FUTEX_OWNER_DIED) != 0) &&
             interlock_take_over(it, at))
      return 0;
    else if (left <= 0) failure = ETIMEDOUT;
    if (failure != 0) break;
    uint32_t marked = word | INTERLOCK_SLEEPERS;
    if (word != marked) {
      if ((word & INTERLOCK_TASKS) == 0) interlock_note_time(it, at + INTERLOCK_M_SINCE);
      if (!interlock_swap(it, at, word, marked)) continue;
    }
    slept = INTERLOCK_SLEEPERS;
    /* A dead owner wakes no waiter, so one of them looks: the longer it has waited, the rarer. */
    double interval = (now - start) / 16;
    if (now - start > 1000) interval = 25;
    else if (interval > 4) interval = 4;
    else if (interval < 0.5) interval = 0.5;
    double slice = interlock_promise(it, at, interval, promise);
    if (slice > left) slice = left;
    still = interlock_doze(it, at, marked, slice, *promise != 0) ? marked : 0;
  }
  if (slept != 0) interlock_hand_on(it, at);
  return failure;
}

/*
 * Acquires the mutex at `offset`, waiting for at most `timeout` milliseconds: 0 to try only once,
 * -1 to wait without a limit. Returns 0 or EOWNERDEAD if it was acquired. After EOWNERDEAD, an
 * owner died holding it or left it inconsistent, so the data that it protects must be checked.
 * Returns ETIMEDOUT, or EDEADLK if this handle holds it already, if it was not acquired.
 */
static inline int interlock_lock(const struct interlock *it, int64_t offset, long timeout) {
  size_t at = INTERLOCK_H_END + (size_t)offset;
  if (!interlock_swap(it, at, 0, it->me)) {
    size_t wait = interlock_slot(it->me) + INTERLOCK_S_WAIT;
    interlock_store(it, wait + INTERLOCK_W_KIND,
                    INTERLOCK_WAITS_FOR_LOCK | (timeout < 0 ? 0 : INTERLOCK_WAIT_MAY_END));
    interlock_note_time(it, wait + INTERLOCK_W_SINCE);
    interlock_store(it, wait + INTERLOCK_W_WORD, (uint32_t)offset + 1);
    uint32_t promise = 0;
    int failure = interlock_sleep(it, at, timeout, &promise);
    /* Another waiter looks after the owner from now on. */
    if (promise != 0 && interlock_swap(it, at + INTERLOCK_M_LOOK, promise, 0))
      interlock_futex(interlock_word(it, at), INTERLOCK_WAKE, 1, NULL);
    interlock_store(it, wait + INTERLOCK_W_WORD, 0);
    if (failure != 0) return failure;
  }
  return interlock_load(it, at + INTERLOCK_M_DIED) == 0 ? 0 : EOWNERDEAD;
}

/*
 * Marks the data of a mutex, which this handle holds, as consistent after EOWNERDEAD. Without this
 * call, the next owner gets EOWNERDEAD, too.
 */
static inline void interlock_consistent(const struct interlock *it, int64_t offset) {
  interlock_store(it, INTERLOCK_H_END + (size_t)offset + INTERLOCK_M_DIED, 0);
}

/* Returns a new fencing token of a mutex, which this handle must hold. */
static inline uint64_t interlock_token(const struct interlock *it, int64_t offset) {
  size_t at = INTERLOCK_H_END + (size_t)offset + INTERLOCK_M_TOKEN;
  return __atomic_add_fetch((uint64_t *)(void *)(it->map + at), 1, __ATOMIC_SEQ_CST);
}

/* Releases a mutex. Returns 0, or EPERM if this handle does not hold it. */
static inline int interlock_unlock(const struct interlock *it, int64_t offset) {
  size_t at = INTERLOCK_H_END + (size_t)offset, heir = at + INTERLOCK_M_HEIR;
  uint32_t word = it->me, waiter;
  while (!interlock_swap(it, at, word, 0)) {
    word = interlock_load(it, at);
    if ((word & INTERLOCK_OWNER) != it->me) return EPERM;
    waiter = interlock_load(it, heir);
    if (waiter == 0 || (waiter & INTERLOCK_HANDED) != 0 ||
        !interlock_swap(it, heir, waiter, waiter | INTERLOCK_HANDED))
      continue;
    /* A waiter asks for the lock. It takes the word itself if this thread dies here. */
    while ((word & INTERLOCK_OWNER) == it->me &&
           !interlock_swap(it, at, word, (word & ~INTERLOCK_OWNER) | waiter))
      word = interlock_load(it, at);
    interlock_futex(interlock_word(it, heir), INTERLOCK_WAKE, 1, NULL);
    return 0;
  }
  /* A waiter that asks too late for this release is told to compete. */
  waiter = word == it->me ? 0 : interlock_load(it, heir);
  if (waiter != 0 && (waiter & INTERLOCK_HANDED) == 0 && interlock_swap(it, heir, waiter, 0))
    interlock_futex(interlock_word(it, heir), INTERLOCK_WAKE, 1, NULL);
  if ((word & INTERLOCK_SLEEPERS) != 0)
    interlock_futex(interlock_word(it, at), INTERLOCK_WAKE, 1, NULL);
  if ((word & INTERLOCK_TASKS) != 0) {
    uint32_t *event = interlock_word(it, INTERLOCK_H_EVENT);
    __atomic_fetch_add(event, 1, __ATOMIC_SEQ_CST);
    interlock_futex(event, INTERLOCK_WAKE, INT_MAX, NULL);
  }
  return 0;
}

/* Adds `n` to the counter at `offset` atomically; returns the value before. */
static inline int64_t interlock_add(const struct interlock *it, int64_t offset, int64_t n) {
  size_t at = INTERLOCK_H_END + (size_t)offset;
  return __atomic_fetch_add((int64_t *)(void *)(it->map + at), n, __ATOMIC_SEQ_CST);
}

#endif
