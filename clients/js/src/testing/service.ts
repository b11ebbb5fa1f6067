import type { Environment } from "../environment.js";
import { createClock, type FakeClock } from "./clock.js";
import { createSocketClass } from "./socket.js";
import { createFetch } from "./stream.js";
import { readToken } from "./token.js";

/** How the service refuses an attempt: by HTTP, by a close after the upgrade, or not at all ("hang"). */
export type Refusal = { status: number; body?: string; retryAfter?: number } | { close: number; reason?: string } | "hang";

/** One connection of a client, as the service sees it. */
export interface FakeConnection {
  readonly user: string;
  readonly token: string;
  readonly transport: "websocket" | "sse";
  /** The position with which the client came. */
  readonly position: string;
  /** The frames that the client has sent. */
  readonly received: { type: string; token?: string }[];
  readonly isOpen: boolean;
  /** Set it to stop answering pings, like a network that is gone. */
  silent: boolean;
  send(text: string): void;
  /** Closes with a code. */
  close(code: number, reason?: string): void;
  /** Ends the connection without a close. */
  drop(): void;
}

/** A notification service without a network. */
export interface FakeService {
  readonly clock: FakeClock;
  /** The APIs to pass to `connect` as its environment. */
  readonly environment: Partial<Environment>;
  /** All connections since the start, the oldest first. */
  readonly connections: FakeConnection[];
  /** The attempts that were refused by HTTP or got no answer count too. */
  readonly attempts: number;
  /** The open connections. */
  open(): FakeConnection[];
  /** Stores a notification and sends it to the user's connections. Returns its id. */
  notify(user: string, event: string, data?: object): string;
  /** Sends a notification that is not stored. */
  publish(user: string, event: string, data?: object): void;
  /** Forgets the oldest stored notifications of a user and keeps the newest. */
  trim(user: string, keep: number): void;
  /** Decides about each attempt; undefined accepts it. */
  admit: (attempt: { user: string; token: string; transport: "websocket" | "sse" }) => Refusal | undefined;
}

/** What a transport does for a connection. */
export interface Wire {
  send(text: string, id?: string): void;
  close(code: number, reason?: string): void;
  drop(): void;
}

/** The connections and the logs of a fake service. Transports use it. */
export interface Core {
  readonly service: FakeService;
  /** Asks whether an attempt is accepted. */
  attempt(token: string, transport: "websocket" | "sse"): Refusal | undefined;
  /** Adds a connection and replays what it missed. */
  add(token: string, transport: "websocket" | "sse", position: string, wire: Wire): FakeConnection & { ended(): void };
  /** Handles a frame of the client. */
  receive(connection: FakeConnection, text: string): void;
}

/** Returns a service whose time is the clock's. */
export function createFakeService(clock: FakeClock = createClock()): FakeService {
  const logs = new Map<string, { id: string; text: string }[]>();
  const logOf = (user: string) => {
    if (!logs.has(user)) logs.set(user, []);
    return logs.get(user)!;
  };
  let sequence = 0;
  let attempts = 0;
  const connections: FakeConnection[] = [];
  const open = () => connections.filter((c) => c.isOpen);
  const sendAll = (user: string, text: string) => open().filter((c) => c.user === user).forEach((c) => c.send(text));

  const service: FakeService = {
    clock, connections, open,
    get attempts() {
      return attempts;
    },
    admit: () => undefined,
    notify(user, event, data = {}) {
      const id = `${clock.now()}-${sequence++}`;
      const text = JSON.stringify({ event, data, id });
      logOf(user).push({ id, text });
      sendAll(user, text);
      return id;
    },
    publish: (user, event, data = {}) => sendAll(user, JSON.stringify({ event, data })),
    trim: (user, keep) => void logOf(user).splice(0, logOf(user).length - keep),
    get environment() {
      return environment;
    },
  };

  const core: Core = {
    service,
    attempt(token, transport) {
      attempts++;
      const { sub, exp } = readToken(token);
      const decided = service.admit({ user: sub, token, transport });
      if (decided) return decided;
      if (exp * 1000 > clock.now()) return undefined;
      return transport === "sse" ? { status: 401, body: '{"error":{"code":"AUTHENTICATION_ERROR"}}' } : { close: 1008 };
    },
    add(token, transport, position, wire) {
      const connection = createConnection(clock, token, transport, position, wire);
      connections.push(connection);
      for (const text of replay(logOf(connection.user), position)) connection.send(text);
      return connection;
    },
    receive(connection, text) {
      const frame = JSON.parse(text);
      connection.received.push(frame);
      if (connection.silent) return;
      if (frame.type === "ping") connection.send('{"type":"pong"}');
      if (frame.type !== "refresh") return;
      if (readToken(frame.token).sub !== connection.user) return connection.close(1008);
      (connection as ReturnType<typeof createConnection>).renew(frame.token);
      connection.send('{"type":"refreshed"}');
    },
  };
  const environment: Partial<Environment> = {
    WebSocket: createSocketClass(core), fetch: createFetch(core),
    setTimeout: clock.setTimeout, clearTimeout: clock.clearTimeout, now: clock.now,
  };
  return service;
}

/** Returns the messages that a client with this position gets first. */
function replay(log: { id: string; text: string }[], position: string): string[] {
  const last = log[log.length - 1]?.id ?? "0-0";
  if (position === "$") return [JSON.stringify({ event: "position", data: { last_event_id: last } })];
  const index = log.findIndex(({ id }) => id === position);
  const rest = log.slice(index + 1).map(({ text }) => text);
  if (position === "" || position === "0" || position === "0-0" || index >= 0) return position ? rest : [];
  const data = { last_event_id: position, oldest_available: log[0]?.id ?? null };
  return [JSON.stringify({ event: "replay_incomplete", data }), ...rest];
}

/** Returns a connection that closes when its token expires. */
function createConnection(clock: FakeClock, token: string, transport: "websocket" | "sse", position: string, wire: Wire) {
  let isOpen = true;
  let timer = 0;
  const connection = {
    user: readToken(token).sub, token, transport, position, received: [], silent: false,
    get isOpen() {
      return isOpen;
    },
    send(text: string) {
      if (isOpen && !connection.silent) wire.send(text, JSON.parse(text).id);
    },
    close(code: number, reason = "") {
      if (!isOpen) return;
      connection.ended();
      wire.close(code, reason);
    },
    drop() {
      connection.ended();
      wire.drop();
    },
    ended() {
      isOpen = false;
      clock.clearTimeout(timer);
    },
    renew(next: string) {
      clock.clearTimeout(timer);
      const left = readToken(next).exp * 1000 - clock.now();
      if (left < 2 ** 31) timer = clock.setTimeout(() => connection.close(1008), left);
    },
  };
  connection.renew(token);
  return connection;
}
