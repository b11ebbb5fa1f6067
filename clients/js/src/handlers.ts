import type { Handler, Notification, Unsubscribe } from "./types.js";

/** A type of notification, or an internal one that no notification can have. */
export type HandlerType = string | symbol;

/** The handlers of one client, by type. */
export interface Handlers {
  on(type: HandlerType, handler: Handler<any>, signal?: AbortSignal): Unsubscribe;
  /**
   * Calls the handlers of the types. The result is a promise if a handler returned one; it never rejects.
   */
  call(value: unknown, ...types: HandlerType[]): Promise<unknown> | undefined;
  clear(): void;
}

/** Returns an empty set of handlers. Their exceptions go to onError. */
export function createHandlers(onError: (error: unknown) => void): Handlers {
  const all = new Map<HandlerType, Set<{ handler: Handler<any>; off: Unsubscribe }>>();
  return {
    on(type, handler, signal) {
      const off = () => {
        all.get(type)?.delete(entry);
        signal?.removeEventListener("abort", off);
      };
      const entry = { handler, off };
      if (signal?.aborted) return off;
      if (!all.has(type)) all.set(type, new Set());
      all.get(type)!.add(entry);
      signal?.addEventListener("abort", off);
      return off;
    },
    call(value, ...types) {
      const waits: Promise<unknown>[] = [];
      for (const type of new Set(types)) {
        for (const { handler } of [...(all.get(type) ?? [])]) {
          try {
            const result = handler(value) as any;
            if (typeof result?.then === "function") waits.push(Promise.resolve(result).catch(onError));
          } catch (error) {
            onError(error);
          }
        }
      }
      return waits.length ? Promise.all(waits) : undefined;
    },
    clear: () => all.forEach((entries) => entries.forEach(({ off }) => off())),
  };
}

/**
 * Iterates over the notifications that a subscription receives. Each is handled when the next one is requested, so
 * that the client stores its position only then.
 */
export async function* iterate(
  subscribe: (handler: Handler<Notification>) => Unsubscribe,
  closed: AbortSignal,
  signal: AbortSignal = closed,
): AsyncGenerator<Notification, void, undefined> {
  const waiting: [Notification, () => void][] = [];
  let wake = () => {};
  const off = subscribe((n) => new Promise<void>((done) => {
    waiting.push([n, done]);
    wake();
  }));
  const end = () => wake();
  closed.addEventListener("abort", end);
  signal.addEventListener("abort", end);
  let yielded = false;
  try {
    while (!closed.aborted && !signal.aborted) {
      if (waiting[0]) {
        yielded = true;
        yield waiting[0][0];
        yielded = false;
        waiting.shift()![1]();
      } else await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    off();
    closed.removeEventListener("abort", end);
    signal.removeEventListener("abort", end);
    // A notification that no handler has seen when the client closes is not handled.
    if (yielded || !closed.aborted) waiting.forEach(([, done]) => done());
  }
}
