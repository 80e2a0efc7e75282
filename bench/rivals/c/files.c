/*
 * flock(2) on an open file; the text file under it, with the system calls of
 * src/counting/text_file.ts in their order; and one write and one sync per add.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "peers.h"

static void acquire(struct context *context) {
  if (flock(context->lock, LOCK_EX) != 0) fail("flock");
}

static void release(struct context *context) {
  if (flock(context->lock, LOCK_UN) != 0) fail("flock");
}

static void flock_pair(struct context *context, long times) {
  for (long i = 0; i < times; i++) {
    acquire(context);
    release(context);
  }
}

static long read_all(int fd) {
  char text[4096];
  size_t length = 0;
  for (;;) {
    ssize_t got = read(fd, text + length, sizeof text - 1 - length);
    if (got < 0) fail("read");
    if (got == 0) break;
    length += got;
  }
  text[length] = 0;
  return atol(text);
}

static void increment(const char *path) {
  int flags = O_CLOEXEC | O_NONBLOCK;
  int reader = open(path, O_RDONLY | flags, 0600);
  if (reader < 0) fail("open for reading");
  long next = read_all(reader) + 1;
  int writer = open(path, O_WRONLY | O_CREAT | O_TRUNC | flags, 0644);
  if (writer < 0) fail("open for writing");
  close(reader);
  char text[32];
  int length = snprintf(text, sizeof text, "%ld\n", next);
  if (write(writer, text, length) != length) fail("write");
  close(writer);
}

static void increment_under_flock(struct context *context, long times) {
  for (long i = 0; i < times; i++) {
    acquire(context);
    increment(context->text);
    release(context);
  }
}

/* The fewest calls that a durable add can have: the file stays open. */
static void write_and_sync(struct context *context, long times) {
  for (long i = 0; i < times; i++) {
    acquire(context);
    char text[32] = {0};
    if (pread(context->file, text, sizeof text - 1, 0) < 0) fail("pread");
    int length = snprintf(text, sizeof text, "%ld\n", atol(text) + 1);
    if (pwrite(context->file, text, length, 0) != length) fail("pwrite");
    if (fdatasync(context->file) != 0) fail("fdatasync");
    release(context);
  }
}

static int64_t number(struct context *context) {
  int fd = open(context->text, O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail("open for reading");
  long found = read_all(fd);
  close(fd);
  return found;
}

const struct subject file_subjects[] = {
  {"flock", NULL, flock_pair, NULL, 0},
  {"text-file", NULL, increment_under_flock, number, 0},
  {"durable-add", NULL, write_and_sync, number, 0},
  {NULL, NULL, NULL, NULL, 0},
};

const struct relay file_relays[] = {
  {"flock", NULL, acquire, release},
  {NULL, NULL, NULL, NULL},
};
