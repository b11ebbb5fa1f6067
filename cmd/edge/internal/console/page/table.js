// Tables that scroll inside their own box when the page is narrow.
import { breakable, el } from "./dom.js";

const most = 4; // columns that fit beside each other on a phone; there, a wider table shows each row as a list

/** Returns a table with a caption. Columns are { title, cell(row), numeric, name, wide }; a cell is a text or an element, the text of a name breaks between words, and a wide cell needs a line of its own on a phone. */
export function table(caption, columns, rows, empty = "Nothing to show.") {
  if (!rows.length) return el("p", { class: "empty" }, empty);
  // The roles stay when a phone shows the rows as lists.
  const head = el("tr", { role: "row" }, ...columns.map((c) => el("th", { scope: "col", role: "columnheader", class: c.numeric && "number" }, c.title)));
  const body = rows.map((row) => el("tr", { role: "row" }, ...columns.map((c) =>
    el("td", { role: "cell", class: c.numeric ? "number" : c.name && "name", "data-title": c.title }, c.name ? breakable(c.cell(row)) : c.cell(row) ?? ""))));
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    el("table", { role: "table", class: (columns.length > most || columns.some((c) => c.wide)) && "stack" }, el("caption", {}, caption), el("thead", { role: "rowgroup" }, head), el("tbody", { role: "rowgroup" }, ...body)));
}

/** Returns a list of names and values. */
export const pairs = (values) => el("dl", { class: "pairs" },
  ...Object.entries(values).filter(([, v]) => v !== undefined && v !== null && v !== "")
    .flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, typeof value === "object" && !(value instanceof Node) ? JSON.stringify(value) : value instanceof Node ? value : String(value))]));
