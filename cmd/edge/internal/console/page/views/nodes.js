// The view "Nodes": what each node says about itself.
import { get } from "../api.js";
import { badge, card, clock, el, resultLine } from "../dom.js";
import { poll } from "../poll.js";
import { pairs, table } from "../table.js";

const pause = 3000; // milliseconds between two questions

export const nodes = {
  id: "nodes",
  title: "Nodes",
  intro: "Version, readiness, lag, limits and circuits of each gateway and each node of the notification service. The page asks every three seconds.",
  mount(panel) {
    const list = el("div", {});
    const result = resultLine();
    panel.append(result.line, list);
    const ask = async () => {
      try {
        const all = await get("nodes");
        result.clear();
        list.replaceChildren(...(all.length ? all.map(node) : [el("p", { class: "empty" }, "No node is named: start the console with --nodes.")]));
      } catch (error) {
        result.bad(error.message);
      }
    };
    return poll(ask, pause);
  },
};

/** Returns the card of a node. */
function node({ address, error, node: n, circuits, lag }) {
  if (error) return card(address, el("p", {}, badge("no answer", "bad"), " ", error));
  const heading = el("h3", {}, `${n.service} `, badge(n.ready ? "ready" : "not ready", n.ready ? "good" : "bad"));
  return el("section", { class: "card", "data-node": address }, heading,
    el("div", { class: "columns" },
      el("div", {}, pairs({
        Node: n.node, "Admin address": address, Version: n.version, Revision: n.revision, Environment: n.environment, Started: new Date(n.started).toLocaleString(),
        "Consumer lag": n.service === "websocket_service" ? lagText(lag) : undefined,
      }),
      lag && table("Partitions of the notification topic", [
        { title: "Partition", cell: (p) => text(p.partition) },
        { title: "Records that wait", numeric: true, cell: (p) => text(p.records) },
      ], lag)),
      table("Dependencies", [
        { title: "Dependency", name: true, cell: ([name]) => name },
        { title: "State", cell: ([, d]) => badge(state(d), state(d) === "healthy" ? "good" : "bad") },
        { title: "Note", cell: ([, d]) => d.note },
      ], Object.entries(n.dependencies ?? {})),
      table("Limits and what is in use", [
        { title: "Name", cell: (name) => words(name) },
        { title: "In use", numeric: true, cell: (name) => text(n.counts?.[name]) },
        { title: "Limit", numeric: true, cell: (name) => text(n.limits?.[name]) },
      ], [...new Set([...Object.keys(n.counts ?? {}), ...Object.keys(n.limits ?? {})])])),
    circuits && table("Circuits", [
      { title: "Service", name: true, cell: (c) => c.service },
      { title: "State", cell: (c) => badge(c.state, c.state === "closed" ? "good" : c.state === "open" ? "bad" : "busy") },
      { title: "Failures", numeric: true, cell: (c) => text(c.failures) },
      { title: "In flight", numeric: true, cell: (c) => text(c.in_flight) },
      { title: "Idle connections", numeric: true, cell: (c) => text(c.idle_connections) },
    ], circuits),
    el("p", { class: "empty" }, "Asked at " + clock(Date.now())));
}

/** Returns the lag of all partitions of a node as a text. */
function lagText(lag) {
  if (!lag) return "no partitions: other nodes have them, or Kafka is away";
  const records = lag.reduce((sum, p) => sum + p.records, 0);
  return `${text(records)} record${records === 1 ? "" : "s"} in ${lag.length} partition${lag.length === 1 ? "" : "s"}`;
}

const state = (d) => d.status ?? d.condition ?? String(d);
const text = (value) => (value === undefined ? "" : Number(value).toLocaleString("en"));
const words = (name) => name.replaceAll("_", " ");
