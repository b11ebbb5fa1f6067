// A line chart as SVG, with a table of the last values for those who cannot see it.
import { el } from "./dom.js";
import { table } from "./table.js";

const [width, height, left, bottom, top] = [600, 180, 70, 28, 16];
const namespace = "http://www.w3.org/2000/svg";

function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(namespace, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Returns a card with a chart. draw(points) shows points { at, values: { name: number } }, oldest first. */
export function chart(title, unit, format = (v) => String(Math.round(v * 100) / 100)) {
  const picture = el("div", { class: "chart" });
  const legend = el("p", { class: "row legend" });
  const values = el("div", {});
  const element = el("section", { class: "card", "data-chart": title }, el("h3", {}, title), picture, legend,
    el("details", {}, el("summary", {}, `Values of ${title.toLowerCase()}`), values));
  return {
    element,
    draw(points) {
      const names = [...new Set(points.flatMap((p) => Object.keys(p.values)))].sort();
      const most = Math.max(0, ...points.flatMap((p) => Object.values(p.values)));
      picture.replaceChildren(drawing(title, unit, points, { names, most, format }));
      legend.replaceChildren(...names.map((name, i) => el("span", { class: "key line" + (i % 5) }, name + ": " + last(points, name, format))));
      values.replaceChildren(table(`${title}, in ${unit}`, [
        { title: "Time", cell: (p) => new Date(p.at).toLocaleTimeString() },
        ...names.map((name) => ({ title: name, numeric: true, cell: (p) => (p.values[name] === undefined ? "" : format(p.values[name])) })),
      ], points.slice(-10).reverse(), "No values yet."));
    },
  };
}

const last = (points, name, format) => {
  const value = points.findLast((p) => p.values[name] !== undefined)?.values[name];
  return value === undefined ? "none" : format(value);
};

/** Returns the picture: an axis with zero and the largest value, and one line per name. */
function drawing(title, unit, points, { names, most, format }) {
  const scale = most || 1;
  const first = points[0]?.at ?? 0;
  const span = (points.at(-1)?.at ?? 1) - first || 1;
  const x = (at) => left + ((at - first) / span) * (width - left - 8);
  const y = (value) => height - bottom - (value / scale) * (height - bottom - top);
  const label = (text, px, py, anchor) => svg("text", { x: px, y: py, "text-anchor": anchor }, text);
  const now = names.map((name) => `${name} ${last(points, name, format)}`).join(", ") || "no values yet";
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${title} in ${unit}: ${now}` },
    svg("line", { class: "axis", x1: left, x2: width - 8, y1: y(0), y2: y(0) }), svg("line", { class: "axis", x1: left, x2: width - 8, y1: y(scale), y2: y(scale) }),
    label("0", left - 6, y(0) + 4, "end"), label(most ? format(scale) : "", left - 6, y(scale) + 4, "end"),
    label(points.length ? new Date(first).toLocaleTimeString() : "", left, height - 4, "start"),
    label(points.length ? new Date(points.at(-1).at).toLocaleTimeString() : "", width - 8, height - 4, "end"),
    ...names.map((name, i) => svg("polyline", {
      class: "line" + (i % 5), points: points.filter((p) => p.values[name] !== undefined).map((p) => `${x(p.at).toFixed(1)},${y(p.values[name]).toFixed(1)}`).join(" "),
    })));
}
