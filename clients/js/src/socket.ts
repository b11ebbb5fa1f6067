import type { Request, Transport } from "./transport.js";

/** The subprotocol of the service. */
const protocol = "huleedu.notifications.v1";

/** Opens a WebSocket. The token is in the subprotocol, because URLs are logged. */
export function openSocket({ env, url, token, position, onOpen, onAlive, onText, onEnd }: Request): Transport {
  const address = `${url.replace(/^http/, "ws")}/ws?last_event_id=${encodeURIComponent(position())}`;
  const socket = new env.WebSocket!(address, [protocol, "bearer." + token]);
  socket.onopen = () => onOpen(true);
  socket.onmessage = ({ data }) => {
    onAlive();
    onText(String(data));
  };
  socket.onclose = ({ code, reason }) => onEnd({ code, detail: reason });
  socket.onerror = () => {}; // a close follows
  return {
    send: (frame) => socket.send(JSON.stringify(frame)),
    close() {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close(1000);
    },
  };
}
