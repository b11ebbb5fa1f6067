// A teacher starts a pipeline, uploads a file, and takes a device offline and online again.
"use strict";
const assert = require("node:assert/strict");

module.exports = async ({ page, open, check }) => {
  const view = await open("Try it");
  const phone = view.locator('[data-device="Phone"]');
  const laptop = view.locator('[data-device="Laptop"]');
  for (const device of [phone, laptop]) await device.getByText("open, by websocket").waitFor();

  await view.getByLabel("Teacher").selectOption("teacher-anna");
  for (const device of [phone, laptop]) await device.getByText("open, by websocket").waitFor();
  await view.getByLabel("Batch").selectOption("batch-anna-1");
  await view.getByLabel("Pipeline").selectOption("cj_assessment");
  await laptop.getByRole("button", { name: "Go offline" }).click();
  await laptop.locator('[data-status="offline"]').waitFor();
  await view.getByRole("button", { name: "Start pipeline" }).click();
  await view.getByText("Pipeline execution request received").waitFor();
  await phone.getByText("batch_results_ready").waitFor();
  assert.equal(await laptop.getByText("batch_results_ready").count(), 0, "an offline device receives nothing");
  await laptop.getByRole("button", { name: "Go online" }).click();
  await laptop.getByText("batch_results_ready").waitFor();
  assert.equal(await laptop.getByText("pipeline_completed").count(), 1, "each notification arrives once");
  assert.equal(await laptop.getByText("batch_processing_started").count(), 1, "the first one arrives too");

  await view.getByText("completed_successfully").first().waitFor();
  await view.getByText("4 of 4 essays").waitFor();
  const phases = await view.getByRole("list", { name: "Phases" }).innerText();
  assert.match(phases, /spellcheck\s+completed_successfully\s+cj_assessment\s+completed_successfully/);
  await check("try");

  await view.getByLabel("Essays to upload").setInputFiles({ name: "essay.txt", mimeType: "text/plain", buffer: Buffer.alloc(1 << 20, "a") });
  await view.getByRole("button", { name: "Upload", exact: true }).click();
  await phone.getByText("batch_files_uploaded").waitFor();

  await view.getByLabel("Teacher").selectOption("teacher-cecilia");
  await view.getByLabel("Pipeline").selectOption("cj_assessment");
  await view.getByRole("button", { name: "Start pipeline" }).click();
  await view.getByText(/402.*refused/).waitFor();

  await page.getByRole("tab", { name: "Try it" }).focus();
  await page.keyboard.press("End");
  assert.equal(await page.locator("[role=tab][aria-selected=true]").count(), 1);
};
module.exports.expectedProblems = [/status of 402/];
