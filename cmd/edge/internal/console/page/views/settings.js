// The view "Settings": the settings in effect of each node, without secrets.
import { get } from "../api.js";
import { badge, button, card, choice, el, field, resultLine } from "../dom.js";
import { table } from "../table.js";

export const settings = {
  id: "settings",
  title: "Settings",
  intro: "The settings in effect of each node and where they come from. The node redacts its secrets before it answers.",
  mount(panel) {
    const result = resultLine();
    const list = el("div", {});
    const filter = el("input", { autocomplete: "off", placeholder: "a part of the name", oninput: () => draw() });
    const changed = el("input", { type: "checkbox", onchange: () => draw() });
    const node = choice([], () => draw());
    let all = [];
    const draw = () => {
      const selected = all.find((n) => n.address === node.value);
      if (!selected) return list.replaceChildren(el("p", { class: "empty" }, "No node is named: start the console with --nodes."));
      if (selected.error) return list.replaceChildren(el("p", {}, badge("no answer", "bad"), " ", selected.error));
      const words = filter.value.trim().toUpperCase();
      const rows = selected.settings.filter((s) => s.name.includes(words) && (!changed.checked || s.source !== "default"));
      list.replaceChildren(table(`Settings of ${selected.address}`, [
        { title: "Name", name: true, cell: (s) => s.name },
        { title: "Value", wide: true, cell: (s) => s.value },
        { title: "Source", cell: (s) => s.source + (s.variable ? ", " + s.variable : "") },
      ], rows, "No setting matches."));
      return undefined;
    };
    const load = async () => {
      try {
        all = await get("config");
        const before = node.value;
        node.replaceChildren(...all.map((n) => new Option(n.address)));
        if (all.some((n) => n.address === before)) node.value = before;
        result.clear();
        draw();
      } catch (error) {
        result.bad(error.message);
      }
    };
    panel.append(card("Select the node", el("div", { class: "columns" }, field("Node", node), field("Name contains", filter), field("Only settings that are not the default", changed)),
      el("p", { class: "row" }, button("Read again", load)), result.line), card("Settings in effect", list));
    return { show: load };
  },
};
