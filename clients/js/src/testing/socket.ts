import type { WebSocketLike } from "../environment.js";
import type { Core, FakeConnection } from "./service.js";

/** Returns a WebSocket class whose sockets connect to the service. Its events come after the current task. */
export function createSocketClass(core: Core) {
  return class FakeWebSocket implements WebSocketLike {
    onopen: WebSocketLike["onopen"] = null;
    onmessage: WebSocketLike["onmessage"] = null;
    onclose: WebSocketLike["onclose"] = null;
    onerror: WebSocketLike["onerror"] = null;
    #connection: (FakeConnection & { ended(): void }) | undefined;
    #closed = false;

    constructor(url: string, protocols: string[]) {
      queueMicrotask(() => this.#connect(new URL(url), protocols));
    }

    send(data: string) {
      if (this.#connection?.isOpen) core.receive(this.#connection, data);
    }

    close() {
      this.#closed = true;
      this.#connection?.ended();
    }

    #connect(url: URL, protocols: string[]) {
      if (this.#closed) return;
      const token = protocols.find((p) => p.startsWith("bearer."))!.slice("bearer.".length);
      const refusal = core.attempt(token, "websocket");
      if (refusal === "hang") return;
      if (refusal && "status" in refusal) return this.#end(1006, "");
      if (refusal) {
        this.onopen?.({});
        return this.#end(refusal.close, refusal.reason ?? "");
      }
      this.#connection = core.add(token, "websocket", url.searchParams.get("last_event_id") ?? "", {
        send: (text) => queueMicrotask(() => this.onmessage?.({ data: text })),
        close: (code, reason = "") => queueMicrotask(() => this.#end(code, reason)),
        drop: () => queueMicrotask(() => this.#end(1006, "")),
      });
      this.onopen?.({});
    }

    #end(code: number, reason: string) {
      this.onclose?.({ code, reason });
    }
  };
}
