// node page.cjs URL [TOKEN BATCH] - open a page of a service in Chromium at the width of a
// phone and print one JSON object: what the browser complains about, the hosts of all requests,
// and how many pixels the page is too wide. With TOKEN the page is Swagger UI: authorize, ask for
// the status of BATCH, and print the status and the body that the page shows.
"use strict";

async function tryStatus(page, token, batch) {
  await page.locator(".auth-wrapper .authorize").click();
  await page.locator(".modal-ux input").fill(token);
  await page.locator(".modal-ux .auth-btn-wrapper .authorize").click();
  await page.locator(".modal-ux .btn-done").click();
  const operation = page.locator("#operations-batches-batchStatus");
  await operation.locator(".opblock-summary-control").click();
  await operation.locator('tr[data-param-name="batch_id"] input').fill(batch);
  await operation.locator(".execute").click();
  const answer = operation.locator(".live-responses-table tbody .response").first();
  return {
    status: await answer.locator(".response-col_status").innerText(),
    body: await answer.locator(".highlight-code").first().innerText(),
  };
}

(async () => {
  const [url, token, batch] = process.argv.slice(2);
  const browser = await require("playwright-core").chromium.launch({
    executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
  });
  const page = await browser.newPage({ viewport: { width: 390, height: 844 } });
  page.setDefaultTimeout(60_000);
  const problems = [], hosts = new Set();
  page.on("console", (m) => ["error", "warning"].includes(m.type()) && problems.push(m.text()));
  page.on("pageerror", (e) => problems.push(String(e)));
  page.on("request", (r) => r.url().startsWith("data:") || hosts.add(new URL(r.url()).host));
  await page.goto(url, { waitUntil: "networkidle" });
  const shown = token ? await tryStatus(page, token, batch) : {};
  const tooWide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  console.log(JSON.stringify({ problems, hosts: [...hosts], too_wide: tooWide, ...shown }));
  await browser.close();
})().catch((e) => {
  console.error(e);
  process.exit(1);
});
