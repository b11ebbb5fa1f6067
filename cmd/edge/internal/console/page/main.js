// Builds the tabs and shows one view at a time. A view is built when it is first shown.
import { get } from "./api.js";
import { el } from "./dom.js";
import { charts } from "./views/charts.js";
import { faults } from "./views/faults.js";
import { journey } from "./views/journey.js";
import { letters } from "./views/letters.js";
import { nodes } from "./views/nodes.js";
import { settings } from "./views/settings.js";
import { token } from "./views/token.js";
import { tryIt } from "./views/try.js";
import { user } from "./views/user.js";

const shown = { current: undefined };
const views = (info) => [...(info.demonstration ? [tryIt, journey, faults] : []), nodes, user, letters, token, settings, charts];

/** Returns a tab and its panel. */
function build(view, context) {
  const tab = el("button", { type: "button", role: "tab", id: "tab-" + view.id, "aria-controls": "view-" + view.id, "aria-selected": "false", tabindex: "-1" }, view.title);
  const panel = el("section", { role: "tabpanel", id: "view-" + view.id, "aria-labelledby": tab.id, hidden: true });
  const entry = { view, tab, panel, handle: undefined };
  tab.addEventListener("click", () => select(entry, context));
  return entry;
}

/** Shows a view and stops the one that was shown. */
function select(entry, context) {
  const before = shown.current;
  if (before === entry) return;
  if (before) {
    before.panel.hidden = true;
    before.tab.setAttribute("aria-selected", "false");
    before.tab.tabIndex = -1;
    before.handle?.hide?.();
  }
  shown.current = entry;
  entry.panel.hidden = false;
  entry.tab.setAttribute("aria-selected", "true");
  entry.tab.tabIndex = 0;
  entry.tab.scrollIntoView({ block: "nearest", inline: "nearest" });
  if (location.hash.slice(1).split("/")[0] !== entry.view.id) history.replaceState(null, "", "#" + entry.view.id);
  if (!entry.handle) {
    entry.panel.append(el("h2", {}, entry.view.title), el("p", { class: "intro" }, entry.view.intro));
    entry.handle = entry.view.mount(entry.panel, context) ?? {};
  }
  entry.handle.show?.();
}

/** Moves the focus with the arrow keys, Home and End. */
function moveWithKeys(event, entries, context) {
  const i = entries.indexOf(shown.current);
  const last = entries.length - 1;
  const next = { ArrowRight: i === last ? 0 : i + 1, ArrowLeft: i === 0 ? last : i - 1, Home: 0, End: last }[event.key];
  if (next === undefined) return;
  event.preventDefault();
  select(entries[next], context);
  entries[next].tab.focus();
}

async function start() {
  const info = await get("info");
  document.getElementById("mode").textContent = info.demonstration
    ? "Both services and a simulated platform, on this machine."
    : "Running services, " + (info.actions ? "with actions." : "read-only.");
  const context = { info, shared: {}, open: undefined };
  const entries = views(info).map((view) => build(view, context));
  // open shows a view from another one, with arguments for its handle.
  context.open = (id, ...args) => {
    const entry = entries.find((e) => e.view.id === id);
    select(entry, context);
    entry.handle.open?.(...args);
    entry.tab.focus();
  };
  document.getElementById("tabs").append(...entries.map((e) => e.tab));
  document.getElementById("tabs").addEventListener("keydown", (event) => moveWithKeys(event, entries, context));
  document.getElementById("views").append(...entries.map((e) => e.panel));
  const wanted = () => entries.find((e) => e.view.id === location.hash.slice(1).split("/")[0]);
  addEventListener("hashchange", () => wanted() && select(wanted(), context));
  select(wanted() ?? entries[0], context);
}

start().catch((error) => document.getElementById("views").replaceChildren(el("p", { class: "result bad", role: "alert" }, error.message)));
