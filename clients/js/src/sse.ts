import type { Reaction } from "./closes.generated.js";
import type { Request, Transport } from "./transport.js";

/** The longest line in characters. A longer one ends the stream. */
const longestLine = 4 << 20;

/** Opens a stream of server-sent events with fetch, which can send the token in a header. */
export function openStream(request: Request): Transport {
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
    headers: { Authorization: "Bearer " + token, "Last-Event-ID": position, Accept: "text/event-stream" },
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
