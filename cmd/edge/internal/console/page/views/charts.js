// The view "Charts": what the services' own metrics say, over the last minutes.
import { get } from "../api.js";
import { chart } from "../chart.js";
import { el, resultLine } from "../dom.js";
import { poll } from "../poll.js";

const pause = 2000; // milliseconds between two samples
const most = 150; // samples that are kept: five minutes

const milliseconds = (v) => (v < 10 ? v.toFixed(1) : Math.round(v)) + " ms";
const perSecond = (v) => v.toFixed(1);

export const charts = {
  id: "charts",
  title: "Charts",
  intro: "Connections, consumer lag, deliveries a second, latency quantiles and requests by status, from the metrics of all nodes together. The page takes a sample every two seconds while this view is shown.",
  mount(panel) {
    const result = resultLine();
    const connections = chart("Connections", "connections");
    const deliveries = chart("Deliveries", "messages a second", perSecond);
    const delivery = chart("Delivery latency", "milliseconds", milliseconds);
    const requests = chart("Requests by status", "requests a second", perSecond);
    const latency = chart("Request latency", "milliseconds", milliseconds);
    const lag = chart("Consumer lag", "records that wait on Kafka");
    panel.append(result.line, el("div", { class: "columns wide" }, ...[connections, lag, deliveries, delivery, requests, latency].map((c) => c.element)));
    const points = [];
    let before;
    const ask = async () => {
      try {
        const nodes = (await get("metrics")).filter((n) => !n.error);
        if (!nodes.length) return result.bad("No node answers with metrics.");
        result.clear();
        points.push(point(nodes, before));
        before = new Map(nodes.map((n) => [n.address, n]));
        if (points.length > most) points.shift();
        const series = (name) => points.map((p) => ({ at: p.at, values: p[name] }));
        connections.draw(series("connections"));
        lag.draw(series("lag"));
        deliveries.draw(series("deliveries"));
        delivery.draw(series("delivery"));
        requests.draw(series("requests"));
        latency.draw(series("latency"));
      } catch (error) {
        result.bad(error.message);
      }
      return undefined;
    };
    return poll(ask, pause);
  },
};

/** Returns the values of one moment. Rates and quantiles are of the time since the sample before. */
function point(nodes, before) {
  const at = Math.max(...nodes.map((n) => Date.parse(n.at)));
  const out = { at, connections: {}, lag: {}, deliveries: {}, delivery: {}, requests: {}, latency: {} };
  for (const n of nodes) {
    if (n.connections !== null) out.connections[n.address] = n.connections;
    if (n.lag !== null) out.lag[n.address] = n.lag;
  }
  const pairs = nodes.map((n) => [n, before?.get(n.address)]).filter(([, old]) => old);
  if (!pairs.length) return out;
  const seconds = (Date.parse(pairs[0][0].at) - Date.parse(pairs[0][1].at)) / 1000;
  for (const [n, old] of pairs) {
    if (n.delivered !== null) out.deliveries[n.address] = Math.max(0, n.delivered - old.delivered) / seconds;
    for (const [status, count] of Object.entries(n.requests)) {
      out.requests[status] = (out.requests[status] ?? 0) + Math.max(0, count - (old.requests[status] ?? 0)) / seconds;
    }
  }
  out.delivery = quantiles(pairs, "delivery_seconds");
  out.latency = quantiles(pairs, "request_seconds");
  return out;
}

/** Returns the quantiles of what was observed between two samples, in milliseconds. */
function quantiles(pairs, name) {
  const counts = new Map();
  for (const [n, old] of pairs) {
    n[name].forEach((b, i) => counts.set(b.bound, (counts.get(b.bound) ?? 0) + Math.max(0, b.count - (old[name][i]?.count ?? 0))));
  }
  const buckets = [...counts].map(([bound, count]) => ({ bound: bound ?? Infinity, count })).sort((a, b) => a.bound - b.bound);
  if (!buckets.length || !buckets.at(-1).count) return {};
  return { p50: quantile(buckets, 0.5), p95: quantile(buckets, 0.95), p99: quantile(buckets, 0.99) };
}

/** Returns a quantile in milliseconds, interpolated in its bucket as Prometheus does. */
function quantile(buckets, q) {
  const rank = q * buckets.at(-1).count;
  const i = buckets.findIndex((b) => b.count >= rank);
  const low = i ? buckets[i - 1] : { bound: 0, count: 0 };
  if (buckets[i].bound === Infinity) return low.bound * 1000;
  const inside = buckets[i].count - low.count;
  return (low.bound + (buckets[i].bound - low.bound) * (inside ? (rank - low.count) / inside : 1)) * 1000;
}
