import { gapOf, isLater, isPosition, type Frame } from "./frame.js";
import type { Handlers } from "./handlers.js";
import type { Gap, Notification, Options, PositionStore } from "./types.js";

/** The queue of one tab: each id once, in order, and the position after the handlers have run. */
export interface Inbox {
  /** The id of the last notification that is queued or handled; "" if there is none. */
  last(): string;
  accept(frame: Frame): void;
  /** Starts at a position, unless the inbox has one. */
  startAt(position: string): void;
  /** Drops what no handler has begun with. */
  stop(): void;
  /** Forgets everything and continues for another user, at the stored position. "" stores nothing. */
  reset(key: string): Promise<void>;
}

type Item = Notification | { gap: Gap };

/** The type of the handlers of gaps. */
export const gapType = Symbol();

/** Returns an inbox without a user. catchUp requests what did not fit into the queue. */
export function createInbox(
  options: Options, store: PositionStore, handlers: Handlers, onError: (error: unknown) => void, catchUp: () => void,
): Inbox {
  const { queueLimit = 1000, rememberIds = 2000, start } = options;
  let key = "";
  let queue: (Item)[] = [];
  let seen = new Set<string>();
  let last = "";
  let floor = ""; // everything up to it was handled or is older than this tab
  let overflowSince = ""; // set while the queue is full
  let lost = false; // a notification without an id did not fit
  let running = false;

  const save = (id: string) => {
    if (!key) return;
    // A rejected promise of the store is an error like an exception.
    new Promise((resolve) => resolve(store.set(key, id))).catch(onError);
  };

  const call = (item: Item) =>
    "gap" in item ? handlers.call(item.gap, gapType) : handlers.call(item, "*", item.event);

  const run = async () => {
    if (running) return;
    running = true;
    while (queue.length) {
      const mine = queue;
      const item = mine[0]!;
      const waits = call(item);
      if (waits) await waits;
      if (mine !== queue) continue; // another user
      mine.shift();
      if ("event" in item && item.id) save(item.id);
    }
    running = false;
    if (overflowSince) continueAfterOverflow();
  };

  const continueAfterOverflow = () => {
    const since = overflowSince;
    overflowSince = "";
    if (lost) push({ gap: { reason: "overflow", since } });
    lost = false;
    catchUp();
  };

  const push = (item: Item) => {
    queue.push(item);
    run();
  };

  const remember = (id: string) => {
    last = id;
    seen.add(id);
    if (seen.size <= rememberIds) return;
    const oldest: string = seen.values().next().value!;
    seen.delete(oldest);
    if (!floor || isLater(oldest, floor)) floor = oldest;
  };

  const acceptGap = (gap: Gap, data: any) => {
    // A log that has lost its data may continue with smaller ids.
    if (!isPosition(data?.oldest_available) || !last || !isLater(data.oldest_available, last)) floor = "";
    enqueue({ gap });
  };

  const enqueue = (item: Item) => {
    const id = "event" in item && item.id;
    if (overflowSince || queue.length >= queueLimit) {
      overflowSince ||= new Date().toISOString();
      lost ||= !id;
      return;
    }
    if (id) remember(id);
    push(item);
  };

  const startAt = (position: string) => {
    if (last || !isPosition(position)) return;
    last = floor = position;
    save(position);
  };

  return {
    last: () => last || (start === "all" ? "0-0" : ""),
    startAt,
    accept(frame) {
      const { id, event, data } = frame;
      if (event === "position" && !id) return startAt(data?.last_event_id);
      const gap = gapOf(frame);
      if (gap) return acceptGap(gap, data);
      if (id && (seen.has(id) || (floor && !isLater(id, floor)))) return;
      enqueue(frame);
    },
    // The first item stays if its handlers are running, so that its position is stored.
    stop: () => void queue.splice(running ? 1 : 0),
    async reset(next) {
      const old = key;
      key = next;
      queue = [];
      seen = new Set();
      last = floor = overflowSince = "";
      lost = false;
      try {
        if (old) await store.remove(old);
        const stored = key && (await store.get(key));
        if (isPosition(stored)) startAt(stored);
      } catch (error) {
        onError(error);
      }
    },
  };
}
