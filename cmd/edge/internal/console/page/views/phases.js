// Shows the state of a batch. Notifications of the batch say when to ask the gateway again.
import { badge, el } from "../dom.js";

const pause = 1000; // milliseconds between two requests at least: the gateway limits queries
const ended = ["completed_successfully", "completed_with_failures", "failed", "cancelled"];

/** Returns an element and follow(), which begins again with the selected batch. */
export function phases(s, batch) {
  const status = badge("unknown");
  const essays = el("progress", { max: "1", value: "0", "aria-label": "Essays that are complete" });
  const count = el("span", {});
  const list = el("ol", { class: "phases", "aria-label": "Phases" });
  const state = { phases: new Map(), timer: undefined, last: 0 };

  const show = ({ status: text, details: d }) => {
    status.textContent = text;
    status.className = "badge " + (text === "processing" ? "busy" : text === "failed" ? "bad" : ended.includes(text) ? "good" : "");
    essays.max = d.essay_count || 1;
    essays.value = d.completed_essay_count;
    count.textContent = `${d.completed_essay_count} of ${d.essay_count} essays` + (d.failed_essay_count ? `, ${d.failed_essay_count} failed` : "");
    if (d.current_phase && !state.phases.has(d.current_phase)) mark(d.current_phase, "running");
  };
  const mark = (name, text) => {
    state.phases.set(name, text);
    list.replaceChildren(...[...state.phases].map(([phase, what]) =>
      el("li", {}, el("span", {}, phase), badge(what, what === "running" ? "busy" : what.includes("failure") ? "bad" : "good"))));
  };
  const ask = async () => {
    state.timer = undefined;
    state.last = Date.now();
    const asked = batch.value;
    try {
      const answer = await s.gateway.batchStatus(asked);
      if (asked === batch.value) show(answer);
    } catch (error) {
      status.textContent = error.code ?? "no answer";
      status.className = "badge bad";
    }
  };
  const askSoon = () => (state.timer ??= setTimeout(ask, Math.max(0, state.last + pause - Date.now())));

  s.addEventListener("notification", ({ detail: { device, e } }) => {
    if (device !== s.devices[0] || !concerns(e, batch.value)) return;
    if (e.event === "batch_processing_started") state.phases.clear();
    if (e.event === "batch_phase_concluded") mark(e.data.phase, e.data.status);
    askSoon();
  });
  return {
    element: el("div", {}, el("p", { class: "row" }, status, count), essays, list),
    follow() {
      state.phases.clear();
      list.replaceChildren();
      askSoon();
    },
  };
}

/** Reports whether a notification is about the batch. Messages about essays name only the essay. */
const concerns = (e, batch) => e.data?.batch_id === batch || (e.data?.essay_id ?? "").startsWith(batch + "-");
