import { createContext, createElement, useContext, useEffect, useRef, useState, useSyncExternalStore, type ReactNode } from "react";
import { connect } from "./index.js";
import type { NotificationData } from "./events.generated.js";
import type { Gap, Handler, NotificationClient, NotificationOf, Options, State, Unsubscribe } from "./types.js";

/** Attaches a handler to a client. */
type Attach = (client: NotificationClient) => Unsubscribe;

/**
 * Keeps the subscriptions of components and attaches them to the client. Effects of components run before the one of
 * the provider, so that the client has all handlers when it connects.
 */
interface Relay {
  client: NotificationClient | null;
  setClient(client: NotificationClient | null): void;
  attach(attach: Attach): Unsubscribe;
}

function createRelay(): Relay {
  const attached = new Map<Attach, Unsubscribe | undefined>();
  const relay: Relay = {
    client: null,
    setClient(client) {
      relay.client = client;
      for (const [attach, off] of attached) {
        off?.();
        attached.set(attach, client ? attach(client) : undefined);
      }
    },
    attach(attach) {
      attached.set(attach, relay.client ? attach(relay.client) : undefined);
      return () => {
        attached.get(attach)?.();
        attached.delete(attach);
      };
    },
  };
  return relay;
}

const Context = createContext<Relay | null>(null);
const beforeMount: State = { status: "connecting" };

/**
 * Connects while it is mounted. The options are read when it mounts; give it a new `key` to connect with others. In
 * StrictMode, which mounts twice, one connection is opened. On a server nothing is connected.
 */
export function NotificationsProvider({ options, children }: { options: Options; children?: ReactNode }) {
  const [relay] = useState(createRelay);
  const first = useRef(options);
  useEffect(() => {
    // A client connects after the current task, so that the first one of StrictMode is closed before it does.
    const client = connect(first.current);
    relay.setClient(client);
    return () => {
      relay.setClient(null);
      client.close();
    };
  }, [relay]);
  return createElement(Context.Provider, { value: relay }, children);
}

function useRelay(): Relay {
  const relay = useContext(Context);
  if (!relay) throw new Error("there is no NotificationsProvider above this component");
  return relay;
}

/** Returns a function that returns the client, or null while the provider is not mounted. Call it in handlers and effects. */
export function useNotifications(): () => NotificationClient | null {
  const relay = useRelay();
  return () => relay.client;
}

/** Calls the latest handler for each notification of the type while the component is mounted; "*" is every type. */
export function useNotification<E extends keyof NotificationData | (string & {})>(event: E, handler: Handler<NotificationOf<E>>): void {
  const relay = useRelay();
  const latest = useLatest(handler);
  useEffect(
    () => relay.attach((client) => client.on(event as string, (n) => latest.current(n as NotificationOf<E>))),
    [relay, event, latest],
  );
}

/** Calls the latest handler where notifications may be missing, while the component is mounted. */
export function useGap(handler: Handler<Gap>): void {
  const relay = useRelay();
  const latest = useLatest(handler);
  useEffect(() => relay.attach((client) => client.onGap((gap) => latest.current(gap))), [relay, latest]);
}

/** Returns the state of the client and renders again when it changes. */
export function useNotificationState(): State {
  const relay = useRelay();
  const [subscribe] = useState(() => (notify: () => void) => relay.attach((client) => client.onState(notify)));
  return useSyncExternalStore(subscribe, () => relay.client?.state ?? beforeMount, () => beforeMount);
}

function useLatest<T>(value: T) {
  const ref = useRef(value);
  useEffect(() => void (ref.current = value));
  return ref;
}
