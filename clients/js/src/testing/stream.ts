import type { Core } from "./service.js";

/** Returns a fetch that serves /events of the service. */
export function createFetch(core: Core) {
  return async (url: string, { headers, signal }: RequestInit): Promise<Response> => {
    if (!new URL(url).pathname.endsWith("/events")) throw new TypeError("not served: " + url);
    const given = new Headers(headers);
    const token = given.get("Authorization")!.slice("Bearer ".length);
    const refusal = core.attempt(token, "sse");
    if (refusal === "hang") return new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
    if (refusal && "status" in refusal) {
      if (!refusal.status) throw new TypeError("network error");
      const retryAfter: Record<string, string> = refusal.retryAfter ? { "Retry-After": String(refusal.retryAfter) } : {};
      return new Response(refusal.body ?? "", { status: refusal.status, headers: retryAfter });
    }
    return new Response(openStream(core, token, given.get("Last-Event-ID") ?? "", signal, refusal), {
      headers: { "Content-Type": "text/event-stream" },
    });
  };
}

function openStream(
  core: Core, token: string, position: string, signal: AbortSignal | null | undefined, refusal?: { close: number; reason?: string },
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const closeEvent = (code: number, reason = "") =>
    encoder.encode(`event: close\ndata: ${JSON.stringify({ code, reason: reason ? JSON.parse(reason) : {} })}\n\n`);
  return new ReadableStream({
    start(stream) {
      if (refusal) {
        stream.enqueue(closeEvent(refusal.close, refusal.reason));
        return stream.close();
      }
      const connection = core.add(token, "sse", position, {
        send: (text, id) => stream.enqueue(encoder.encode(`${id ? `id: ${id}\n` : ""}data: ${text}\n\n`)),
        close(code, reason) {
          stream.enqueue(closeEvent(code, reason));
          stream.close();
        },
        drop: () => stream.error(new TypeError("network error")),
      });
      const { clock } = core.service;
      const comment = () => {
        if (!connection.isOpen) return;
        if (!connection.silent) stream.enqueue(encoder.encode(":\n\n"));
        timer = clock.setTimeout(comment, 15_000);
      };
      let timer = clock.setTimeout(comment, 15_000);
      signal?.addEventListener("abort", () => {
        clock.clearTimeout(timer);
        if (!connection.isOpen) return;
        connection.ended();
        stream.error(signal.reason);
      });
    },
  });
}
