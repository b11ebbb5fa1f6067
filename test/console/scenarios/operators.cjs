// The views of an operator, on the services of the demonstration or on running services. The option "demonstration" is
// the URL of the console of "edge up", whose devices are the user's connections.
"use strict";
const assert = require("node:assert/strict");

module.exports = async ({ page, open, check, options }) => {
  const api = options.demonstration + "api/demonstration/";
  const devices = await page.context().newPage();
  await devices.goto(options.demonstration);
  for (const name of ["Phone", "Laptop"]) await devices.locator(`[data-device="${name}"]`).getByText("open, by websocket").waitFor();
  options.token = (await (await fetch(api + "token?user=teacher-anna")).json()).token;
  options.notify = async () => {
    const headers = { Origin: new URL(api).origin, "Content-Type": "application/json" };
    const answer = await fetch(api + "notify", { method: "POST", headers, body: JSON.stringify({ user: "teacher-anna", stored: true }) });
    assert.equal(answer.status, 200, await answer.text());
  };
  await options.notify();
  await devices.locator('[data-device="Phone"]').getByText("class_created").waitFor();
  await nodesView(open, check);
  await userView(page, open, check, options);
  await lettersView(page, open, check, options);
  await tokenView(open, check, options);
  await settingsView(open, check);
  await chartsView(open, check);
};
module.exports.expectedProblems = [/status of 403/];

async function nodesView(open, check) {
  const view = await open("Nodes");
  for (const service of ["api_gateway_service", "websocket_service"]) {
    const node = view.locator("[data-node]").filter({ hasText: service });
    await node.getByText("ready", { exact: true }).waitFor();
    assert.match(await node.innerText(), /Version\s+\S+[\s\S]*Environment\s+development[\s\S]*Dependencies[\s\S]*kafka\s+healthy[\s\S]*Limits and what is in use/);
  }
  const circuits = await view.getByRole("region", { name: "Circuits" }).innerText();
  for (const service of ["result_aggregator", "batch_orchestrator", "file_service"]) assert.match(circuits, new RegExp(service + "\\s+closed"));
  await view.getByText("0 records in 3 partitions").waitFor();
  assert.match(await view.getByRole("region", { name: "Partitions of the notification topic" }).innerText(), /0\s+0\s+1\s+0\s+2\s+0/);
  await check("nodes");
}

async function userView(page, open, check, options) {
  const view = await open("User");
  await view.getByRole("button", { name: "Show the user" }).click();
  await view.getByText("Enter a user id.").waitFor();
  await view.getByLabel("User id").fill("teacher-anna");
  await view.getByRole("button", { name: "Show the user" }).click();
  const connections = view.getByRole("region", { name: "Connections of teacher-anna" });
  await connections.waitFor();
  assert.match(await connections.innerText(), /websocket\s+\S+\/\d+\s+\d+-\d+\s+0 \(0 bytes\)\s+http:\/\/127/);
  const kept = view.getByRole("region", { name: /Stored notifications of teacher-anna/ });
  assert.match(await kept.innerText(), /\d+-\d+\s+class_created\s+standard/);

  await view.getByRole("button", { name: "Start the tail" }).click();
  await view.getByText("live", { exact: true }).waitFor();
  await options.notify();
  await view.getByRole("list", { name: "Live messages" }).getByText("class_created", { exact: true }).waitFor();
  await check("user");
  await view.getByLabel("Show only types that contain").fill("nothing");
  await view.getByRole("button", { name: "Stop the tail" }).click();
  await view.getByText("off", { exact: true }).waitFor();

  const disconnect = view.getByRole("button", { name: "Disconnect the user" });
  if (options.readOnly) {
    assert.ok(await disconnect.isDisabled());
    await view.getByText("Read-only: start the console with --allow-actions.").waitFor();
    assert.equal(await page.evaluate(() => fetch("api/users/teacher-anna/disconnect", { method: "POST", body: "{}" }).then((r) => r.status)), 403);
    return;
  }
  page.once("dialog", (dialog) => dialog.accept());
  await disconnect.click();
  await view.getByText("All nodes are told to disconnect teacher-anna.").waitFor();
  await view.getByText("teacher-anna has no connection.").waitFor();
  await view.getByRole("button", { name: "Refresh" }).click();
}

