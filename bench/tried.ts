const ATOMIC =
  "A call into WebAssembly costs V8 3 ns by itself, of which C has none; JavaScriptCore " +
  "makes a BigInt of a 64-bit add (17 to 25 ns), so Bun swaps the low word alone. Tried: no look " +
  "before the add (the same), functions cached in fields (0.7 ns less, kept), a plain object in " +
  "place of the exports (the same). Where many add at once, StripedCounter is the one to take.";

const MUTEX =
  "A waiter that was woken too late naps before it asks for another wake, which would " +
  "only slow the holder down: that brought Node from 34 to 18 ns for 4 processes. What is left is " +
  "two calls into WebAssembly a pair, while the line of the lock belongs to this processor. glibc " +
  "does well where its processes happen to run one after the other.";

const TEXT_FILE =
  "An increment is 9 calls of the C library, and each costs Node 150 to 350 ns more " +
  "than Deno. Brought down from 2.1 times by fixed numbers of arguments, 32-bit results and no " +
  "text decoder.";

const FLOCK =
  "Two foreign calls a pair are nearly all of it. The look at where the path leads went out of the " +
  "pair (every 10 ms instead of 1 us each time). Runs are on both sides of the goal: 1.19 to 1.36 " +
  "in Deno and Bun, 1.41 to 1.51 in Node.";

const ROUND_TRIPS =
  "All make two round trips, which are nearly all of it. redis-semaphore takes its lock by a plain " +
  "SET; a script that mints a token, keeps the queue and knows who did not release costs the " +
  "server more. Tried: a script of its own for a free lock, fewer objects a hold (both kept). " +
  "Where tasks of a process take turns, `local` asks the server once for many.";

const PIPELINED =
  "The adds of one moment are one INCRBY, so what counts is how fast a client in JavaScript gets " +
  "one command to the server and its answer back, for 16 or 64 adds each; the client, the server and " +
  "four connections share two processors here.";

/** Of claims that may fall short: what was tried, by the claim. */
export const TRIED: Readonly<Record<string, string>> = {
  "AtomicCounter.add alone costs at most 3 times C's atomic add": ATOMIC,
  "AtomicCounter.add of a process that counts alone costs at most 3 times C's": ATOMIC,
  "AtomicCounter.add of several processes at once costs at most 1.5 times C's atomic add": ATOMIC,
  "StripedCounter.add of 4 processes costs no more than C's atomic add":
    "Each worker adds to a line of its own, so it costs what an add alone does; see there. C's " +
    "add on one line is itself hardly slower for 4 processes on 2 processors.",
  "A mutex around an increment, alone, costs no more than C's robust one":
    "Taking and giving back are one call into WebAssembly each, and those are 6 of the 10 ns in " +
    "Deno and Node. Bun, which needs none, is faster than C.",
  "A mutex of several processes costs at most 0.6 times C's robust one": MUTEX,
  "A mutex of several processes costs no more than C's plain one": MUTEX,
  "An increment of a text file under a FileLock costs at most 1.3 times C's": TEXT_FILE,
  "4 workers start and end in the time of as many empty programs, one after the other":
    "Brought down from 2.1 times in Deno and 1.9 in Node: nothing imports a module of Node, " +
    "which costs Deno 10 to 18 ms each; C functions are bound one by one; strategies are loaded " +
    "by name; Node keeps what it compiled. What remains in Bun, whose empty program takes 5 ms, " +
    "is the transpiling of some 40 small modules; a bundle would cure it.",
  "Half of the recoveries from an owner that was killed take at most 5 ms":
    "Waiters look at the owner every 4 ms; every 5 ms gave a median of 5.2. The kernel needs a " +
    "while to end a process, and a runtime's has many threads.",
  "FileLock's lock and unlock alone cost at most 1.3 times C's flock pair": FLOCK,
  "FileLock's lock and unlock alone cost at most 1.5 times C's flock pair": FLOCK,
  "An increment of a text file under a FileLock is at least 3 times faster than Python's with fasteners":
    "On a disk it is 6 to 10 times faster. In memory the file costs next to nothing, and what is " +
    "left are 9 foreign calls an increment, where Python's are built in. FileCounter, which does " +
    "the same in 3, is faster than C there.",
  "Durable adds of 4 processes are at least 3 times faster than one fdatasync each":
    "Four that block share a sync among four at best, and it has to wake them: a sync takes 100 us " +
    "here, the wake-up of a group and its next writes 25 in C and 50 to 70 with us. Tried: waiting " +
    "for the leader's file lock (no gain), a futex in a mapped file (kept), the last who writes " +
    "leads (kept), a leader that spins (in C, 2.5 times).",
  "RedisLock's acquire and release cost at most 1.2 times two bare round trips": ROUND_TRIPS,
  "RedisLock's acquire and release are at least 1.5 times faster than redlock's": ROUND_TRIPS,
  "RedisLock's acquire and release are at least 1.5 times faster than redis-semaphore's":
    ROUND_TRIPS,
  "A RedisLock is handed to a waiter in less than 3 bare round trips":
    "Counted by messages it is two: the release's, which wakes the waiter, and the waiter's " +
    "question. By the clock, two scripts, a second connection and the event loops of two " +
    "processes that were asleep come on top. A release that grants the lock to the waiter at once " +
    "was not tried: a dead one would have to be found out.",
  "Adds of 4 clients, 16 deep, reach at least 0.8 times redis-benchmark's INCR": PIPELINED,
  "Adds of 4 clients, 64 deep, reach at least 0.8 times redis-benchmark's INCR": PIPELINED,
};
