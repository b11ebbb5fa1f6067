// A WebSocket client that reads commands from standard input and writes events to
// standard output, one JSON object per line.
//
//   node client.cjs node            the "ws" package
//   node client.cjs chromium URL    a page of the browser, opened at URL
//
// Commands: {"do":"open","name","url","protocols"}, {"do":"send","name","data"},
// {"do":"close","name","code"}, {"do":"script","data"}, which runs JavaScript in the page, where
// emit(json) writes an event, and {"do":"leave"}, which navigates the page away.
"use strict";
const readline = require("node:readline");

// install uses only the standard WebSocket API, so that both clients run the same code.
function install(world, emit) {
  const sockets = {};
  world.act = (c) => {
    if (c.do === "send") return sockets[c.name].send(c.data);
    if (c.do === "close") return c.code ? sockets[c.name].close(c.code) : sockets[c.name].close();
    const s = (sockets[c.name] = new world.WebSocket(c.url, c.protocols));
    const say = (event, more) => emit(JSON.stringify({ name: c.name, event, ...more }));
    s.addEventListener("open", () => say("open", { protocol: s.protocol, extensions: s.extensions }));
    s.addEventListener("message", (e) => say("message", { data: e.data.toString() }));
    s.addEventListener("close", (e) => say("close", { code: e.code, reason: e.reason, clean: e.wasClean }));
    s.addEventListener("error", () => say("error", {}));
  };
}

const print = (line) => process.stdout.write(line + "\n");

async function node() {
  const world = { WebSocket: require("ws") };
  install(world, print);
  return { act: async (c) => world.act(c), end: async () => {} };
}

async function chromium(url) {
  const browser = await require("playwright-core").chromium.launch({
    executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
  });
  const page = await browser.newPage();
  await page.exposeFunction("emit", print);
  await page.goto(url);
  await page.evaluate(`(${install})(window, window.emit)`);
  return {
    act: (c) => {
      if (c.do === "leave") return page.goto("about:blank");
      if (c.do === "script") return page.addScriptTag({ content: c.data });
      return page.evaluate((c) => window.act(c), c);
    },
    end: () => browser.close(),
  };
}

(async () => {
  const [kind, url] = process.argv.slice(2);
  const client = await { node, chromium }[kind](url);
  print(JSON.stringify({ event: "ready" }));
  for await (const line of readline.createInterface({ input: process.stdin })) {
    await client.act(JSON.parse(line));
  }
  await client.end();
  process.exit(0);
})().catch((e) => {
  console.error(e);
  process.exit(1);
});
