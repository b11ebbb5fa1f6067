// A live tail: the messages of a user's channel as they pass.
import { badge, breakable, button, card, clock, el, field } from "../dom.js";

const most = 200; // entries of the list

/** Returns the card of the tail, show(user) and stop(). */
export function liveTail() {
  const list = el("ol", { class: "notifications", "aria-label": "Live messages", tabindex: "0" });
  const state = badge("off");
  const filter = el("input", { autocomplete: "off", placeholder: "a part of the type" });
  const toggle = button("Start the tail", () => (source ? stop() : start()), { disabled: true });
  let source;
  let selected;
  const start = () => {
    source = new EventSource(`api/users/${selected}/tail`);
    toggle.textContent = "Stop the tail";
    say("connecting", "busy");
    source.addEventListener("subscribed", () => say("live", "good"));
    source.addEventListener("frame", (e) => add(JSON.parse(e.data)));
    source.addEventListener("failed", (e) => { stop(); say(JSON.parse(e.data), "bad"); });
    source.onerror = () => { stop(); say("the tail ended", "bad"); };
  };
  const stop = () => {
    source?.close();
    source = undefined;
    toggle.textContent = "Start the tail";
    say("off");
  };
  const say = (text, kind = "") => { state.textContent = text; state.className = "badge " + kind; };
  const add = (text) => {
    const frame = parse(text);
    if (!frame.event.includes(filter.value.trim())) return;
    list.prepend(el("li", {}, el("time", {}, clock(Date.now())), el("strong", {}, breakable(frame.event)), el("span", {}, text)));
    while (list.children.length > most) list.lastChild.remove();
  };
  return {
    element: card("Live tail", el("p", { class: "row" }, toggle, state), field("Show only types that contain", filter), list),
    show(user) {
      stop();
      list.replaceChildren();
      selected = user;
      toggle.disabled = false;
    },
    stop,
  };
}

function parse(text) {
  try {
    const frame = JSON.parse(text);
    return typeof frame?.event === "string" ? frame : { event: "" };
  } catch {
    return { event: "" };
  }
}