async function lettersView(page, open, check, options) {
  const view = await open("Dead letters");
  const dryRun = view.getByRole("button", { name: /^Dry run of/ }).first();
  for (let i = 0; i < 100 && !(await dryRun.count()); i++) {
    await Promise.all([page.waitForResponse(/deadletters$/), view.getByRole("button", { name: "Read again" }).click()]);
  }
  assert.match(await view.getByRole("region").innerText(), /\d\/\d+[\s\S]*huleedu\.notification\.teacher\.requested\.v1\/\d\/\d+[\s\S]*teacher-anna/);
  await dryRun.click();
  await view.getByText(/would write 11 bytes from the original record/).waitFor();
  await check("letters");
  const replay = view.getByRole("button", { name: /^Replay/ }).first();
  if (options.readOnly) return assert.ok(await replay.isDisabled());
  await replay.click();
  await view.getByText(/: wrote 11 bytes/).waitFor();
}

async function tokenView(open, check, { token }) {
  const view = await open("Token");
  const input = view.getByLabel("Token");
  const judge = () => view.getByRole("button", { name: "Check" }).click();
  await judge();
  await view.getByText("Paste a token first.").waitFor();
  await input.fill("Bearer " + token);
  await judge();
  await view.getByText("accepted", { exact: true }).waitFor();
  assert.match(await view.innerText(), /as teacher-anna[\s\S]*alg\s+HS256[\s\S]*sub\s+teacher-anna/);
  const [header, claims, signature] = token.split(".");
  const changed = JSON.parse(Buffer.from(claims, "base64url"));
  changed.sub = "teacher-bo";
  await input.fill([header, Buffer.from(JSON.stringify(changed)).toString("base64url"), signature].join("."));
  await judge();
  await view.getByText("refused", { exact: true }).waitFor();
  assert.match(await view.innerText(), /AUTHENTICATION_ERROR: Invalid token\. Cause: signature/);
  await check("token");
  await input.fill("no token");
  await judge();
  await view.getByText(/Cause: malformed/).waitFor();
  await view.getByRole("button", { name: "Clear" }).click();
  assert.equal(await input.inputValue(), "");
}

async function settingsView(open, check) {
  const view = await open("Settings");
  const list = view.getByRole("region", { name: /^Settings of/ });
  await list.waitFor();
  await view.getByLabel("Name contains").fill("JWT_SECRET");
  const text = await list.innerText();
  assert.match(text, /JWT_SECRET_KEY\s+\[redacted\]/);
  assert.doesNotMatch(text, /development-secret/);
  await view.getByLabel("Name contains").fill("");
  await view.getByLabel("Only settings that are not the default").check();
  assert.doesNotMatch(await list.innerText(), /\bdefault\b/);
  await check("settings");
  await view.getByLabel("Node").selectOption({ index: 1 });
  await view.getByText(/^Settings of/).waitFor();
  await view.getByRole("button", { name: "Read again" }).click();
}

async function chartsView(open, check) {
  const view = await open("Charts");
  for (const title of ["Connections", "Consumer lag", "Deliveries", "Delivery latency", "Requests by status", "Request latency"]) {
    await view.locator(`[data-chart="${title}"]`).getByRole("img").waitFor();
  }
  await view.locator('[data-chart="Requests by status"]').getByText(/^200: /).waitFor();
  const picture = view.locator('[data-chart="Connections"]').getByRole("img");
  assert.match(await picture.getAttribute("aria-label"), /^Connections in connections: \S+ \d+/);
  await view.locator('[data-chart="Connections"] summary').click();
  await view.getByRole("region", { name: "Connections, in connections" }).waitFor();
  await check("charts");
}
