import type { NotificationData } from "./events.generated.js";
import type { Environment } from "./environment.js";

/** Why the client asks for a token: it has none, the last one ends soon, or the service refused it. */
export type TokenReason = "connect" | "expiring" | "refused";

/**
 * A notification. `id` is its position in the user's log; a notification without an id is not stored by the service.
 * A message that is not a JSON object with `event` has the event "" and the text as its data.
 */
export interface Notification<Data = unknown, Event extends string = string> {
  readonly event: Event;
  readonly data: Data;
  readonly id?: string;
}

/** Any documented notification; `event` tells which. */
export type KnownNotification = { [E in keyof NotificationData]: Notification<NotificationData[E], E> }[keyof NotificationData];

/** The notification of a type: its documented form, or an unknown one. */
export type NotificationOf<E extends string> = E extends keyof NotificationData
  ? Notification<NotificationData[E], E>
  : Notification;

/** Notifications may be missing. Read the state of the application from the gateway again. */
export interface Gap {
  /**
   * subscription_gap: the service's subscription broke; notifications without an id may be lost.
   * replay_incomplete: the client was away for longer than the service stores notifications.
   * overflow: handlers were slower than notifications; those without an id were dropped.
   */
  readonly reason: "subscription_gap" | "replay_incomplete" | "overflow" | (string & {});
  /** The time from which notifications may be missing (ISO 8601), or null if it is unknown. */
  readonly since: string | null;
}

/** Why the client has stopped. It connects again only after `reconnect()`. */
export type StopReason = "signed_out" | "quota" | "disconnected" | "protocol";

/** The state of the client. */
export interface State {
  /** "waiting" is the pause before the next attempt. */
  readonly status: "connecting" | "open" | "waiting" | "stopped" | "closed";
  /** How the leader is connected. */
  readonly transport?: "websocket" | "sse";
  /** Why the client has stopped. */
  readonly reason?: StopReason;
  /** The service's last close code, or the HTTP status of its refusal. */
  readonly code?: number;
  /** The service's explanation as it was sent; close reasons are JSON with error_code, message and correlation_id. */
  readonly detail?: string;
}

/** Handles a notification. The next one waits until a returned promise settles. */
export type Handler<N> = (notification: N) => unknown;

/** Removes a handler. */
export type Unsubscribe = () => void;

/** Stores the position of a user: the id of the last notification that was handled. Its methods may return promises. */
export interface PositionStore {
  get(key: string): string | null | undefined | Promise<string | null | undefined>;
  set(key: string, id: string): unknown;
  remove(key: string): unknown;
}

/** The options of `connect`. */
export interface Options {
  /** The address of the notification service, without /ws: "https://notifications.example.com". */
  url: string;
  /**
   * Returns the user's token, or null if the user is signed out. It is called once at a time. `signal` is aborted after
   * 30 s and when the client closes.
   */
  getToken(request: { reason: TokenReason; signal: AbortSignal }): Promise<string | null | undefined> | string | null | undefined;
  /** Where a client without a stored position starts: with new notifications (default) or with all stored ones. */
  start?: "new" | "all";
  /** Where the position is stored: "session" (default; sessionStorage if there is one), "memory", or an own store. */
  store?: "session" | "memory" | PositionStore;
  /** Whether the tabs of a browser share one connection. Default: true where Web Locks and BroadcastChannel exist. */
  shareTabs?: boolean;
  /** The most notifications that wait for handlers (default 1000). What exceeds it is requested again later. */
  queueLimit?: number;
  /** How many ids are remembered to drop doubles (default 2000). At least the service's NOTIFICATION_LOG_MAX. */
  rememberIds?: number;
  /** The pauses between attempts in ms: a random time up to base (1000), doubled each time up to max (30000). */
  backoff?: { base?: number; max?: number };
  /** How long server-sent events are used before WebSocket is tried again, in ms (default 300000). */
  webSocketRetry?: number;
  /** Receives exceptions of handlers, getToken and the store. Default: console.error. */
  onError?(error: unknown): void;
  /** Replaces browser APIs, in tests and where the platform has none (WebSocket in Node 20). */
  environment?: Partial<Environment>;
}

/** A client of the notification service. */
export interface NotificationClient {
  /** Calls the handler for each notification of this type; "*" is every type. */
  on<E extends keyof NotificationData>(event: E, handler: Handler<NotificationOf<E>>, options?: { signal?: AbortSignal }): Unsubscribe;
  on(event: "*", handler: Handler<KnownNotification | Notification>, options?: { signal?: AbortSignal }): Unsubscribe;
  on(event: string, handler: Handler<Notification>, options?: { signal?: AbortSignal }): Unsubscribe;
  /** Calls the handler, in order with the notifications, where notifications may be missing. */
  onGap(handler: Handler<Gap>, options?: { signal?: AbortSignal }): Unsubscribe;
  /** Calls the handler after each change of the state. */
  onState(handler: Handler<State>, options?: { signal?: AbortSignal }): Unsubscribe;
  /** Iterates over notifications. One counts as handled when the next one is requested. Ends with the client or the signal. */
  events(options?: { signal?: AbortSignal }): AsyncGenerator<Notification, void, undefined>;
  /** The current state. */
  readonly state: State;
  /** Connects at once, also after a stop. */
  reconnect(): void;
  /** Ends the client: nothing of it is left. */
  close(): void;
}
