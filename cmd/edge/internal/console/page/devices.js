// Simulated devices of a teacher: each is a client of the notification service with a connection
// and a position of its own.
import { connect } from "./client/index.js";
import { badge, breakable, button, clock, el } from "./dom.js";

const most = 60; // entries of a list
const kinds = { open: "good", connecting: "busy", waiting: "busy", stopped: "bad", closed: "bad" };

/** Returns a store in memory that keeps the position while the device is offline. */
function memory() {
  const positions = new Map();
  return { get: (key) => positions.get(key), set: (key, id) => void positions.set(key, id), remove: (key) => void positions.delete(key) };
}

/** A device. onNotification, onState and onGap tell the view what it receives. */
export class Device {
  constructor({ name, url, getToken, onNotification, onState, onGap, openJourney }) {
    Object.assign(this, { name, url, getToken, onNotification, onState, onGap, openJourney, store: memory(), count: 0 });
    this.state = badge("connecting", "busy");
    this.counter = el("span", { class: "count" }, "0");
    this.list = el("ol", { class: "notifications", "aria-label": "Notifications of " + name, tabindex: "0" });
    this.toggle = button("Go offline", () => (this.client ? this.goOffline() : this.goOnline()));
    this.element = el("section", { class: "card device", "data-device": name },
      el("h3", {}, name, " ", this.state),
      el("p", { class: "row" }, this.toggle, el("span", {}, this.counter, " notifications")), this.list);
    this.goOnline();
  }

  goOnline() {
    const client = connect({ url: this.url, getToken: this.getToken, start: "new", store: this.store, shareTabs: false, backoff: { base: 500, max: 5000 } });
    this.client = client;
    this.toggle.textContent = "Go offline";
    client.onState((state) => this.client === client && this.showState(state));
    client.on("*", (e) => this.add(e));
    client.onGap((gap) => {
      this.addLine(Date.now(), "gap: " + gap.reason, "since " + (gap.since ?? "unknown"), "gap");
      this.onGap?.(this, gap);
    });
  }

  goOffline() {
    this.client?.close();
    this.client = undefined;
    this.toggle.textContent = "Go online";
    this.showState({ status: "offline" });
  }

  close() {
    this.client?.close();
    this.client = undefined;
  }

  showState(state) {
    const words = [state.status, state.transport && "by " + state.transport, state.reason, state.code].filter(Boolean);
    this.state.textContent = words.join(", ");
    this.state.className = "badge " + (kinds[state.status] ?? "");
    this.state.dataset.status = state.status;
    this.onState?.(this, state, words.join(", "));
  }

  add(e) {
    const at = Date.now();
    const correlation = e.data?.correlation_id;
    this.addLine(at, e.event, [e.data?.batch_id, e.data?.phase, e.data?.essay_id, e.data?.status, e.data?.priority].filter(Boolean).join(" · "),
      e.id ? "stored" : "", correlation);
    this.onNotification?.(this, e, at);
  }

  addLine(at, title, text, className, correlation) {
    const journey = correlation && this.openJourney
      ? button("Journey", () => this.openJourney(correlation), { class: "small", "aria-label": `Journey of ${title} at ${clock(at)}` }) : undefined;
    this.list.prepend(el("li", { class: className }, el("time", {}, clock(at)), el("strong", {}, breakable(title)), el("span", {}, text), journey));
    while (this.list.children.length > most) this.list.lastChild.remove();
    this.counter.textContent = ++this.count;
  }
}
