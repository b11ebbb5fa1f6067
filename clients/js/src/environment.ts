/** The part of WebSocket that the client uses. */
export interface WebSocketLike {
  onopen: ((event: any) => void) | null;
  onmessage: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
  send(data: string): void;
  close(code?: number): void;
}

/** The part of BroadcastChannel that the client uses. */
export interface ChannelLike {
  onmessage: ((event: any) => void) | null;
  postMessage(message: unknown): void;
  close(): void;
}

/** The part of the Web Locks API that the client uses. */
export interface LocksLike {
  request(name: string, options: { signal?: AbortSignal; steal?: boolean }, callback: () => Promise<void>): Promise<unknown>;
}

/** The part of Storage that the client uses. */
export interface StorageLike {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** The part of window that the client uses. */
export interface WindowLike {
  addEventListener(type: string, listener: () => void, capture: true): void;
  removeEventListener(type: string, listener: () => void, capture: true): void;
}

/** The platform's APIs. They are read when a client is made, not when the module is loaded. */
export interface Environment {
  WebSocket: (new (url: string, protocols: string[]) => WebSocketLike) | undefined;
  fetch: ((url: string, init: RequestInit) => Promise<Response>) | undefined;
  BroadcastChannel: (new (name: string) => ChannelLike) | undefined;
  locks: LocksLike | undefined;
  sessionStorage: StorageLike | undefined;
  window: WindowLike | undefined;
  document: { readonly visibilityState: string } | undefined;
  location: { readonly href: string } | undefined;
  setTimeout(callback: () => void, ms: number): unknown;
  clearTimeout(timer: any): void;
  /** The time in ms since 1970. */
  now(): number;
  /** A number from 0 to 1, without 1. */
  random(): number;
}

/** Returns the APIs of this platform with replacements. An API that is missing or denied is undefined. */
export function platform(replacements: Partial<Environment> = {}): Environment {
  const world = globalThis as any;
  const read = (name: string) => {
    try {
      return world[name];
    } catch {
      return undefined; // storage is denied
    }
  };
  const document = read("document");
  return {
    WebSocket: read("WebSocket"),
    fetch: read("fetch") && ((url, init) => world.fetch(url, init)),
    BroadcastChannel: read("BroadcastChannel"),
    locks: read("navigator")?.locks,
    sessionStorage: read("sessionStorage"),
    window: document && world,
    document,
    location: read("location"),
    setTimeout: (callback, ms) => world.setTimeout(callback, ms),
    clearTimeout: (timer) => world.clearTimeout(timer),
    now: Date.now,
    random: Math.random,
    ...replacements,
  };
}
