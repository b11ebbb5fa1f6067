// node run.cjs SCENARIO URL [DIR] - open the console at URL in Chromium and run scenarios/SCENARIO.cjs on it.
//
// The page must log no warning and no error, must fit its window, and axe-core must find no serious or critical fault
// in any state that a scenario passes to check(). With DIR, each of these states is stored as four pictures: 1280 and
// 390 pixels wide, light and dark. The exit code is 0 if everything holds.
"use strict";
const assert = require("node:assert/strict");
const { readFileSync } = require("node:fs");
const { join } = require("node:path");
const { chromium } = require("playwright-core");

const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const widths = [1280, 390];
const schemes = ["light", "dark"];

/** Fails if axe-core finds a serious or critical fault. The structure of a page is the same in both colour schemes. */
async function checkAccessibility(page, state, colorScheme) {
  const rules = colorScheme === schemes[0] ? {} : { runOnly: ["color-contrast"] };
  if (!(await page.evaluate(() => Boolean(window.axe)))) await page.evaluate(axe + "; undefined"); // not as a script element, which the page's policy forbids
  const { violations } = await page.evaluate((options) => window.axe.run(options), rules);
  const faults = violations.filter((v) => ["serious", "critical"].includes(v.impact));
  const text = faults.map((v) => `${v.id}: ${v.help}\n` + v.nodes.map((n) => "  " + n.html.slice(0, 200) + "\n  " + n.failureSummary).join("\n")).join("\n");
  assert.equal(text, "", `${state}, ${colorScheme}: axe-core found faults`);
}

/** Checks a state of the page at each width and in each colour scheme. */
async function checkState(page, state, dir) {
  for (const width of widths) {
    await page.setViewportSize({ width, height: width > 600 ? 900 : 844 });
    const tooWide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    assert.ok(tooWide <= 0, `${state}: ${tooWide} pixels too wide at ${width}`);
    for (const colorScheme of schemes) {
      await page.emulateMedia({ colorScheme });
      if (width === widths[0]) await checkAccessibility(page, state, colorScheme);
      if (dir) await page.screenshot({ path: join(dir, `${state}-${width}-${colorScheme}.png`), fullPage: true });
    }
  }
  await page.setViewportSize({ width: widths[0], height: 900 });
  await page.emulateMedia({ colorScheme: "light" });
}

/** Returns a view's panel after its tab was clicked. */
async function open(page, title) {
  await page.getByRole("tab", { name: title, exact: true }).click();
  return page.getByRole("tabpanel", { name: title, exact: true });
}

(async () => {
  const [scenario, url, dir] = process.argv.slice(2);
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
  });
  try {
    const context = await browser.newContext({ viewport: { width: widths[0], height: 900 } });
    const page = await context.newPage();
    page.setDefaultTimeout(Number(process.env.LIMIT || 60_000));
    const run = require("./scenarios/" + scenario + ".cjs");
    const problems = [];
    const expected = run.expectedProblems ?? [];
    page.on("console", (m) => ["error", "warning"].includes(m.type()) && !expected.some((e) => e.test(m.text())) && problems.push(m.text()));
    page.on("pageerror", (e) => problems.push(String(e)));
    await page.goto(url);
    const failed = async (e) => {
      console.error(`the page shows:\n${await page.locator("body").innerText()}\n`);
      throw e;
    };
    await run({ page, url, open: (title) => open(page, title), check: (state) => checkState(page, state, dir), options: JSON.parse(process.env.OPTIONS || "{}") }).catch(failed);
    assert.deepEqual(problems, [], "the browser complained");
  } finally {
    await browser.close();
  }
})().catch((e) => {
  console.error(e);
  process.exit(1);
});
