"""
Usage: peers.py window SUBJECT WORKERS LEAD_NS WINDOW_NS FOLDER

The same measurement as bench/fleet/window.ts, in processes of multiprocessing and, for files, under
a lock of fasteners; of a queue, what one process gets from another. Prints a line of JSON:
{"inside": ...}, the operations in the window.
"""
import json
import multiprocessing
import os
import sys
import time

CHUNK_NS = 100_000
fork = multiprocessing.get_context("fork")
subject, workers, lead, window, folder = sys.argv[2:]
workers, lead, window = int(workers), int(lead), int(window)
text = os.path.join(folder, "count.txt")


def locked_value(value, lock):
    def run(times):
        for _ in range(times):
            with lock:
                value.value += 1

    return run, lambda: value.value


def array():
    cells = fork.Array("i", 1)

    def run(times):
        for _ in range(times):
            with cells.get_lock():
                cells[0] += 1

    return run, lambda: cells[0]


def interprocess_lock():
    import fasteners

    return fasteners.InterProcessLock(text + ".lock")


def file_lock():
    lock = interprocess_lock()

    def run(times):
        for _ in range(times):
            lock.acquire()
            lock.release()

    return run, None


def text_file():
    lock = interprocess_lock()

    def read():
        with open(text) as file:
            return int(file.read())

    def write(number):
        with open(text, "w") as file:
            file.write(f"{number}\n")

    def run(times):
        for _ in range(times):
            with lock:
                write(read() + 1)

    write(0)
    return run, read


SUBJECTS = {
    "shared-value": lambda: locked_value(fork.Value("i"), fork.Lock()),
    "raw-value": lambda: locked_value(fork.RawValue("i"), fork.Lock()),
    "array": array,
    "file-lock": file_lock,
    "text-file": text_file,
}


def part_inside(start, end, first, last):
    return max(0, min(end, last) - max(start, first)) / (end - start)


def work(run, gate, begin, results):
    if gate.wait() == 0:
        begin.value = time.monotonic_ns() + lead
    gate.wait()
    first = begin.value
    last = first + window
    inside, done, times = 0.0, 0, 1
    start = time.monotonic_ns()
    while start < last:
        run(times)
        end = time.monotonic_ns()
        inside += times * part_inside(start, end, first, last)
        done += times
        took = end - start
        start = end
        if took < CHUNK_NS / 2:
            times *= 2
        elif took > CHUNK_NS * 2 and times > 1:
            times //= 2
    results.put((inside, done))


def measure_queue():
    queue = fork.Queue(1024)

    def send():
        message = bytes(64)
        while True:
            queue.put(message)

    sender = fork.Process(target=send, daemon=True)
    sender.start()
    queue.get()
    first = time.monotonic_ns() + lead
    last = first + window
    inside, start = 0, 0
    while start < last:
        queue.get()
        start = time.monotonic_ns()
        inside += first <= start < last
    sender.kill()
    print(json.dumps({"inside": inside}))


def main():
    if subject == "queue":
        return measure_queue()
    run, read = SUBJECTS[subject]()
    gate, begin, results = fork.Barrier(workers), fork.RawValue("q"), fork.SimpleQueue()
    given = (run, gate, begin, results)
    children = [fork.Process(target=work, args=given, daemon=True) for _ in range(workers)]
    for child in children:
        child.start()
    all_results = [results.get() for _ in children]
    for child in children:
        child.join()
    done = sum(times for _, times in all_results)
    if read is not None and read() != done:
        sys.exit(f"peers.py: counted {read()} of {done}")
    print(json.dumps({"inside": sum(inside for inside, _ in all_results)}))


main()
