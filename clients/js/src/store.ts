import type { Environment } from "./environment.js";
import type { Options, PositionStore } from "./types.js";

/** Returns the store that the option selects. */
export function createStore(env: Environment, option: Options["store"]): PositionStore {
  if (typeof option === "object") return option;
  const memory = new Map<string, string>();
  const session = option === "memory" ? undefined : env.sessionStorage;
  // sessionStorage throws if it is full or denied. Memory then has the position until the page ends.
  const attempt = <T>(access: () => T) => {
    try {
      return access();
    } catch {
      return undefined;
    }
  };
  return {
    get: (key) => memory.get(key) ?? attempt(() => session?.getItem(key)),
    set(key, id) {
      memory.set(key, id);
      attempt(() => session?.setItem(key, id));
    },
    remove(key) {
      memory.delete(key);
      attempt(() => session?.removeItem(key));
    },
  };
}
