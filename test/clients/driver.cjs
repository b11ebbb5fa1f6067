// Runs clients of the package and reports what they receive.
//
//   node driver.cjs chromium URL    each client is in a page of Chromium, opened at URL
//   node driver.cjs node URL        each client is in this process
//
// Standard input: one command per line, {"id","do","tab",...}. Standard output: {"id","error"} for each command, and
// {"tab","event","value"} for what a client does: "notification", "gap", "state", "error".
"use strict";
const readline = require("node:readline");

const print = (line) => process.stdout.write(JSON.stringify(line) + "\n");

// start runs in the page or in this process. page tells where tokens come from.
function start(connect, page, options, emit) {
  const getToken = async ({ reason, signal }) => {
    const response = await fetch(`${page}token?session=${options.session}&reason=${reason}`, { signal });
    if (!response.ok) throw new Error("no token: " + response.status);
    return response.status === 204 ? null : response.text();
  };
  const { session, ...rest } = options;
  const client = connect({ rememberIds: 30000, backoff: { base: 300, max: 3000 }, getToken, onError: (e) => emit("error", String(e)), ...rest });
  client.on("*", (e) => emit("notification", e.data.n ?? e.event));
  client.onGap((gap) => emit("gap", gap.reason));
  client.onState((state) => emit("state", state));
  return client;
}

async function chromium(url) {
  const browser = await require("playwright-core").chromium.launch({
    executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
  });
  const contexts = {};
  const tabs = {};
  const devtools = async (tab) => (tabs[tab].devtools ??= await tabs[tab].page.context().newCDPSession(tabs[tab].page));
  const load = async (tab) => {
    const { page, options } = tabs[tab];
    await page.goto(url);
    await page.evaluate(`import("/dist/index.js").then(({ connect }) => {
      window.client = (${start})(connect, ${JSON.stringify(url)}, ${JSON.stringify(options)}, window.emit);
    })`);
  };
  /** Returns the seconds that each process of a page has run, by its id. */
  const times = async () => {
    devtoolsOfBrowser ??= await browser.newBrowserCDPSession();
    const { processInfo } = await devtoolsOfBrowser.send("SystemInfo.getProcessInfo");
    return new Map(processInfo.filter((p) => p.type === "renderer").map((p) => [p.id, p.cpuTime]));
  };
  /** Returns the process of a tab: the one that runs while the tab is busy. */
  const processOf = async (tab) => {
    const before = await times();
    await tabs[tab].page.evaluate("{ const end = performance.now() + 1000; while (performance.now() < end); }");
    const used = [...await times()].map(([id, time]) => [time - (before.get(id) ?? 0), id]);
    return used.sort(([a], [b]) => b - a)[0][1];
  };
  let devtoolsOfBrowser;
  return {
    async suspend({ tab }) {
      tabs[tab].process = await processOf(tab);
      process.kill(tabs[tab].process, "SIGSTOP");
    },
    resume: ({ tab }) => process.kill(tabs[tab].process, "SIGCONT"),
    async open({ tab, browser: name = "", options }) {
      contexts[name] ??= await browser.newContext();
      const page = await contexts[name].newPage();
      tabs[tab] = { page, options };
      await page.exposeFunction("emit", (event, value) => print({ tab, event, value }));
      await load(tab);
    },
    close: ({ tab }) => tabs[tab].page.close(),
    crash: async ({ tab }) => void (await devtools(tab)).send("Page.crash").catch(() => {}),
    reload: ({ tab }) => load(tab),
    run: ({ tab, code }) => tabs[tab].page.evaluate(code),
    // hang blocks the main thread, as a suspended tab does, and does not wait for its end.
    hang: async ({ tab, ms }) => void tabs[tab].page.evaluate(`{ const end = Date.now() + ${ms}; while (Date.now() < end); }`).catch(() => {}),
    lifecycle: async ({ tab, state }) => (await devtools(tab)).send("Page.setWebLifecycleState", { state }),
    away: ({ tab }) => tabs[tab].page.goto("about:blank"),
    back: async ({ tab }) => void (await tabs[tab].page.goBack()),
    offline: ({ browser: name = "", offline }) => contexts[name].setOffline(offline),
    end: () => browser.close(),
  };
}

async function node(url) {
  const { connect } = require("@huleedu/notifications");
  const clients = {};
  return {
    async open({ tab, options, webSocket }) {
      const environment = webSocket ? { WebSocket: require("ws") } : {};
      clients[tab] = start(connect, url, { ...options, environment }, (event, value) => print({ tab, event, value }));
    },
    close: ({ tab }) => clients[tab].close(),
    run: ({ tab, code }) => new Function("client", code)(clients[tab]),
    end: () => Object.values(clients).forEach((client) => client.close()),
  };
}

(async () => {
  const [kind, url] = process.argv.slice(2);
  const actions = await { chromium, node }[kind](url);
  print({ id: 0 });
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const command = JSON.parse(line);
    try {
      await actions[command.do](command);
      print({ id: command.id });
    } catch (e) {
      print({ id: command.id, error: String(e) });
    }
  }
  await actions.end();
  process.exit(0);
})().catch((e) => {
  console.error(e);
  process.exit(1);
});
