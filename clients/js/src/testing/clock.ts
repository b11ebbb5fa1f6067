/** A clock that stands still until it is told to go on. */
export interface FakeClock {
  now(): number;
  setTimeout(callback: () => void, ms: number): number;
  clearTimeout(timer: number): void;
  /** Moves the time forward, calls the timers that are due, and lets what they started run. */
  tick(ms: number): Promise<void>;
  /** Changes the time without calling timers, like a user who sets the clock. */
  step(ms: number): void;
  /** The number of timers that are running. */
  readonly timers: number;
}

/** Returns a clock that shows the time in ms since 1970. */
export function createClock(start = Date.UTC(2026, 0, 2)): FakeClock {
  let elapsed = 0; // what timers see; it never goes back
  let offset = start;
  let lastTimer = 0;
  const running = new Map<number, { due: number; callback: () => void }>();
  const nextDue = (limit: number) => {
    let first: [number, { due: number; callback: () => void }] | undefined;
    for (const entry of running) if (entry[1].due <= limit && (!first || entry[1].due < first[1].due)) first = entry;
    return first;
  };
  return {
    now: () => offset + elapsed,
    setTimeout(callback, ms) {
      running.set(++lastTimer, { due: elapsed + Math.max(0, ms), callback });
      return lastTimer;
    },
    clearTimeout: (timer) => void running.delete(timer),
    async tick(ms) {
      const end = elapsed + ms;
      await settle();
      for (let next = nextDue(end); next; next = nextDue(end)) {
        running.delete(next[0]);
        elapsed = Math.max(elapsed, next[1].due);
        next[1].callback();
        await settle();
      }
      elapsed = end;
      await settle();
    },
    step: (ms) => void (offset += ms),
    get timers() {
      return running.size;
    },
  };
}

/** Lets promises, streams and messages that are ready run. */
async function settle() {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setTimeout(resolve, 0));
}
