import type { Reaction } from "./closes.generated.js";
import { gapOf, parseFrame } from "./frame.js";
import type { Request, Transport } from "./transport.js";

/** The longest line in characters. A longer one ends the stream. */
const longestLine = 4 << 20;

/** The limit of an attempt at WebSocket beside the stream, in ms. */
const socketLimit = 20_000;

/** How many messages without id are remembered while a socket is opened. */
const maxTexts = 1000;

/**
 * Opens a stream of server-sent events. Where there is WebSocket, it tries at intervals to replace the stream by a
 * socket. The stream stays until the socket has answered, so that nothing is lost in between: a refusal opens too.
 */
export function openStream(request: Request): Transport {
  const { env, socketPause, openSocket } = request;
  let timer: unknown;
  let socket: Transport | undefined; // is being opened, or has replaced the stream
  let replaced = false;
  let texts: string[] = []; // without id, which the stream has received beside the socket

  const schedule = () => {
    texts = [];
    env.clearTimeout(timer);
    socket?.close();
    socket = undefined;
    if (env.WebSocket) timer = env.setTimeout(trySocket, socketPause);
  };

  const replace = () => {
    if (replaced) return;
    replaced = true;
    env.clearTimeout(timer);
    stream.close();
    request.onOpen(true);
  };

  /**
   * Reports whether the stream has received a message without id too. Both receive them in the same order, so that what
   * the stream has not received comes after all doubles. The client drops the doubles of messages with an id.
   */
  const isDouble = (text: string) => {
    const frame = parseFrame(text);
    if (frame.id || frame.type === "pong" || gapOf(frame)) return false;
    const index = texts.indexOf(text);
    texts = texts.slice(index < 0 ? Infinity : index + 1);
    return index >= 0;
  };

  const trySocket = () => {
    timer = env.setTimeout(schedule, socketLimit);
    try {
      socket = openSocket({
        ...request,
        onOpen: () => socket!.send!({ type: "ping" }),
        onAlive: () => replaced && request.onAlive(),
        onText(text) {
          replace();
          if (!isDouble(text)) request.onText(text);
        },
        onEnd(end) {
          if (replaced || end.code === 1008) request.onEnd(end);
          else schedule();
        },
      });
    } catch {
      schedule();
    }
  };

  const stream = openFetch({
    ...request,
    onOpen() {
      request.onOpen();
      schedule();
    },
    onText(text) {
      if (socket && texts.length < maxTexts && !parseFrame(text).id) texts.push(text);
      request.onText(text);
    },
  });
  return {
    get send() {
      return replaced ? socket!.send : undefined;
    },
    close() {
      env.clearTimeout(timer);
      stream.close();
      socket?.close();
    },
  };
}

/** Opens a stream with fetch, which can send the token in a header. */
function openFetch(request: Request): Transport {
  const controller = new AbortController();
  let closed = false;
  const end = (code: number, more?: object) => {
    if (closed) return;
    closed = true;
    controller.abort();
    request.onEnd({ code, ...more });
  };
  read(request, controller.signal, end, () => closed).catch(() => end(1006));
  return {
    close() {
      closed = true;
      controller.abort();
    },
  };
}

type EndStream = (code: number, more?: object) => void;

/** Reads the stream until it ends. It rejects if the network fails. */
async function read(request: Request, signal: AbortSignal, end: EndStream, isClosed: () => boolean) {
  const { env, url, token, position, onOpen, onAlive, onText } = request;
  const response = await env.fetch!(url.replace(/^ws/, "http") + "/events", {
    headers: { Authorization: "Bearer " + token, "Last-Event-ID": position(), Accept: "text/event-stream" },
    cache: "no-store",
    signal,
  });
  if (isClosed()) return;
  if (!response.ok || !/^text\/event-stream/.test(response.headers.get("Content-Type") ?? "")) {
    const detail = await response.text();
    const retryAfter = Number(response.headers.get("Retry-After")) || 0;
    return end(response.status, { reaction: reactionTo(response.status, detail), detail, retryAfter });
  }
  onOpen();
  const accept = createParser((event, data) => {
    if (event === "close") endWith(data, end);
    else onText(data);
  });
  const reader = response.body!.getReader();
  const decoder = new TextDecoder();
  for (;;) {
    const { done, value } = await reader.read();
    if (isClosed()) return;
    if (done) return end(1006);
    onAlive();
    accept(decoder.decode(value, { stream: true }), isClosed);
  }
}

/** Returns the reaction to a refusal of the service. A body that is not the service's comes from another server. */
function reactionTo(status: number, body: string): Reaction {
  if (status === 401) return "renew";
  let code = "";
  try {
    code = JSON.parse(body).error.code;
  } catch {
    // A proxy has answered.
  }
  if (code === "QUOTA_EXCEEDED") return "quota";
  if (code === "AUTHORIZATION_ERROR") return "disconnected";
  return code === "INVALID_REQUEST" ? "protocol" : "retry";
}

/** Ends the stream as an event of the type "close" says. */
function endWith(data: string, end: EndStream) {
  const { code, reason } = JSON.parse(data);
  end(code, { detail: JSON.stringify(reason) });
}

/** Returns a function that takes parts of a stream and calls dispatch for each event. */
export function createParser(dispatch: (event: string, data: string) => void) {
  let rest = "";
  let event = "";
  let data: string[] = [];
  const acceptLine = (line: string) => {
    if (line === "") {
      if (data.length) dispatch(event, data.join("\n"));
      event = "";
      data = [];
      return;
    }
    const [, field, value] = /^([^:]*):? ?(.*)$/s.exec(line)!;
    if (field === "data") data.push(value!);
    if (field === "event") event = value!;
  };
  return (text: string, isClosed: () => boolean = () => false) => {
    rest += text;
    if (rest.length > longestLine) throw new Error("line too long");
    // A CR at the end may be the first half of CRLF.
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop()!;
    for (const line of lines) {
      if (isClosed()) return;
      acceptLine(line);
    }
  };
}
