;; The atomic operations on V8, which does not inline JavaScript's Atomics. Addresses are byte
;; offsets in the imported memory. atomics_js.ts is the twin for JavaScriptCore.
;; Built into atomics_wasm.ts by `deno task wasm`.
(module
  (import "interlock" "memory" (memory 1 65536 shared))

  (func (export "load8") (param $at i32) (result i32)
    (i32.atomic.load8_u (local.get $at)))
  (func (export "store8") (param $at i32) (param $value i32)
    (i32.atomic.store8 (local.get $at) (local.get $value)))

  (func (export "load32") (param $at i32) (result i32)
    (i32.atomic.load (local.get $at)))
  (func (export "store32") (param $at i32) (param $value i32)
    (i32.atomic.store (local.get $at) (local.get $value)))
  (func (export "add32") (param $at i32) (param $n i32) (result i32)
    (i32.atomic.rmw.add (local.get $at) (local.get $n)))
  (func (export "compareExchange32")
    (param $at i32) (param $expected i32) (param $value i32) (result i32)
    (i32.atomic.rmw.cmpxchg (local.get $at) (local.get $expected) (local.get $value)))

  (func (export "load64") (param $at i32) (result f64)
    (f64.convert_i64_s (i64.atomic.load (local.get $at))))

  ;; Both adds take a whole number of at most 2^53. As long as the value is below 2^52 and the number
  ;; below 2^20, they are one fetch-and-add: between the look and the add no program adds what is
  ;; then left, by 2^32 adds. Else a compare-and-swap that checks the sum.
  (func $isNear (param $at i32) (param $add i64) (result i32)
    (i32.and
      (i64.lt_u (i64.add (i64.atomic.load (local.get $at)) (i64.const 0x10000000000000))
                (i64.const 0x20000000000000))
      (i64.lt_u (i64.add (local.get $add) (i64.const 0x100000)) (i64.const 0x200000))))
  (func $addFar (param $at i32) (param $add i64) (result f64)
    (local $old i64) (local $sum i64)
    (loop $again
      (local.set $old (i64.atomic.load (local.get $at)))
      (local.set $sum (i64.add (local.get $old) (local.get $add)))
      (if (i64.gt_u (i64.add (local.get $sum) (i64.const 0x1fffffffffffff))
                    (i64.const 0x3ffffffffffffe))
        (then (return (f64.const nan))))
      (br_if $again
        (i64.ne (local.get $old)
          (i64.atomic.rmw.cmpxchg (local.get $at) (local.get $old) (local.get $sum)))))
    (f64.convert_i64_s (local.get $old)))

  ;; Adds; 0, with the value unchanged, where the sum is beyond 2^53, else 1.
  (func (export "add64") (param $at i32) (param $n f64) (result i32)
    (local $add i64) (local $old f64)
    (local.set $add (i64.trunc_f64_s (local.get $n)))
    (if (call $isNear (local.get $at) (local.get $add))
      (then
        (drop (i64.atomic.rmw.add (local.get $at) (local.get $add)))
        (return (i32.const 1))))
    (local.set $old (call $addFar (local.get $at) (local.get $add)))
    (f64.eq (local.get $old) (local.get $old)))
  ;; Adds and returns the value before; NaN, with the value unchanged, where the sum is beyond 2^53.
  (func (export "fetchAdd64") (param $at i32) (param $n f64) (result f64)
    (local $add i64)
    (local.set $add (i64.trunc_f64_s (local.get $n)))
    (if (call $isNear (local.get $at) (local.get $add))
      (then
        (return (f64.convert_i64_s (i64.atomic.rmw.add (local.get $at) (local.get $add))))))
    (call $addFar (local.get $at) (local.get $add)))

  ;; The mutex word; its state table stands in mutex.ts.
  ;; Tries to take it, and again whenever it looks free in a bounded spin: 1 if taken, else 0.
  (func (export "tryLock") (param $at i32) (param $me i32) (param $spins i32) (result i32)
    (if (i32.eqz (i32.atomic.rmw.cmpxchg (local.get $at) (i32.const 0) (local.get $me)))
      (then (return (i32.const 1))))
    (loop $spin
      (if (i32.gt_s (local.get $spins) (i32.const 0))
        (then
          (local.set $spins (i32.sub (local.get $spins) (i32.const 1)))
          (if (i32.eqz (i32.atomic.load (local.get $at)))
            (then
              (if (i32.eqz (i32.atomic.rmw.cmpxchg
                    (local.get $at) (i32.const 0) (local.get $me)))
                (then (return (i32.const 1))))))
          (br $spin))))
    (i32.const 0))
  ;; 0 if released, 1 if released and somebody may be asleep, 2 if not held by $me.
  (func (export "unlock") (param $at i32) (param $me i32) (result i32)
    (local $old i32)
    (local.set $old
      (i32.atomic.rmw.cmpxchg (local.get $at) (local.get $me) (i32.const 0)))
    (if (i32.eq (local.get $old) (local.get $me)) (then (return (i32.const 0))))
    (if (i32.ne (local.get $old) (i32.or (local.get $me) (i32.const 0x80000000)))
      (then (return (i32.const 2))))
    (i32.atomic.store (local.get $at) (i32.const 0))
    (i32.const 1))
)
