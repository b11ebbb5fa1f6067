// The view "User": the connections of a user, what is stored for the user, and a live tail.
import { get, post } from "../api.js";
import { announce, badge, button, card, el, field, resultLine } from "../dom.js";
import { table } from "../table.js";
import { liveTail } from "./tail.js";

export const user = {
  id: "user",
  title: "User",
  intro: "The connections of one user on all nodes, what is stored for the user, and the messages as they pass. Redis is read by this user's keys only.",
  mount(panel, context) {
    const input = el("input", { autocomplete: "off", spellcheck: "false", placeholder: "a user id, the sub of the token", list: "users" });
    const known = el("datalist", { id: "users" }, ...(context.info.demonstration?.teachers ?? []).map((t) => el("option", { value: t.user })));
    const result = resultLine();
    const views = [connections(context, result), kept(), liveTail()];
    const show = () => {
      const name = input.value.trim();
      result.clear();
      if (!name) return result.bad("Enter a user id.");
      for (const view of views) view.show(encodeURIComponent(name), name);
    };
    panel.append(card("Select the user", el("form", { class: "row", onsubmit: (event) => { event.preventDefault(); show(); } },
      field("User id", input), known, button("Show the user", undefined, { type: "submit", class: "primary" })), result.line),
    ...views.map((v) => v.element));
    return { hide: () => views[2].stop() };
  },
};

/** Returns the card with the user's connections. */
function connections(context, result) {
  const list = el("div", {}, el("p", { class: "empty" }, "No user is selected."));
  const row = el("p", { class: "row" });
  const element = card("Connections", list, row);
  const show = async (user, name) => {
    try {
      const { leases, nodes } = await get(`users/${user}/connections`);
      list.replaceChildren(
        table(`Connections of ${name}`, [
          { title: "Since", cell: (c) => new Date(c.since).toLocaleString() },
          { title: "Transport", cell: (c) => c.transport },
          { title: "Node", cell: (c) => c.node },
          { title: "Last id", cell: (c) => c.last_event_id ?? "unknown" },
          { title: "Queued", numeric: true, cell: (c) => `${c.queued_messages} (${c.queued_bytes} bytes)` },
          { title: "Origin", cell: (c) => c.origin ?? "none" },
          { title: "Session", cell: (c) => el("code", {}, c.session) },
        ], joined(leases, nodes), `${name} has no connection.`),
        ...nodes.filter((n) => n.error && !n.error.includes("404")).map((n) => el("p", {}, badge(n.address, "bad"), " ", n.error)));
    } catch (error) {
      list.replaceChildren(el("p", { class: "result bad" }, error.message));
    }
    const disconnect = button("Disconnect the user", async () => {
      if (!confirm(`Close all connections of ${name}? Their clients get 4003 and do not connect again.`)) return;
      try {
        await post(`users/${user}/disconnect`);
        result.good(`All nodes are told to disconnect ${name}.`);
        setTimeout(() => show(user, name), 500);
      } catch (error) {
        result.bad(error.message);
      }
    }, { class: "danger", disabled: !context.info.actions });
    row.replaceChildren(button("Refresh", () => show(user, name)), disconnect, context.info.actions ? "" : "Read-only: start the console with --allow-actions.");
  };
  return { element, show };
}

/** Returns each lease with what its node says about the connection. */
function joined(leases, nodes) {
  const reported = new Map(nodes.flatMap((n) => (n.connections ?? []).map((c) => [c.session, c])));
  const out = leases.map((l) => ({ node: l.node, ...(reported.get(l.session) ?? { since: l.since, transport: "no node reports it", session: l.session, queued_messages: 0, queued_bytes: 0 }) }));
  const known = new Set(leases.map((l) => l.session));
  for (const n of nodes) for (const c of n.connections ?? []) if (!known.has(c.session)) out.push({ node: n.address + " (no lease)", ...c });
  return out;
}

/** Returns the card with the user's stored notifications. */
function kept() {
  const list = el("div", {}, el("p", { class: "empty" }, "No user is selected."));
  const more = el("p", { class: "row" });
  let frames = [];
  const load = async (user, name, after) => {
    try {
      const page = await get(`users/${user}/kept?after=${after}`);
      frames = frames.concat(page.frames);
      draw(name);
      const last = page.frames.at(-1)?.id;
      more.replaceChildren(page.more && last ? button("Load more", () => load(user, name, last)) : "");
    } catch (error) {
      list.replaceChildren(el("p", { class: "result bad" }, error.message));
    }
  };
  const draw = (name) => {
    list.replaceChildren(table(`Stored notifications of ${name}, the newest first`, [
      { title: "Stored at", cell: (f) => new Date(parseInt(f.id)).toLocaleString() },
      { title: "Id", cell: (f) => el("code", {}, f.id) },
      { title: "Type", cell: (f) => f.event },
      { title: "Priority", cell: (f) => f.data?.priority },
      { title: "Batch or class", cell: (f) => f.data?.batch_id ?? f.data?.class_id },
      { title: "Frame", cell: (f) => el("details", {}, el("summary", {}, "JSON"), el("pre", {}, JSON.stringify(f, null, 2))) },
    ], frames.toReversed(), `Nothing is stored for ${name}.`));
    announce(`${frames.length} stored notifications of ${name}`);
  };
  return {
    element: card("Stored notifications", list, more),
    show: (user, name) => { frames = []; load(user, name, "0-0"); },
  };
}
