import type { Environment } from "./environment.js";

/** The timers of one part of a client. A name has at most one timer. */
export interface Timers {
  /** Starts a timer and replaces the one with this name. */
  set(name: string, ms: number, callback: () => void): void;
  /** Ends the timer with this name, or all timers without a name. */
  clear(name?: string): void;
}

/** The longest delay that browsers support; a longer one would end at once. */
const longest = 2 ** 31 - 1;

/** Returns a set of timers without any timer. */
export function createTimers(env: Environment): Timers {
  const running = new Map<string, unknown>();
  const clear = (only?: string) => {
    for (const [name, timer] of running) {
      if (only && name !== only) continue;
      env.clearTimeout(timer);
      running.delete(name);
    }
  };
  return {
    clear,
    set(name, ms, callback) {
      clear(name);
      running.set(name, env.setTimeout(() => {
        running.delete(name);
        callback();
      }, Math.min(ms, longest)));
    },
  };
}
