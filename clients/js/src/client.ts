import { createConnection } from "./connection.js";
import { platform } from "./environment.js";
import { parseFrame } from "./frame.js";
import { createHandlers, iterate } from "./handlers.js";
import { createInbox, gapType } from "./inbox.js";
import { createRecent } from "./recent.js";
import { createStore } from "./store.js";
import { canShare, joinTabs, type Gift, type Tabs } from "./tabs.js";
import { createTokens, type Token } from "./tokens.js";
import type { NotificationClient, Options, State } from "./types.js";
import { watchPage } from "./wake.js";

/** The type of the handlers of states. */
const stateType = Symbol();

/** Starts a client. It connects after the current task, so that a client that is closed at once opens nothing. */
export function connect(options: Options): NotificationClient {
  const env = platform(options.environment);
  const url = new URL(options.url, env.location?.href).href.replace(/(\/ws)?\/*$/, "");
  const onError = options.onError ?? ((error: unknown) => console.error(error));
  const handlers = createHandlers(onError);
  const tokens = createTokens(env, options.getToken);
  const recent = createRecent();
  const ended = new AbortController();
  const shares = options.shareTabs !== false && canShare(env);
  let state: State = { status: "connecting" };
  let user: string | undefined;
  let tabs: Tabs | undefined;
  let asleep = false;
  let ready: Promise<void> | undefined; // the stored position is read

  const setState = (next: State) => {
    state = next;
    handlers.call(next, stateType);
    // Another tab may have a token.
    if (next.reason !== "signed_out") tabs?.send({ texts: [], state: next });
  };

  const inbox = createInbox(options, createStore(env, options.store), handlers, onError, () => {
    if (tabs && !tabs.leads()) tabs.ask(true);
    else take(give(inbox.last()));
  });

  /** Returns what a tab with this position has missed. What is not here is requested again for all tabs. */
  const give = (position: string): Gift => {
    const texts = position ? recent.after(position) : [];
    if (!texts) {
      recent.reset(position);
      connection.restart();
    }
    return { texts: texts ?? [], position: recent.last(), state };
  };

  const take = (gift: Gift) => {
    gift.texts.forEach((text) => inbox.accept(parseFrame(text)));
    if (gift.position) inbox.startAt(gift.position);
    if (!gift.state || gift.state === state) return;
    setState(gift.state);
    if (state.status === "stopped") rest();
  };

  const leaveTabs = () => {
    tabs?.leave();
    tabs = undefined;
  };

  const admit = async ({ sub }: Token) => {
    const key = `huleedu-notifications:1:${url}:${sub}`;
    if (sub !== user) {
      leaveTabs();
      user = sub;
      recent.reset("");
      ready = inbox.reset(sub && key);
    }
    await ready;
    // A token that cannot be read names no user with whom to share.
    if (!shares || !sub) {
      if (!recent.last()) recent.reset(inbox.last());
      return true;
    }
    tabs ??= joinTabs(env, key, {
      lead() {
        recent.reset(inbox.last());
        connection.suspend();
        connection.start();
      },
      follow: () => connection.suspend(),
      position: inbox.last,
      give,
      take,
    });
    return tabs.leads();
  };

  const connection = createConnection(env, url, tokens, options, {
    admit,
    onError,
    position: () => recent.last() || "$",
    onState(next) {
      setState(next);
      if (next.status === "stopped") leaveTabs();
    },
    onFrame(text, frame) {
      if (frame.id) recent.add(frame.id, text);
      else if (frame.event === "position" && !recent.last()) recent.reset(frame.data?.last_event_id);
      else if (frame.event === "replay_incomplete") recent.reset("0-0"); // the old position stays unknown
      tabs?.send({ texts: [text] });
      inbox.accept(frame);
    },
  });

  const rest = () => {
    connection.rest();
    leaveTabs();
  };

  const sleep = () => {
    asleep = true;
    rest();
  };

  const wake = () => {
    if (asleep && state.status !== "stopped") connection.start();
    else {
      connection.wake();
      tabs?.ask();
    }
    asleep = false;
  };

  const unwatch = watchPage(env, { sleep, wake });
  queueMicrotask(() => {
    if (!ended.signal.aborted) connection.start();
  });

  return {
    on: (event: string, handler: any, { signal }: { signal?: AbortSignal } = {}) => handlers.on(event, handler, signal),
    onGap: (handler, { signal } = {}) => handlers.on(gapType, handler, signal),
    onState: (handler, { signal } = {}) => handlers.on(stateType, handler, signal),
    events: ({ signal } = {}) =>
      iterate((handler) => handlers.on("*", handler), ended.signal, signal),
    get state() {
      return state;
    },
    reconnect() {
      if (ended.signal.aborted) return;
      if (tabs && !tabs.leads()) tabs.ask();
      else connection.start();
    },
    close() {
      if (ended.signal.aborted) return;
      ended.abort();
      unwatch();
      rest();
      tokens.abort();
      inbox.stop();
      setState({ status: "closed" });
      handlers.clear();
    },
  };
}
