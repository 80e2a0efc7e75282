;; The atomic operations on V8, which does not inline JavaScript's Atomics. Addresses are byte
;; offsets in the imported memory. atomics_js.ts is the twin for JavaScriptCore.
;; Built into atomics_wasm.ts by `deno task wasm`.
(module
  (import "interlock" "memory" (memory 1 65536 shared))

  (func (export "load8") (param $at i32) (result i32)
    (i32.atomic.load8_u (local.get $at)))
  (func (export "store8") (param $at i32) (param $value i32)
    (i32.atomic.store8 (local.get $at) (local.get $value)))

  (func (export "load16") (param $at i32) (result i32)
    (i32.atomic.load16_u (local.get $at)))
  (func (export "store16") (param $at i32) (param $value i32)
    (i32.atomic.store16 (local.get $at) (local.get $value)))

  (func (export "load32") (param $at i32) (result i32)
    (i32.atomic.load (local.get $at)))
  (func (export "store32") (param $at i32) (param $value i32)
    (i32.atomic.store (local.get $at) (local.get $value)))
  (func (export "storeThenLoad32")
    (param $at i32) (param $value i32) (param $other i32) (result i32)
    (i32.atomic.store (local.get $at) (local.get $value))
    (i32.atomic.load (local.get $other)))
  (func (export "add32") (param $at i32) (param $n i32) (result i32)
    (i32.atomic.rmw.add (local.get $at) (local.get $n)))
  (func (export "compareExchange32")
    (param $at i32) (param $expected i32) (param $value i32) (result i32)
    (i32.atomic.rmw.cmpxchg (local.get $at) (local.get $expected) (local.get $value)))
  ;; Frees a word that holds $me; returns the bits about waiters of another word, as 0 to 7. Returns -1
  ;; if the word does not hold $me. See wait_word.ts.
  (func (export "release32") (param $at i32) (param $me i32) (param $other i32) (result i32)
    (if (result i32)
      (i32.eq (local.get $me)
        (i32.atomic.rmw.cmpxchg (local.get $at) (local.get $me) (i32.const 0)))
      (then (i32.shr_u (i32.atomic.load (local.get $other)) (i32.const 29)))
      (else (i32.const -1))))

  ;; Other kinds of elements; a BigInt64 crosses as a bigint.
  (func (export "loadFloat32") (param $at i32) (result f32)
    (f32.reinterpret_i32 (i32.atomic.load (local.get $at))))
  (func (export "storeFloat32") (param $at i32) (param $value f32)
    (i32.atomic.store (local.get $at) (i32.reinterpret_f32 (local.get $value))))
  (func (export "loadFloat64") (export "loadHalves64") (param $at i32) (result f64)
    (f64.reinterpret_i64 (i64.atomic.load (local.get $at))))
  (func (export "storeFloat64") (export "storeHalves64") (param $at i32) (param $value f64)
    (i64.atomic.store (local.get $at) (i64.reinterpret_f64 (local.get $value))))
  (func (export "loadBigInt64") (param $at i32) (result i64)
    (i64.atomic.load (local.get $at)))
  (func (export "storeBigInt64") (param $at i32) (param $value i64)
    (i64.atomic.store (local.get $at) (local.get $value)))

  (func (export "load64") (param $at i32) (result f64)
    (f64.convert_i64_s (i64.atomic.load (local.get $at))))

  ;; The 64-bit adds leave the value unchanged if the sum would be beyond 2^53. Below 2^52, an add of a
  ;; 32-bit number is a compare-and-swap that expects what this thread has left there: a load would
  ;; fetch a contended cache line once more. If it fails, it has shown the value, and a fetch-and-add
  ;; follows: to reach 2^53 between the two would take 2^21 adds of other threads. Closer to 2^53, an
  ;; add is a compare-and-swap that checks the sum.
  (global $lastAt (mut i32) (i32.const -1))
  (global $last (mut i64) (i64.const 0))
  (func $isNear (param $value i64) (result i32)
    (i64.lt_u (i64.add (local.get $value) (i64.const 0x10000000000000))
              (i64.const 0x20000000000000)))
  (func $isBeyond (param $value i64) (result i32)
    (i64.gt_u (i64.add (local.get $value) (i64.const 0x1fffffffffffff))
              (i64.const 0x3ffffffffffffe)))

  ;; Adds and returns 1; or 0, with the value unchanged, if the sum is beyond 2^53.
  (func (export "add64") (param $at i32) (param $n i32) (result i32)
    (local $old f64)
    (local.set $old (call $fetchAdd (local.get $at) (local.get $n)))
    (f64.eq (local.get $old) (local.get $old)))
  ;; Adds and returns the value before; or NaN, with the value unchanged, if the sum is beyond 2^53.
  (func $fetchAdd (export "fetchAdd64") (param $at i32) (param $n i32) (result f64)
    (local $add i64) (local $expected i64) (local $old i64)
    (local.set $add (i64.extend_i32_s (local.get $n)))
    (local.set $expected
      (if (result i64) (i32.eq (local.get $at) (global.get $lastAt))
        (then (global.get $last))
        (else (i64.atomic.load (local.get $at)))))
    (if (i32.eqz (call $isNear (local.get $expected)))
      (then (return (call $far (local.get $at) (f64.convert_i32_s (local.get $n))))))
    (local.set $old
      (i64.atomic.rmw.cmpxchg (local.get $at) (local.get $expected)
        (i64.add (local.get $expected) (local.get $add))))
    (if (i64.ne (local.get $old) (local.get $expected))
      (then
        (if (i32.eqz (call $isNear (local.get $old)))
          (then (return (call $far (local.get $at) (f64.convert_i32_s (local.get $n))))))
        (local.set $old (i64.atomic.rmw.add (local.get $at) (local.get $add)))))
    (global.set $lastAt (local.get $at))
    (global.set $last (i64.add (local.get $old) (local.get $add)))
    (f64.convert_i64_s (local.get $old)))
  ;; The same for any whole number of at most 2^53, by a compare-and-swap that checks the sum.
  (func $far (export "fetchAddFar64") (param $at i32) (param $n f64) (result f64)
    (local $old i64) (local $sum i64)
    (loop $again
      (local.set $old (i64.atomic.load (local.get $at)))
      (local.set $sum (i64.add (local.get $old) (i64.trunc_f64_s (local.get $n))))
      (if (call $isBeyond (local.get $sum)) (then (return (f64.const nan))))
      (br_if $again
        (i64.ne (local.get $old)
          (i64.atomic.rmw.cmpxchg (local.get $at) (local.get $old) (local.get $sum)))))
    (f64.convert_i64_s (local.get $old)))

  ;; Stores a whole number of at most 2^53 and returns the value before.
  (func (export "exchange64") (param $at i32) (param $value f64) (result f64)
    (f64.convert_i64_s
      (i64.atomic.rmw.xchg (local.get $at) (i64.trunc_f64_s (local.get $value)))))
  ;; Stores $value if the word is $expected; returns the value before.
  (func (export "compareExchange64")
    (param $at i32) (param $expected f64) (param $value f64) (result f64)
    (f64.convert_i64_s
      (i64.atomic.rmw.cmpxchg (local.get $at)
        (i64.trunc_f64_s (local.get $expected)) (i64.trunc_f64_s (local.get $value)))))
  ;; Store the lesser, or the greater, of the value and $n; return the value before.
  (func (export "min64") (param $at i32) (param $n f64) (result f64)
    (local $old i64) (local $wanted i64)
    (local.set $wanted (i64.trunc_f64_s (local.get $n)))
    (loop $again
      (local.set $old (i64.atomic.load (local.get $at)))
      (if (i64.lt_s (local.get $wanted) (local.get $old))
        (then
          (br_if $again
            (i64.ne (local.get $old)
              (i64.atomic.rmw.cmpxchg
                (local.get $at) (local.get $old) (local.get $wanted)))))))
    (f64.convert_i64_s (local.get $old)))
  (func (export "max64") (param $at i32) (param $n f64) (result f64)
    (local $old i64) (local $wanted i64)
    (local.set $wanted (i64.trunc_f64_s (local.get $n)))
    (loop $again
      (local.set $old (i64.atomic.load (local.get $at)))
      (if (i64.gt_s (local.get $wanted) (local.get $old))
        (then
          (br_if $again
            (i64.ne (local.get $old)
              (i64.atomic.rmw.cmpxchg
                (local.get $at) (local.get $old) (local.get $wanted)))))))
    (f64.convert_i64_s (local.get $old)))

  ;; Copies words that no other thread writes. Most are equal already, and a store costs more than
  ;; two loads.
  (func (export "copy64") (param $from i32) (param $to i32) (param $count i32)
    (local $word i64)
    (loop $next
      (if (i32.gt_s (local.get $count) (i32.const 0))
        (then
          (local.set $word (i64.atomic.load (local.get $from)))
          (if (i64.ne (local.get $word) (i64.atomic.load (local.get $to)))
            (then (i64.atomic.store (local.get $to) (local.get $word))))
          (local.set $from (i32.add (local.get $from) (i32.const 8)))
          (local.set $to (i32.add (local.get $to) (i32.const 8)))
          (local.set $count (i32.sub (local.get $count) (i32.const 1)))
          (br $next)))))

  ;; Counts up a number that only the holder of a lock changes, and returns it.
  (func $next (export "next64") (param $at i32) (result f64)
    (local $number i64)
    (local.set $number (i64.add (i64.load (local.get $at)) (i64.const 1)))
    (i64.store (local.get $at) (local.get $number))
    (f64.convert_i64_s (local.get $number)))

  ;; The mutex word; its state table is in mutex.ts.
  ;; Tries to acquire it, and again when it looks free in a bounded spin: returns 0 if not acquired,
  ;; 1 if acquired, 2 if acquired and the word after it names an owner that died.
  (func $taken (param $at i32) (result i32)
    (i32.add (i32.const 1)
      (i32.ne (i32.atomic.load offset=4 (local.get $at)) (i32.const 0))))
  (func $tryLock (export "tryLock") (param $at i32) (param $me i32) (param $spins i32) (result i32)
    (if (i32.eqz (i32.atomic.rmw.cmpxchg (local.get $at) (i32.const 0) (local.get $me)))
      (then (return (call $taken (local.get $at)))))
    (loop $spin
      (if (i32.gt_s (local.get $spins) (i32.const 0))
        (then
          (local.set $spins (i32.sub (local.get $spins) (i32.const 1)))
          (if (i32.eqz (i32.atomic.load (local.get $at)))
            (then
              (if (i32.eqz (i32.atomic.rmw.cmpxchg
                    (local.get $at) (i32.const 0) (local.get $me)))
                (then (return (call $taken (local.get $at)))))))
          (br $spin))))
    (i32.const 0))
  ;; Returns 0 if released; the two high bits, as 1 to 3, if released and others wait, plus 4 if a
  ;; waiter at the heir's word must be woken; -1 if not held by $me. See hand_off.ts.
  (func (export "unlock") (param $at i32) (param $me i32) (result i32)
    (local $old i32) (local $heir i32) (local $found i32)
    (local.set $old
      (i32.atomic.rmw.cmpxchg (local.get $at) (local.get $me) (i32.const 0)))
    (if (i32.eq (local.get $old) (local.get $me)) (then (return (i32.const 0))))
    (if (i32.ne (i32.and (local.get $old) (i32.const 0x3fffffff)) (local.get $me))
      (then (return (i32.const -1))))
    (local.set $heir (i32.atomic.load offset=20 (local.get $at)))
    (if (i32.gt_s (local.get $heir) (i32.const 0))
      (then
        (if (i32.eq (local.get $heir)
              (i32.atomic.rmw.cmpxchg offset=20
                (local.get $at) (local.get $heir)
                (i32.or (local.get $heir) (i32.const 0x80000000))))
          (then
            (loop $hand
              (local.set $found
                (i32.atomic.rmw.cmpxchg (local.get $at) (local.get $old)
                  (i32.or
                    (i32.and (local.get $old) (i32.const 0xc0000000)) (local.get $heir))))
              (if (i32.ne (local.get $found) (local.get $old))
                (then
                  (local.set $old (local.get $found))
                  (br_if $hand
                    (i32.eq (i32.and (local.get $old) (i32.const 0x3fffffff))
                      (local.get $me))))))
            (return (i32.const 4))))))
    (local.set $old
      (i32.shr_u (i32.atomic.rmw.xchg (local.get $at) (i32.const 0)) (i32.const 30)))
    ;; A waiter that asks too late for this release is told to compete.
    (local.set $heir (i32.atomic.load offset=20 (local.get $at)))
    (if (i32.le_s (local.get $heir) (i32.const 0)) (then (return (local.get $old))))
    (if (i32.ne (local.get $heir)
          (i32.atomic.rmw.cmpxchg offset=20 (local.get $at) (local.get $heir) (i32.const 0)))
      (then (return (local.get $old))))
    (i32.or (local.get $old) (i32.const 4)))

  ;; A step under a mutex: 0 loads, 1 stores, 2 adds; see atomic_operations.ts. The accesses of the
  ;; integer need not be atomic: the release makes them visible.
  (func (export "locked32") (param $word i32) (param $me i32)
    (param $at i32) (param $what i32) (param $n i32) (result f64)
    (local $acquired i32) (local $done i32) (local $sum i64)
    (local.set $acquired (call $tryLock (local.get $word) (local.get $me) (i32.const 20)))
    (if (i32.eqz (local.get $acquired)) (then (return (f64.const nan))))
    (if (i32.eq (local.get $acquired) (i32.const 1))
      (then
        (if (i32.ne (local.get $what) (i32.const 1))
          (then (local.set $sum (i64.load32_s (local.get $at)))))
        (if (local.get $what)
          (then
            (local.set $sum (i64.add (local.get $sum) (i64.extend_i32_s (local.get $n))))
            (local.set $done (i64.eq (local.get $sum) (i64.extend32_s (local.get $sum))))
            (if (local.get $done)
              (then (i32.store (local.get $at) (i32.wrap_i64 (local.get $sum))))))
          (else (local.set $done (i32.const 1))))))
    (if (i32.eq (local.get $me)
          (i32.atomic.rmw.cmpxchg (local.get $word) (local.get $me) (i32.const 0)))
      (then
        (return
          (select (f64.convert_i64_s (local.get $sum)) (f64.const nan) (local.get $done)))))
    (select
      (f64.add (f64.convert_i64_s (local.get $sum)) (f64.const 4294967296))
      (f64.const inf)
      (local.get $done)))
)
