import type { Environment } from "./environment.js";
import { createTimers } from "./timers.js";
import type { State } from "./types.js";

/** What the tabs of one browser tell each other. */
type Message = { from: string } & (
  | { type: "ask"; position: string }
  | { type: "lead" }
  | { type: "give"; to?: string; texts: string[]; position?: string; state?: State }
);

/** What a leader gives to the tabs. */
export interface Gift {
  /** Messages of the service. */
  texts: string[];
  /** The position of the connection, for a tab that has none. */
  position?: string;
  state?: State;
}

/** What a tab asks of and reports to the client. */
export interface TabHooks {
  /** This tab leads from now on: it must connect. */
  lead(): void;
  /** Another tab leads from now on: this one must not be connected. */
  follow(): void;
  /** Returns the position of this tab. */
  position(): string;
  /** Returns what a tab with this position needs from the leader. */
  give(position: string): Gift;
  /** Receives what the leader gives. */
  take(gift: Gift): void;
}

/** The membership of a tab in the group that shares a connection. */
export interface Tabs {
  leads(): boolean;
  /** Sends to the other tabs, if this one leads. */
  send(gift: Gift): void;
  /**
   * Asks the leader for what this tab has missed. A visible tab that gets no answer becomes the leader. With `anew` the
   * tab takes nothing before the answer, because it would be out of order.
   */
  ask(anew?: boolean): void;
  leave(): void;
}

/** The limit of the leader's answer, and the pause between the questions of a visible tab, in ms. */
const answerLimit = 2_000, askPause = 10_000;

/** Reports whether tabs can share a connection here. */
export const canShare = (env: Environment) => !!(env.locks && env.BroadcastChannel && env.document);

/** Joins the group with this name. Its leader holds the Web Lock of the name. */
export function joinTabs(env: Environment, name: string, hooks: TabHooks): Tabs {
  const me = env.random().toString(36) + env.now();
  const channel = new env.BroadcastChannel!(name);
  const timers = createTimers(env);
  let leading = false;
  let left = false;
  let leader = "";
  let synced = false; // the leader has answered
  let request: AbortController | undefined;
  let release = () => {};

  const post = (message: object) => channel.postMessage({ from: me, ...message });

  const lead = () => {
    leading = true;
    timers.clear();
    hooks.lead();
    post({ type: "lead" });
  };

  /** Requests the lock, behind other tabs or with steal. The lock is held until the callback's promise resolves. */
  const claim = (steal?: boolean) => {
    request?.abort();
    const mine = (request = new AbortController());
    const isMine = () => mine === request && !left;
    const hold = () => new Promise<void>((resolve) => {
      if (!isMine()) return resolve();
      release = resolve;
      lead();
    });
    env.locks!.request(name, steal ? { steal } : { signal: mine.signal }, hold).catch(() => {
      if (!isMine()) return;
      if (leading) follow(); // another tab has stolen the lock
      else lead(); // locks are denied here
    });
  };

  const follow = () => {
    leading = false;
    release();
    hooks.follow();
    claim();
    ask(true);
  };

  const ask = (anew?: boolean) => {
    if (leading || left) return;
    if (anew) synced = false;
    const visible = env.document!.visibilityState !== "hidden";
    post({ type: "ask", position: hooks.position() });
    if (!visible) return timers.clear();
    timers.set("answer", answerLimit, () => claim(true));
    timers.set("ask", askPause, () => ask());
  };

  channel.onmessage = ({ data }: { data: Message }) => {
    if (data.type === "ask") {
      if (leading) post({ type: "give", to: data.from, ...hooks.give(data.position) });
    } else if (data.type === "lead") {
      leader = data.from;
      if (leading) follow();
      else ask(true);
    } else if (leading) {
      // The last leader has stopped for all, and this tab got the lock before the news.
      if (data.state?.status === "stopped") hooks.take(data);
    } else if (!leader || leader === data.from) {
      if (data.to ? data.to !== me : !synced) return;
      leader = data.from;
      synced = true;
      timers.clear("answer");
      hooks.take(data);
    }
  };

  claim();
  ask(true);
  return {
    leads: () => leading,
    send: (gift) => leading && post({ type: "give", ...gift }),
    ask,
    leave() {
      left = true;
      leading = false;
      timers.clear();
      request?.abort();
      release();
      channel.close();
    },
  };
}
