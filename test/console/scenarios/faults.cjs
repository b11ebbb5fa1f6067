// Each fault is switched on and off, and the page shows what a client sees meanwhile.
"use strict";
const assert = require("node:assert/strict");

module.exports = async ({ open, check, options }) => {
  const view = await open("Break things");
  const log = view.getByRole("list", { name: "Log" });
  const press = (fault) => view.locator(`[data-fault="${fault}"]`).getByRole("button").click();
  const on = (fault) => view.locator(`[data-fault="${fault}"]`).getByText("on", { exact: true }).waitFor();
  const off = (fault) => view.locator(`[data-fault="${fault}"]`).getByText("on", { exact: true }).waitFor({ state: "detached" });
  const ask = (name) => view.getByRole("button", { name, exact: true }).click();
  const says = (text) => log.getByText(text).first().waitFor();
  // gets sends a request and waits for a new entry with the text.
  const gets = async (request, text) => {
    const entries = log.getByText(text);
    const before = await entries.count();
    await ask(request);
    await entries.nth(before).waitFor();
  };
  // recovers sends a request every second until it succeeds: an open circuit lets a call through only after a while.
  const recovers = async (request, success) => {
    while ((await log.getByText(success).count()) === 0) {
      await view.page().waitForTimeout(1000);
      await gets(request, /^(20\d|50\d) /);
    }
  };
  const state = (device, status) => view.locator(`[data-state-of="${device}"][data-status="${status}"]`).waitFor();
  await state("Phone", "open");
  await state("Laptop", "open");

  await press("aggregator-stopped");
  await on("aggregator-stopped");
  for (let i = 0; i < 6; i++) await ask("Ask for the status");
  await says(/503 CIRCUIT_BREAKER_OPEN/);
  await ask("Send a direct message");
  await says("receives hello");
  await press("aggregator-stopped");
  await off("aggregator-stopped");
  await recovers("Ask for the status", /^200 /);

  await press("orchestrator-stopped");
  await on("orchestrator-stopped");
  await view.getByRole("button", { name: "Repair all" }).click();
  await off("orchestrator-stopped");

  await press("node-second");
  await on("node-second");
  await state("Laptop", "open");
  await press("node-killed");
  await says(/waiting/);
  await state("Laptop", "open");
  await ask("Send a stored notification");
  await log.getByRole("listitem").filter({ hasText: "Laptop" }).getByText("receives class_created (stored)").waitFor();
  await press("node-second");
  await on("node-second");
  await state("Laptop", "open");
  await press("node-second");
  await off("node-second");
  await says(/waiting.*1012/);
  await state("Laptop", "open");

  await view.getByLabel("Batch of the client").selectOption("batch-anna-1");
  await press("credits-refused");
  await on("credits-refused");
  await view.getByLabel("Pipeline of the client").selectOption("cj_assessment");
  await gets("Request the pipeline", /402/);
  await press("credits-refused");
  await off("credits-refused");

  await press("kafka-killed");
  await on("kafka-killed");
  await gets("Request the pipeline", /503 KAFKA_PUBLISH_ERROR/);
  await check("faults");
  await press("kafka-killed");
  await off("kafka-killed");
  await recovers("Request the pipeline", /^202 /);

  await press("redis-frozen");
  await on("redis-frozen");
  await gets("Ask for the status", /^200 /);
  await press("redis-frozen");
  await off("redis-frozen");

  if (options.full) {
    await press("aggregator-slow");
    await on("aggregator-slow");
    await gets("Ask for the status", /504 TIMEOUT/);
    await press("aggregator-stopped");
    await on("aggregator-stopped");
    await off("aggregator-slow");
    await press("aggregator-stopped");
    await off("aggregator-stopped");
  }
  assert.equal(await view.locator(".faults .badge.bad").count(), 0, "everything is repaired");
};
module.exports.expectedProblems = [/status of (402|50\d)/, /WebSocket connection to/, /ERR_/];
