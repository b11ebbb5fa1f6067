// Tables that scroll inside their own box when the page is narrow.
import { el } from "./dom.js";

/** Returns a table with a caption. Columns are { title, cell(row), numeric }; a cell is a text or an element. */
export function table(caption, columns, rows, empty = "Nothing to show.") {
  if (!rows.length) return el("p", { class: "empty" }, empty);
  const head = el("tr", {}, ...columns.map((c) => el("th", { scope: "col", class: c.numeric && "number" }, c.title)));
  const body = rows.map((row) => el("tr", {}, ...columns.map((c) => el("td", { class: c.numeric && "number" }, c.cell(row) ?? ""))));
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    el("table", {}, el("caption", {}, caption), el("thead", {}, head), el("tbody", {}, ...body)));
}

/** Returns a list of names and values. */
export const pairs = (values) => el("dl", { class: "pairs" },
  ...Object.entries(values).filter(([, v]) => v !== undefined && v !== null && v !== "")
    .flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, typeof value === "object" && !(value instanceof Node) ? JSON.stringify(value) : value instanceof Node ? value : String(value))]));
