// The view "Break things": stops, slows or kills parts of the demonstration, and shows what a client sees.
import { get, post } from "../api.js";
import { announce, badge, button, card, clock, el, field, choice } from "../dom.js";
import { session } from "../session.js";
import { describe } from "./try.js";

const most = 100; // entries of the log
const set = (id, on) => post(`demonstration/faults/${id}/${on ? "break" : "repair"}`);

export const faults = {
  id: "faults",
  title: "Break things",
  intro: "Break a part of the demonstration on purpose. Then send requests, and watch the devices: the log shows what a client sees.",
  mount(panel, context) {
    const s = session(context);
    const list = el("ul", { class: "faults", "aria-label": "Faults" });
    const log = journal(s);
    const show = (all) => list.replaceChildren(...all.map((fault) => entry(fault, change)));
    const change = async (fault, on) => {
      const started = Date.now();
      try {
        show(await set(fault.id, on));
        log.add("console", (on ? fault.break : fault.repair) + ": " + fault.title, "", started);
        announce(`${fault.title}: ${on ? "broken" : "repaired"}`);
        if (fault.id === "node-second" && on) reconnect(s.devices[1]);
      } catch (error) {
        log.add("console", fault.title, error.message, started, true);
      }
      list.querySelector(`[data-fault="${fault.id}"] button`)?.focus();
    };
    const refresh = async () => show(await get("demonstration/faults"));
    const repair = async () => {
      for (const fault of await get("demonstration/faults")) if (fault.on && fault.id !== "node-second") await set(fault.id, false);
      await refresh();
      announce("everything is repaired");
    };
    panel.append(
      el("div", { class: "columns" },
        el("section", { class: "card" }, el("h3", {}, "Faults"), list, el("p", { class: "row" }, button("Repair all", repair))),
        el("div", {}, client(s, log), card("What the client sees", log.devices, log.list))));
    refresh().catch((error) => log.add("console", "faults", error.message, Date.now(), true));
    return { show: () => { log.showDevices(); refresh().catch(() => {}); } };
  },
};

/** Connects a device again, so that the balancer chooses its node. */
function reconnect(device) {
  device.goOffline();
  device.goOnline();
}

/** Returns the entry of a fault with its button. */
function entry(fault, change) {
  const toggle = button(fault.on ? fault.repair : fault.break, () => change(fault, !fault.on), {
    disabled: Boolean(fault.unavailable), class: fault.on || fault.id === "node-second" ? "" : "danger", "aria-describedby": "effect-" + fault.id, "aria-label": `${fault.on ? fault.repair : fault.break}: ${fault.title}`,
  });
  return el("li", { "data-fault": fault.id },
    el("p", { class: "row" }, el("strong", {}, fault.title), fault.on ? badge("on", "bad") : "", toggle),
    el("p", { id: "effect-" + fault.id }, fault.effect), fault.unavailable ? el("p", { class: "empty" }, `Not now: ${fault.unavailable}.`) : "");
}

/** Returns the controls with which a client sends requests. */
function client(s, log) {
  const batch = choice([]);
  const pipeline = choice(["spellcheck", "cj_assessment"]);
  const fill = () => batch.replaceChildren(...s.teacher.batches.map((id) => new Option(id)));
  s.addEventListener("user", fill);
  fill();
  const attempt = (what, action) => async () => {
    const started = Date.now();
    try {
      log.add("answer", what, await action(), started);
    } catch (error) {
      s.remember(error.correlationId, what);
      log.add("answer", what, describe(error), started, true);
    }
  };
  const status = async () => "200 " + (await s.gateway.batchStatus(batch.value)).status;
  const start = async () => {
    const answer = await s.gateway.startPipeline(batch.value, { requested_pipeline: pipeline.value });
    s.remember(answer.correlation_id, "pipeline");
    return "202 " + answer.status;
  };
  const notify = (stored) => async () => {
    await post("demonstration/notify", { user: s.teacher.user, stored });
    return "sent";
  };
  return card("Client", el("div", { class: "columns" }, field("Batch of the client", batch), field("Pipeline of the client", pipeline)),
    el("p", { class: "row" },
      button("Ask for the status", attempt("status", status)), button("Request the pipeline", attempt("pipeline", start)),
      button("Send a stored notification", attempt("stored notification", notify(true))),
      button("Send a direct message", attempt("direct message", notify(false)))));
}

/** Returns the log of answers and of changes of the devices. The newest entry is the first. */
function journal(s) {
  const list = el("ol", { class: "journal", "aria-label": "Log", tabindex: "0" });
  const devices = el("p", { class: "row", "aria-label": "Devices" });
  const showDevices = () => devices.replaceChildren(...s.devices.map((d) =>
    el("span", { "data-state-of": d.name, "data-status": d.state.dataset.status }, d.name + ": ", badge(d.state.textContent, d.state.className.replace("badge ", "")))));
  const add = (who, what, outcome, started, failed = false) => {
    const took = Date.now() - started;
    list.prepend(el("li", { class: failed ? "failed" : "" }, el("time", {}, clock(Date.now())), el("strong", {}, what),
      el("span", {}, [outcome, who === "answer" && `after ${took} ms`].filter(Boolean).join(", "))));
    while (list.children.length > most) list.lastChild.remove();
  };
  s.addEventListener("state", ({ detail }) => {
    showDevices();
    add("device", detail.device.name, detail.text, Date.now(), detail.state.status === "waiting" || detail.state.status === "stopped");
  });
  s.addEventListener("notification", ({ detail }) => add("device", detail.device.name, `receives ${detail.e.event}${detail.e.id ? " (stored)" : ""}`, Date.now()));
  s.addEventListener("gap", ({ detail }) => add("device", detail.device.name, `is told of a gap: ${detail.gap.reason}`, Date.now(), true));
  showDevices();
  return { list, devices, add, showDevices };
}
