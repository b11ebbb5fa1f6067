// The view "Dead letters": records that the notification service could not use, and their replay.
import { get, post } from "../api.js";
import { button, card, el, resultLine } from "../dom.js";
import { table } from "../table.js";

export const letters = {
  id: "letters",
  title: "Dead letters",
  intro: "Records that the notification service could not use. Correct the cause first, then replay: the event id stays, so that nothing is delivered twice. The dead letters stay in their topic.",
  mount(panel, context) {
    const result = resultLine();
    const list = el("div", {});
    const replay = (letter, dryRun) => async () => {
      const path = `deadletters/${letter.position}/replay`;
      try {
        result.good(`${letter.position}: ${(await (dryRun ? get(path) : post(path))).told}`);
      } catch (error) {
        result.bad(error.message);
      }
    };
    const load = async () => {
      try {
        const { letters: all, total } = await get("deadletters");
        list.replaceChildren(table(`The newest ${all.length} of ${total} dead letters`, [
          { title: "Time", cell: (l) => new Date(l.time).toLocaleString() },
          { title: "Position", cell: (l) => l.position },
          { title: "Reason", cell: (l) => l.reason },
          { title: "Source", cell: (l) => l.source },
          { title: "Event id", cell: (l) => el("code", {}, l.event_id) },
          { title: "Key", cell: (l) => l.key },
          { title: "Replay", cell: (l) => el("span", { class: "row" },
            button("Dry run", replay(l, true), { class: "small", "aria-label": `Dry run of ${l.position}` }),
            button("Replay", replay(l, false), { class: "small danger", disabled: !context.info.actions, "aria-label": `Replay ${l.position}` })) },
        ], all.toReversed(), "There are no dead letters."));
      } catch (error) {
        result.bad(error.message);
      }
    };
    panel.append(card("Dead letters", el("p", { class: "row" }, button("Read again", load), context.info.actions ? "" : "Read-only: start the console with --allow-actions."), result.line, list));
    return { show: load };
  },
};
