// The view "Journey": everything that happened under one correlation id, as a timeline. It joins the spans that the
// services recorded with the times at which the page's devices received the notifications.
import { ConsoleError, get } from "../api.js";
import { badge, button, card, clock, el, field, resultLine } from "../dom.js";
import { session } from "../session.js";

const services = { api_gateway_service: "gateway", websocket_service: "notification service" };

// What a span means. The names are those of the services.
const meanings = {
  "gateway.proxy_request": (a) => `asks ${a["target.service"]}: ${a.operation}`,
  "gateway.publish_command": () => "publishes the command on Kafka; ends when all replicas confirmed it",
  "websocket.consume_notification": (a) => `reads the notification from Kafka (partition ${a["messaging.destination.partition.id"]}, offset ${a["messaging.kafka.offset"]}) and stores it in Redis`,
  "websocket.forward_message": (a) => `writes the notification to a connection of ${a["user.id"]} (${a["message.size"]} bytes)`,
  "websocket.validate_token": () => "checks the token",
  "websocket.connect": (a) => `opens a connection of ${a["user.id"]}`,
};

export const journey = {
  id: "journey",
  title: "Journey",
  intro: "Follow one correlation id from the request to each connection: the request, the preflight, Kafka, the notification, each socket, with times.",
  mount(panel, context) {
    const s = session(context);
    const known = el("datalist", { id: "correlations" });
    const input = el("input", { list: "correlations", autocomplete: "off", spellcheck: "false", placeholder: "a correlation id" });
    const result = resultLine();
    const chart = el("ol", { class: "timeline", "aria-label": "Timeline" });
    const show = async () => {
      const id = input.value.trim();
      if (!id) return result.bad("Start a pipeline in \"Try it\", or enter a correlation id.");
      try {
        const steps = collect(await get("demonstration/journey?correlation_id=" + encodeURIComponent(id)), s.receipts, id);
        chart.replaceChildren(...draw(steps));
        result.good(steps.length ? summary(steps) : "Nothing is known about this correlation id.");
      } catch (error) {
        result.bad(error instanceof ConsoleError ? error.message : String(error));
      }
    };
    const offer = () => known.replaceChildren(...s.correlations.map(({ correlation, what }) => el("option", { value: correlation }, what)));
    s.addEventListener("correlation", offer);
    offer();
    panel.append(card("Correlation id",
      el("form", { class: "row", onsubmit: (event) => { event.preventDefault(); show(); } }, field("Correlation id", input), known,
        button("Show", undefined, { type: "submit", class: "primary" })), result.line), card("Timeline", chart));
    return {
      open: (id) => { input.value = id; show(); },
      show: () => { if (!input.value && s.correlations[0]) { input.value = s.correlations[0].correlation; show(); } },
    };
  },
};

/** Returns all steps, ordered by their start: spans, and what the devices received. */
function collect(spans, receipts, id) {
  const steps = spans.map((span) => ({
    at: Date.parse(span.start), seconds: span.seconds, who: services[span.service] ?? span.service, name: span.name,
    what: (meanings[span.name] ?? ((a) => `answers the request with ${a["http.response.status_code"]}`))(span.attributes),
    error: span.error || span.attributes["error.code"],
  }));
  for (const r of receipts.filter((r) => r.correlation === id)) {
    steps.push({ at: r.at, seconds: 0, who: r.device, name: r.event, what: r.id ? `receives the stored notification ${r.id}` : "receives a direct message", device: true });
  }
  return steps.sort((a, b) => a.at - b.at);
}

function summary(steps) {
  const end = Math.max(...steps.map((s) => s.at + s.seconds * 1000));
  const received = steps.filter((s) => s.device);
  const devices = new Set(received.map((s) => s.who)).size;
  return `${steps.length} steps in ${seconds((end - steps[0].at) / 1000)}; ${received.length} messages received by ${devices} ${devices === 1 ? "device" : "devices"}.`;
}

const seconds = (value) => (value < 0.00005 ? "under 0.1 ms" : value < 1 ? (value * 1000).toFixed(value < 0.01 ? 1 : 0) + " ms" : value.toFixed(2) + " s");

/** Returns a list entry for each step. The bar shows when it happened; the text says the same. */
function draw(steps) {
  if (!steps.length) return [];
  const start = steps[0].at;
  const total = Math.max(...steps.map((s) => s.at + s.seconds * 1000)) - start || 1;
  return steps.map((step) => {
    const bar = el("span", { class: step.device ? "bar device" : "bar" });
    bar.style.left = ((step.at - start) / total) * 99 + "%";
    bar.style.width = Math.max(0.6, (step.seconds * 1000 / total) * 99) + "%";
    return el("li", { class: step.error ? "failed" : "" },
      el("span", { class: "when" }, step.at === start ? "start" : "+" + seconds((step.at - start) / 1000), el("time", {}, clock(step.at))),
      el("span", { class: "step" }, badge(step.who, step.device ? "good" : ""), " ", step.what,
        step.seconds ? ` in ${seconds(step.seconds)}` : "", step.error ? badge(step.error, "bad") : "", " ", el("code", {}, step.name)),
      el("span", { class: "track", "aria-hidden": "true" }, bar));
  });
}
