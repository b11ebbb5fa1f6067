// The script of the example page. It uses the built package as an application does.
import { connect } from "./client/index.js";
import { createGateway, GatewayError } from "./client/gateway.js";

const $ = (id) => document.getElementById(id);
const config = await (await fetch("config.json")).json();
const most = 100; // entries of the list

let client;
let gateway;

/** Connects as a teacher. */
function signIn(user) {
  client?.close();
  $("list").replaceChildren();
  $("count").textContent = "0";
  const getToken = async ({ signal }) => (await fetch("token?user=" + encodeURIComponent(user), { signal })).text();
  gateway = createGateway({ url: config.gateway, getToken });
  client = connect({ url: config.notifications, getToken, start: "all", store: "memory" });
  client.onState(showState);
  client.on("*", (e) => add(e.event, JSON.stringify(e.data), e.id ? new Date(parseInt(e.id)) : new Date()));
  client.onGap((gap) => add("gap: " + gap.reason, "since " + gap.since, new Date(), "gap"));
  const { batches } = config.teachers.find((t) => t.user === user);
  $("batch").replaceChildren(...batches.map((id) => new Option(id)));
}

function showState({ status, transport, reason, code }) {
  $("status").textContent = $("status").dataset.status = status;
  $("transport").textContent = transport ? "by " + transport : "";
  $("why").textContent = [reason, code].filter(Boolean).join(", ");
}

/** Adds a line to the list; the newest is the first. */
function add(title, text, time, className = "") {
  const line = document.createElement("li");
  line.className = className;
  const parts = [["strong", title], ["code", text], ["time", time.toLocaleTimeString()]];
  line.append(...parts.map(([tag, content]) => Object.assign(document.createElement(tag), { textContent: content })));
  $("list").prepend(line);
  while ($("list").children.length > most) $("list").lastChild.remove();
  $("count").textContent = Number($("count").textContent) + 1;
}

/** Shows the answer of a call. */
async function call(action) {
  try {
    const answer = await action();
    $("answer").className = "";
    $("answer").textContent = `${answer.message} (correlation id ${answer.correlation_id})`;
  } catch (error) {
    $("answer").className = "failed";
    $("answer").textContent = error instanceof GatewayError ? `${error.code || error.status}: ${error.message} (correlation id ${error.correlationId})` : String(error);
  }
}

$("teacher").append(...config.teachers.map(({ user }) => new Option(user)));
$("teacher").onchange = () => signIn($("teacher").value);
$("reconnect").onclick = () => client.reconnect();
$("run").onclick = () => call(() => gateway.startPipeline($("batch").value, { requested_pipeline: $("pipeline").value }));
$("files").onchange = () => call(async () => {
  const progress = $("progress");
  progress.hidden = false;
  try {
    return await gateway.upload({
      batchId: $("batch").value, files: [...$("files").files],
      onProgress: ({ sent, total }) => (progress.value = sent / total),
    });
  } finally {
    progress.hidden = true;
    $("files").value = "";
  }
});
signIn(config.teachers[0].user);
