import { barrierScenarios } from "./barrier_scenarios.ts";
import { conditionScenarios } from "./condition_scenarios.ts";
import { channelScenarios } from "./channel_scenarios.ts";
import { counterScenarios } from "./counter_scenarios.ts";
import { directoryScenarios } from "./directory_scenarios.ts";
import type { Scenario } from "./explore.ts";
import { flagScenarios } from "./flag_scenarios.ts";
import { latchScenarios } from "./latch_scenarios.ts";
import { lockScenarios } from "./lock_scenarios.ts";
import { mutexScenarios } from "./mutex_scenarios.ts";
import { onceScenarios } from "./once_scenarios.ts";
import { recordScenarios } from "./record_scenarios.ts";
import { rwLockScenarios } from "./rw_lock_scenarios.ts";
import { semaphoreScenarios } from "./semaphore_scenarios.ts";
import { slotScenarios } from "./slot_scenarios.ts";
import { syncScenarios } from "./sync_scenarios.ts";

/** All that is explored. */
export function allScenarios(): Scenario[] {
  return [
    ...mutexScenarios(),
    ...semaphoreScenarios(),
    ...rwLockScenarios(),
    ...lockScenarios(),
    ...latchScenarios(),
    ...channelScenarios(),
    ...conditionScenarios(),
    ...barrierScenarios(),
    ...onceScenarios(),
    ...flagScenarios(),
    ...recordScenarios(),
    ...counterScenarios(),
    ...directoryScenarios(),
    ...slotScenarios(),
    ...syncScenarios(),
  ];
}
