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
  /** Returns the position after which notifications are wanted: an id, 0 or $. */
  position(): string;
  /** How long a stream stays, in ms, before a WebSocket is opened beside it. */
  readonly socketPause: number;
  /** Opens a WebSocket. */
  openSocket(request: Request): Transport;
  /** The connection is open. It is called again, with true, when a WebSocket has replaced a stream. */
  onOpen(isSocket?: boolean): void;
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
