// Builds elements. Data becomes text nodes and attributes, never markup.

/** Returns an element. Properties that begin with "on" are listeners, "class" and "data-*" attributes. */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((c) => c !== undefined && c !== null));
  return element;
}

let lastId = 0;

/** Returns a label above a control. */
export function field(text, control) {
  control.id ||= "field-" + ++lastId;
  return el("div", { class: "field" }, el("label", { for: control.id }, text), control);
}

/** Returns a select with one option per value. */
export const choice = (values, onchange) => el("select", { onchange }, ...values.map((v) => new Option(v.text ?? v, v.value ?? v)));

/** Returns a button. */
export const button = (text, onclick, properties = {}) => el("button", { type: "button", onclick, ...properties }, text);

/** Returns a line for the result of an action, which screen readers announce. */
export function resultLine() {
  const line = el("p", { class: "result", role: "status" });
  return {
    line,
    good(text, ...more) { line.className = "result good"; line.replaceChildren(text, ...more); },
    bad(text, ...more) { line.className = "result bad"; line.replaceChildren(text, ...more); },
    clear() { line.className = "result"; line.replaceChildren(); },
  };
}

/** Returns a section with a heading. */
export const card = (title, ...children) => el("section", { class: "card" }, el("h3", {}, title), ...children);

/** Returns a coloured word. The kind is good, bad, busy or nothing. */
export const badge = (text, kind = "") => el("span", { class: "badge " + kind }, text);

/** Returns a name whose words a narrow page may break after each underscore or slash. */
export function breakable(name) {
  const out = document.createDocumentFragment();
  for (const part of name.split(/(?<=[_/])/)) out.append(part, document.createElement("wbr"));
  return out;
}

/** Returns a time of day with milliseconds. */
export const clock = (time) => new Date(time).toTimeString().slice(0, 8) + "." + String(new Date(time).getMilliseconds()).padStart(3, "0");

/** Announces a sentence to screen readers. */
export const announce = (text) => (document.getElementById("announcer").textContent = text);
