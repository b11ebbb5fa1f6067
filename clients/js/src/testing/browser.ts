import type { ChannelLike, Environment, LocksLike, StorageLike } from "../environment.js";

/** One tab of a fake browser. */
export interface FakeTab {
  /** The APIs to pass to `connect`, besides those of the service. */
  readonly environment: Partial<Environment>;
  /** The number of listeners of the page's events. */
  readonly listeners: number;
  /** Fires an event of window or document, such as "online" or "freeze". */
  fire(type: string): void;
  hide(): void;
  show(): void;
  /** Stops the tab without notice: messages and locks wait until `thaw`. */
  freeze(): void;
  thaw(): void;
}

/** Tabs that share locks and channels. */
export interface FakeBrowser {
  openTab(): FakeTab;
  /** The number of open channels. */
  readonly channels: number;
  /** The names of the locks that are held. */
  readonly locks: string[];
}

/** What one tab does later because it is frozen. */
interface Tasks {
  run(task: () => void): void;
}

/** Returns a browser without tabs. */
export function createFakeBrowser(): FakeBrowser {
  const channels = new Map<string, Set<ChannelLike & { deliver(data: unknown): void }>>();
  const locks = createLocks();
  return {
    openTab: () => createTab(channels, locks),
    get channels() {
      return [...channels.values()].reduce((sum, set) => sum + set.size, 0);
    },
    get locks() {
      return locks.held();
    },
  };
}

type Channels = Map<string, Set<ChannelLike & { deliver(data: unknown): void }>>;

function createTab(channels: Channels, locks: ReturnType<typeof createLocks>): FakeTab {
  const listeners = new Map<string, Set<() => void>>();
  const waiting: (() => void)[] = [];
  let frozen = false;
  let visibilityState = "visible";
  const tasks: Tasks = {
    run: (task) => void setTimeout(() => (frozen ? waiting.push(task) : task()), 0),
  };
  const fire = (type: string) => [...(listeners.get(type) ?? [])].forEach((listener) => listener());
  const change = (state: string) => {
    visibilityState = state;
    fire("visibilitychange");
  };
  return {
    environment: {
      BroadcastChannel: createChannelClass(channels, tasks), locks: locks.forTab(tasks), sessionStorage: createStorage(),
      document: {
        get visibilityState() {
          return visibilityState;
        },
      },
      window: {
        addEventListener(type, listener) {
          if (!listeners.has(type)) listeners.set(type, new Set());
          listeners.get(type)!.add(listener);
        },
        removeEventListener: (type, listener) => void listeners.get(type)?.delete(listener),
      },
    },
    get listeners() {
      return [...listeners.values()].reduce((sum, set) => sum + set.size, 0);
    },
    fire,
    hide: () => change("hidden"),
    show: () => change("visible"),
    freeze: () => void (frozen = true),
    thaw() {
      frozen = false;
      waiting.splice(0).forEach((task) => task());
    },
  };
}

function createChannelClass(channels: Channels, tasks: Tasks) {
  return class FakeChannel implements ChannelLike {
    onmessage: ChannelLike["onmessage"] = null;
    #peers: Set<FakeChannel>;
    #closed = false;

    constructor(name: string) {
      if (!channels.has(name)) channels.set(name, new Set());
      this.#peers = channels.get(name) as Set<FakeChannel>;
      this.#peers.add(this);
    }

    postMessage(message: unknown) {
      if (this.#closed) throw new Error("the channel is closed");
      for (const peer of this.#peers) if (peer !== this) peer.deliver(structuredClone(message));
    }

    deliver(data: unknown) {
      tasks.run(() => {
        if (!this.#closed) this.onmessage?.({ data });
      });
    }

    close() {
      this.#closed = true;
      this.#peers.delete(this);
    }
  };
}

/** Web Locks in exclusive mode. */
function createLocks() {
  interface Request {
    tasks: Tasks;
    callback(): Promise<void>;
    resolve(): void;
    reject(error: Error): void;
  }
  const holders = new Map<string, Request>();
  const queues = new Map<string, Request[]>();
  const grant = (name: string, request: Request) => {
    holders.set(name, request);
    request.tasks.run(() => {
      if (holders.get(name) !== request) return;
      request.callback().then(() => {
        request.resolve();
        if (holders.get(name) === request) next(name);
      });
    });
  };
  const next = (name: string) => {
    holders.delete(name);
    const request = queues.get(name)?.shift();
    if (request) grant(name, request);
  };
  const forTab = (tasks: Tasks): LocksLike => ({
    request: (name, { signal, steal }, callback) =>
      new Promise<void>((resolve, reject) => {
        const request: Request = { tasks, callback, resolve, reject };
        const holder = holders.get(name);
        if (holder && steal) holder.tasks.run(() => holder.reject(new Error("AbortError")));
        if (!holder || steal) return grant(name, request);
        if (!queues.has(name)) queues.set(name, []);
        queues.get(name)!.push(request);
        signal?.addEventListener("abort", () => {
          const queue = queues.get(name)!;
          if (!queue.includes(request)) return;
          queue.splice(queue.indexOf(request), 1);
          reject(signal.reason);
        });
      }),
  });
  return { forTab, held: () => [...holders.keys()] };
}

function createStorage(): StorageLike {
  const values = new Map<string, string>();
  return {
    getItem: (key) => values.get(key) ?? null,
    setItem: (key, value) => void values.set(key, value),
    removeItem: (key) => void values.delete(key),
  };
}
