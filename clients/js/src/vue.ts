import { inject, onBeforeUnmount, onMounted, shallowRef, type App, type InjectionKey, type Plugin, type ShallowRef } from "vue";
import { connect } from "./index.js";
import type { NotificationData } from "./events.generated.js";
import type { Gap, Handler, NotificationClient, NotificationOf, Options, State, Unsubscribe } from "./types.js";

const key: InjectionKey<() => NotificationClient> = Symbol("notifications");

/**
 * Returns a plugin for one app. The app connects when its first component that uses notifications is mounted, so that a
 * server never connects, and closes when it is unmounted.
 */
export function createNotifications(options: Options): Plugin {
  return {
    install(app: App) {
      let client: NotificationClient | undefined;
      app.provide(key, () => (client ??= connect(options)));
      const unmount = app.unmount;
      app.unmount = () => {
        client?.close();
        unmount.call(app);
      };
    },
  };
}

/** Returns a function that returns the client and connects at its first call. Call that in the browser only. */
export function useNotifications(): () => NotificationClient {
  const client = inject(key);
  if (!client) throw new Error("useNotifications: the plugin of createNotifications is not installed");
  return client;
}

/** Subscribes while the component is mounted. */
function useSubscription(subscribe: (client: NotificationClient) => Unsubscribe) {
  const client = useNotifications();
  let off: Unsubscribe | undefined;
  onMounted(() => (off = subscribe(client())));
  onBeforeUnmount(() => off?.());
}

/** Calls the handler for each notification of the type while the component is mounted; "*" is every type. */
export function useNotification<E extends keyof NotificationData | (string & {})>(event: E, handler: Handler<NotificationOf<E>>): void {
  useSubscription((client) => client.on(event as string, handler as Handler<any>));
}

/** Calls the handler where notifications may be missing, while the component is mounted. */
export function useGap(handler: Handler<Gap>): void {
  useSubscription((client) => client.onGap(handler));
}

/** Returns the state of the client as a reactive value. */
export function useNotificationState(): Readonly<ShallowRef<State>> {
  const state = shallowRef<State>({ status: "connecting" });
  useSubscription((client) => {
    state.value = client.state;
    return client.onState((next) => void (state.value = next));
  });
  return state;
}
