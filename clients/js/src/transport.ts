import type { Reaction } from "./closes.generated.js";
import type { Environment } from "./environment.js";

/** How a connection ended. */
export interface End {
  /** The close code, or the HTTP status of a refusal. */
  readonly code: number;
  /** What the client must do, if code is an HTTP status. */
  readonly reaction?: Reaction;
  /** The close reason, or the body of a refusal. */
  readonly detail?: string;
  /** The service's Retry-After in seconds. */
  readonly retryAfter?: number;
}

/** What a transport needs. It calls onEnd once, unless close was called before. */
export interface Request {
  readonly env: Environment;
  /** The service's address without a slash at the end. */
  readonly url: string;
  readonly token: string;
  /** The position after which notifications are wanted: an id, 0 or $. */
  readonly position: string;
  onOpen(): void;
  /** Any data has arrived. */
  onAlive(): void;
  onText(text: string): void;
  onEnd(end: End): void;
}

/** One connection. */
export interface Transport {
  /** Sends a frame. Server-sent events have no way to send. */
  send?(frame: object): void;
  /** Ends the connection without onEnd. */
  close(): void;
}
