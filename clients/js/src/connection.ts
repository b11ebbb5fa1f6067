import { closes } from "./closes.generated.js";
import type { Environment } from "./environment.js";
import { parseFrame, type Frame } from "./frame.js";
import { openSocket } from "./socket.js";
import { createTimers } from "./timers.js";
import type { Token, Tokens } from "./tokens.js";
import type { End, Transport } from "./transport.js";
import type { Options, State, StopReason } from "./types.js";

/** What a connection asks of and reports to the client. */
export interface ConnectionHooks {
  /**
   * Is called with each token before it is used. The connection opens only if the result is true; otherwise it is idle
   * until `start`.
   */
  admit(token: Token): Promise<boolean>;
  /** Returns the position at which the connection resumes. */
  position(): string;
  onFrame(text: string, frame: Frame): void;
  onState(state: State): void;
  onError(error: unknown): void;
}

/** The connection to the service: it has a token, opens a transport, watches it and opens it again. */
export interface Connection {
  /** Connects at once, unless it is connecting or open. */
  start(): void;
  /** Ends the transport and connects again, at the position that the hook returns then. */
  restart(): void;
  /** Ends the transport and waits for `start`. The token is still renewed. */
  suspend(): void;
  /** Ends the transport and all timers, and waits for `start`. */
  rest(): void;
  /** The page was asleep, or the network has changed: connects at once, or checks that the connection is alive. */
  wake(): void;
}

/** The limit of an attempt to open a transport, in ms. The service may hold a handshake for 15 s. */
const openLimit = 20_000;
/** The pause between two pings, and the limit of the answer, in ms. */
const pingPause = 30_000, pongLimit = 5_000;
/** The silence in ms after which a stream counts as dead. The service sends a comment every 15 s. */
const streamSilence = 40_000, wokenStreamSilence = 17_000;
/** How long a connection must be open, in ms, before the pauses between attempts are short again. */
const stableAfter = 5_000;
/** How long before its expiry a token is renewed, in ms. */
const renewBefore = 60_000;
/** How many attempts at WebSocket fail before server-sent events are tried. */
const maxSocketFailures = 2;

/** Returns a connection that does nothing yet. */
export function createConnection(
  env: Environment, url: string, tokens: Tokens, options: Options, hooks: ConnectionHooks,
): Connection {
  const { base = 1000, max = 30_000 } = options.backoff ?? {};
  const timers = createTimers(env);
  const renewal = createTimers(env);
  let phase: "idle" | "connecting" | "open" | "waiting" | "stopped" = "idle";
  let attempts = 0;
  let socketFailures = 0;
  let told = false; // the service has said when to come back
  let epoch = 0; // callbacks of earlier attempts are ignored
  let token: Token | undefined;
  let transport: Transport | undefined;
  let streams = false;

  const end = (next: typeof phase) => {
    epoch++;
    phase = next;
    transport?.close();
    transport = undefined;
    timers.clear();
  };

  const stop = (reason: StopReason, { code, detail }: Partial<End> = {}) => {
    end("stopped");
    renewal.clear();
    hooks.onState({ status: "stopped", reason, code, detail });
  };

  const retry = ({ code, detail, retryAfter = 0 }: Partial<End> = {}) => {
    end("waiting");
    told = retryAfter > 0;
    hooks.onState({ status: "waiting", code, detail });
    timers.set("retry", retryAfter * 1000 + env.random() * Math.min(max, base * 2 ** attempts++), attempt);
  };

  const attempt = async () => {
    end("connecting");
    const mine = epoch;
    hooks.onState({ status: "connecting" });
    try {
      const next = await tokens.get();
      if (mine !== epoch) return;
      if (!next) return stop("signed_out");
      use(next);
      if (!(await hooks.admit(next))) {
        if (mine === epoch) phase = "idle";
        return;
      }
      if (mine === epoch) await open(mine, next.text);
    } catch (error) {
      if (mine !== epoch) return;
      socketFailures = 0; // server-sent events cannot be loaded
      hooks.onError(error);
      retry();
    }
  };

  const open = async (mine: number, text: string) => {
    streams = !env.WebSocket || socketFailures >= maxSocketFailures;
    timers.set("open", openLimit, () => onEnd({ code: 1006 }));
    const openTransport = streams ? (await import("./sse.js")).openStream : openSocket;
    if (mine !== epoch) return;
    const guard = <A extends unknown[]>(callback: (...args: A) => void) => (...args: A) => {
      if (mine === epoch) callback(...args);
    };
    transport = openTransport({
      env, url, token: text, position: hooks.position, socketPause: options.webSocketRetry ?? 300_000, openSocket,
      onOpen: guard(onOpen), onAlive: guard(onAlive), onText: guard(onText), onEnd: guard(onEnd),
    });
  };

  const onOpen = (isSocket?: boolean) => {
    phase = "open";
    streams = !isSocket;
    timers.clear("open");
    timers.set("stable", stableAfter, () => (attempts = 0));
    if (isSocket) socketFailures = 0;
    onAlive();
    hooks.onState({ status: "open", transport: streams ? "sse" : "websocket" });
  };

  const onAlive = () => {
    if (streams) timers.set("pong", streamSilence, lose);
    else {
      timers.clear("pong");
      timers.set("ping", pingPause, check);
    }
  };

  /** Asks for a sign of life. */
  const check = () => {
    transport?.send?.({ type: "ping" });
    timers.set("pong", streams ? wokenStreamSilence : pongLimit, lose);
  };

  const lose = () => onEnd({ code: 1006 });

  const onText = (text: string) => {
    const frame = parseFrame(text);
    if (frame.type !== "pong" && frame.type !== "refreshed") hooks.onFrame(text, frame);
  };

  const onEnd = (close: End) => {
    if (phase !== "open") socketFailures = streams ? 0 : socketFailures + 1;
    const reaction = close.reaction ?? closes[close.code];
    if (reaction === "renew") tokens.refuse(token);
    if (reaction === "quota" || reaction === "disconnected" || reaction === "protocol") stop(reaction, close);
    else {
      if (reaction === "backoff") attempts = Math.max(attempts, 3);
      retry(close);
    }
  };

  /** Remembers the token and renews it before it expires. */
  const use = (next: Token) => {
    token = next;
    const left = next.exp - env.now();
    // Only a client whose clock is wrong gets a token that has expired; the service judges it.
    if (left > 0 && left < Infinity) renewal.set("renew", left - Math.min(renewBefore, left / 4), renew);
  };

  const renew = async () => {
    const old = token;
    try {
      const next = await tokens.get(true);
      if (token !== old || phase === "stopped") return;
      if (!next) return stop("signed_out");
      if (next.text === old?.text) return; // the service closes at its expiry
      if (next.sub !== old?.sub) return attempt();
      use(next);
      if (transport?.send && phase === "open") transport.send({ type: "refresh", token: next.text });
      else if (transport) attempt();
    } catch (error) {
      if (token !== old || phase === "stopped") return;
      hooks.onError(error);
      renewal.set("renew", 5_000 + env.random() * 5_000, renew);
    }
  };

  return {
    start() {
      if (phase !== "connecting" && phase !== "open") attempt();
    },
    restart() {
      if (transport) attempt();
    },
    suspend: () => end("idle"),
    rest() {
      end("idle");
      renewal.clear();
    },
    wake() {
      if (token) use(token); // timers stop while a machine sleeps
      if (phase === "waiting" && !told) attempt();
      else if (phase === "open") check();
    },
  };
}
