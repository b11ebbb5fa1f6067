// The view "Try it": a teacher starts a pipeline, uploads files, and sees what two devices receive.
import { GatewayError } from "../client/gateway.js";
import { announce, badge, button, card, choice, el, field, resultLine } from "../dom.js";
import { session } from "../session.js";
import { phases } from "./phases.js";

const pipelines = ["cj_assessment", "spellcheck", "nlp", "ai_feedback", "student_matching"];

export const tryIt = {
  id: "try",
  title: "Try it",
  intro: "Sign in as a teacher of the sample school. Start a pipeline, and see the batch's phases and the notifications as they arrive on two devices.",
  mount(panel, context) {
    const s = session(context);
    const teacher = choice(s.teachers.map((t) => ({ value: t.user, text: `${t.user} (${t.org})` })), () => s.signIn(teacher.value));
    const batch = choice([]);
    const pipeline = choice(pipelines);
    const result = resultLine();
    const progress = phases(s, batch);
    const devices = el("div", { class: "columns" });
    const files = el("input", { type: "file", multiple: true });
    const bar = el("progress", { max: "1", value: "0", "aria-label": "Progress of the upload", hidden: true });
    const call = caller(s, context, result);
    const start = () => call("pipeline", () => s.gateway.startPipeline(batch.value, { requested_pipeline: pipeline.value })).then(progress.follow);
    const upload = () => call("upload", () => sendFiles(s, batch.value, files, bar));
    panel.append(
      el("div", { class: "columns" },
        card("Command", field("Teacher", teacher), field("Batch", batch), field("Pipeline", pipeline),
          el("p", { class: "row" }, button("Start pipeline", start, { class: "primary" })),
          field("Essays to upload", files), el("p", { class: "row" }, button("Upload", upload), bar), result.line),
        card("Batch", progress.element)),
      devices);
    const signedIn = () => {
      batch.replaceChildren(...s.teacher.batches.map((id) => new Option(id)));
      devices.replaceChildren(...s.devices.map((d) => d.element));
      result.clear();
      progress.follow();
    };
    batch.addEventListener("change", () => progress.follow());
    s.addEventListener("user", signedIn);
    signedIn();
    return { show: () => devices.replaceChildren(...s.devices.map((d) => d.element)) };
  },
};

/** Returns a function that runs a call of the gateway and shows its answer. */
function caller(s, context, result) {
  return async (what, action) => {
    try {
      const answer = await action();
      if (!answer) return;
      s.remember(answer.correlation_id, what);
      result.good(answer.message + " ", journeyButton(context, answer.correlation_id));
    } catch (error) {
      if (error instanceof GatewayError) s.remember(error.correlationId, what);
      result.bad(describe(error) + " ", error.correlationId ? journeyButton(context, error.correlationId) : "");
    }
  };
}

const journeyButton = (context, correlation) => button("Show its journey", () => context.open("journey", correlation), { class: "small", "data-correlation": correlation });

/** Returns an error of a call in words. */
export function describe(error) {
  if (!(error instanceof GatewayError)) return String(error.message ?? error);
  const retry = error.retryAfter ? `, retry after ${error.retryAfter} s` : "";
  return `${error.status} ${error.code || "refused"}: ${error.message}${retry}`;
}

/** Uploads the selected files and shows the progress. Without files it returns nothing. */
async function sendFiles(s, batchId, files, bar) {
  if (!files.files.length) {
    announce("Select files first");
    files.focus();
    return undefined;
  }
  bar.hidden = false;
  try {
    return await s.gateway.upload({ batchId, files: [...files.files], onProgress: ({ sent, total }) => (bar.value = sent / total) });
  } finally {
    bar.hidden = true;
    files.value = "";
  }
}
