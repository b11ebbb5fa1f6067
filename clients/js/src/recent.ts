import { isLater } from "./frame.js";

/** The stored notifications that the leader has received lately, for tabs that missed some. */
export interface Recent {
  /** The position of the connection: the id of the last notification, or where it started. */
  last(): string;
  add(id: string, text: string): void;
  /** Returns the notifications after a position, or undefined if they must be requested from the service. */
  after(position: string): string[] | undefined;
  /** Forgets the notifications and starts at a position; "" is unknown. */
  reset(position: string): void;
}

/** The bounds of what is remembered: notifications, and characters of them. */
const maxCount = 500, maxSize = 1 << 20;

/** Returns an empty list. */
export function createRecent(): Recent {
  let start = "";
  let list: [id: string, text: string][] = [];
  let size = 0;
  return {
    last: () => list[list.length - 1]?.[0] ?? start,
    add(id, text) {
      list.push([id, text]);
      size += text.length;
      while (list.length > maxCount || size > maxSize) {
        const [oldest, gone] = list.shift()!;
        start = oldest;
        size -= gone.length;
      }
    },
    after(position) {
      const index = position === start ? 0 : list.findIndex(([id]) => id === position) + 1;
      if (!index && position !== start && !(start && isLater(position, start))) return undefined;
      return list.slice(index).map(([, text]) => text);
    },
    reset(position) {
      start = position;
      list = [];
      size = 0;
    },
  };
}
