import type { Gap, Notification } from "./types.js";

/** A message of the service. */
export interface Frame extends Notification<any> {
  /** The kind of an answer to the client: "pong", "refreshed". */
  readonly type?: unknown;
}

/** Parses a message. A text that is not an object with an event becomes the data of the event "". */
export function parseFrame(text: string): Frame {
  let frame: any;
  try {
    frame = JSON.parse(text);
  } catch {
    // Any text is a valid message.
  }
  const { event, data, id, type } = frame ?? {};
  if (typeof event === "string") return { event, data, id: isPosition(id) ? id : undefined };
  return { event: "", data: text, type };
}

/** Reports whether a value is a position in the user's log. */
export const isPosition = (value: unknown): value is string => typeof value === "string" && /^\d{1,20}-\d{1,20}$/.test(value);

/** Reports whether position a is later in the log than position b. */
export const isLater = (a: string, b: string) => sortable(a) > sortable(b);

const sortable = (id: string) => id.split("-").map((part) => part.padStart(20, "0")).join();

/** Returns the gap that a message announces, or undefined. */
export function gapOf({ event, data }: Frame): Gap | undefined {
  if (event === "resync") return { reason: data?.reason ?? "subscription_gap", since: data?.since ?? null };
  if (event !== "replay_incomplete") return undefined;
  const time = new Date(parseInt(data?.last_event_id));
  return { reason: event, since: +time > 0 ? time.toISOString() : null };
}
