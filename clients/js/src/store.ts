import type { Environment } from "./environment.js";
import type { Options, PositionStore } from "./types.js";

/** Returns the store that the option selects. */
export function createStore(env: Environment, option: Options["store"]): PositionStore {
  if (typeof option === "object") return option;
  const memory = new Map<string, string>();
  const session = option === "memory" ? undefined : env.sessionStorage;
  // sessionStorage throws if it is full or denied. Memory then has the position until the page ends.
  const attempt = (method: "getItem" | "setItem" | "removeItem", key: string, id = "") => {
    try {
      return session?.[method](key, id);
    } catch {
      return undefined;
    }
  };
  return {
    get: (key) => memory.get(key) ?? attempt("getItem", key) ?? undefined,
    set(key, id) {
      memory.set(key, id);
      attempt("setItem", key, id);
    },
    remove(key) {
      memory.delete(key);
      attempt("removeItem", key);
    },
  };
}
