// The journey of a pipeline: the request, the preflight, Kafka, the notification, and both devices.
"use strict";
const assert = require("node:assert/strict");

module.exports = async ({ page, open, check }) => {
  const view = await open("Try it");
  for (const name of ["Phone", "Laptop"]) await view.locator(`[data-device="${name}"]`).getByText("open, by websocket").waitFor();
  await view.getByLabel("Batch").selectOption("batch-anna-2");
  await view.getByLabel("Pipeline").selectOption("spellcheck");
  await view.getByRole("button", { name: "Start pipeline" }).click();
  for (const name of ["Phone", "Laptop"]) await view.locator(`[data-device="${name}"]`).getByText("batch_results_ready").waitFor();
  await view.getByRole("button", { name: "Show its journey" }).click();

  const journey = page.getByRole("tabpanel", { name: "Journey" });
  await journey.getByText(/\d+ steps in/).waitFor();
  const steps = await journey.getByRole("list", { name: "Timeline" }).getByRole("listitem").allInnerTexts();
  const order = [
    /gateway asks result_aggregator/, /gateway asks batch_orchestrator/, /gateway publishes the command on Kafka/,
    /notification service reads the notification from Kafka \(partition \d+, offset \d+\)/, /notification service writes the notification to a connection of teacher-anna/,
    /Phone receives the stored notification/,
  ];
  let last = -1;
  for (const step of order) {
    const i = steps.findIndex((text) => step.test(text.replace(/\s+/g, " ")));
    assert.ok(i > last, `${step} is step ${i}, after ${last}:\n${steps.join("\n---\n")}`);
    last = i;
  }
  assert.ok(steps.some((text) => /answers the request with 202/.test(text)), steps.join("\n"));
  for (const device of ["Phone", "Laptop"]) assert.ok(steps.some((text) => text.includes(device) && text.includes("batch_results_ready")), device);
  await check("journey");

  await journey.getByLabel("Correlation id").fill("00000000-0000-4000-8000-000000000000");
  await journey.getByRole("button", { name: "Show", exact: true }).click();
  await journey.getByText("Nothing is known about this correlation id.").waitFor();
  await open("Try it");
  await view.locator('[data-device="Phone"]').getByRole("button", { name: /^Journey of batch_results_ready/ }).first().click();
  await journey.getByText(/\d+ steps in/).waitFor();
};
