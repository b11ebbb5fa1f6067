import assert from "node:assert/strict";
import { test } from "node:test";
import { connect } from "@huleedu/notifications";
import { numbers, setUp, user } from "./support.mjs";

test("notifications arrive once and in order across lost connections", async () => {
  const { service, start, notify, clock } = setUp();
  const a = start();
  await clock.tick(1);
  notify(3);
  await clock.tick(1);
  service.open()[0].drop();
  notify(4);
  await clock.tick(2000);
  service.open()[0].close(1012);
  notify(3);
  await clock.tick(2000);
  notify(2);
  await clock.tick(1);
  assert.deepEqual(a.events, numbers(1, 12));
  assert.equal(service.connections.length, 3);
  assert.deepEqual(a.gaps, []);
  a.client.close();
});

test("a client without a position starts with new notifications, or with all stored ones", async () => {
  const { service, start, notify, clock, closeAll } = setUp();
  notify(2);
  const fresh = start();
  const all = start({ start: "all" });
  await clock.tick(1);
  service.open().forEach((c) => c.drop()); // before the first notification
  notify(1);
  await clock.tick(2000);
  assert.deepEqual(fresh.events, [3]);
  assert.deepEqual(all.events, [1, 2, 3]);
  closeAll();
});

test("the position is stored after the handlers have run", async () => {
  const { start, notify, clock } = setUp();
  const saved = [];
  const store = { get: async () => null, set: (_, id) => void saved.push(id), remove() {} };
  const a = start({ store });
  let finish;
  a.client.on("class_created", () => new Promise((resolve) => (finish = resolve)));
  await clock.tick(1);
  saved.length = 0; // the position at the start
  const ids = notify(2);
  await clock.tick(1);
  assert.deepEqual(a.events, [1], "the second waits for the first");
  assert.deepEqual(saved, []);
  finish();
  await clock.tick(1);
  assert.deepEqual(saved, [ids[0]]);
  assert.deepEqual(a.events, [1, 2]);
  a.client.close();
  finish();
  await clock.tick(1);
  assert.deepEqual(saved, ids, "the handler that runs while the client closes counts");
});

test("a client continues at the stored position", async () => {
  const { service, start, notify, clock } = setUp();
  const values = new Map();
  const sessionStorage = {
    getItem: (k) => values.get(k) ?? null, setItem: (k, v) => values.set(k, v), removeItem: (k) => values.delete(k),
  };
  const first = start({ environment: { sessionStorage } });
  await clock.tick(1);
  notify(2);
  await clock.tick(1);
  first.client.close();
  notify(2);
  const second = start({ environment: { sessionStorage } });
  await clock.tick(1);
  assert.deepEqual(second.events, [3, 4]);
  assert.match([...values.keys()].join(), new RegExp(`edge.example/notify:${user}$`));
  assert.equal(service.connections[1].position, first.client && service.connections[1].position);
  second.client.close();
});

for (const [name, sessionStorage] of Object.entries({
  missing: undefined,
  full: { getItem: () => null, setItem() { throw new Error("QuotaExceededError"); }, removeItem() {} },
  denied: { getItem() { throw new Error("SecurityError"); }, setItem() { throw new Error("SecurityError"); }, removeItem() {} },
})) {
  test(`sessionStorage is ${name}: the position stays in memory`, async () => {
    const { service, start, notify, clock } = setUp();
    const a = start({ environment: { sessionStorage } });
    await clock.tick(1);
    notify(2);
    await clock.tick(1);
    service.open()[0].drop();
    notify(1);
    await clock.tick(2000);
    assert.deepEqual(a.events, [1, 2, 3]);
    assert.deepEqual(a.errors, []);
    a.client.close();
  });
}

test("a store that fails is reported and does not stop notifications", async () => {
  const { start, notify, clock } = setUp();
  const store = { get: () => Promise.reject(new Error("get")), set: () => Promise.reject(new Error("set")), remove() {} };
  const a = start({ store });
  await clock.tick(1);
  notify(1);
  await clock.tick(1);
  assert.deepEqual(a.events, [1]);
  assert.deepEqual(new Set(a.errors.map((e) => e.message)), new Set(["get", "set"]));
  a.client.close();
});

test("an exception of a handler is reported and the next notification follows", async () => {
  const { start, notify, clock } = setUp();
  const a = start();
  a.client.on("class_created", () => { throw new Error("sync"); });
  a.client.on("class_created", () => Promise.reject(new Error("async")));
  await clock.tick(1);
  notify(2);
  await clock.tick(1);
  assert.deepEqual(a.events, [1, 2]);
  assert.deepEqual(a.errors.map((e) => e.message), ["sync", "async", "sync", "async"]);
  a.client.close();
});

test("handlers are removed by their function and by a signal", async () => {
  const { start, notify, clock } = setUp();
  const a = start();
  const seen = [];
  const controller = new AbortController();
  const off = a.client.on("class_created", () => seen.push("function"));
  a.client.on("class_created", () => seen.push("signal"), { signal: controller.signal });
  a.client.on("class_created", () => seen.push("never"), { signal: AbortSignal.abort() });
  await clock.tick(1);
  notify();
  await clock.tick(1);
  off();
  controller.abort();
  notify();
  await clock.tick(1);
  assert.deepEqual(seen, ["function", "signal"]);
  a.client.close();
});

test("types and texts of any kind do not confuse the client", async () => {
  const { service, start, clock } = setUp();
  const a = start();
  const got = [];
  a.client.on("*", (e) => got.push([e.event, e.data]));
  await clock.tick(1);
  for (const text of ["no json", "null", "7", "[]", '{"event":7}', '{"event":"__proto__","data":1}', '{"event":"*","data":2}']) {
    service.open()[0].send === undefined || service.connections[0].send(JSON.stringify({ event: "marker", data: {} }));
    // The fake parses what it sends; raw texts go past it.
    rawSend(service, text);
  }
  await clock.tick(1);
  assert.deepEqual(got.filter(([event]) => event !== "marker"), [
    ["", "no json"], ["", "null"], ["", "7"], ["", "[]"], ["", '{"event":7}'], ["__proto__", 1], ["*", 2],
  ]);
  a.client.close();
});

function rawSend(service, text) {
  const { parse } = JSON;
  JSON.parse = (t, ...more) => (t === text ? {} : parse(t, ...more));
  try {
    service.connections[0].send(text);
  } finally {
    JSON.parse = parse;
  }
}

test("the iterator handles a notification when the next one is requested", async () => {
  const { start, notify, clock } = setUp();
  const saved = [];
  const a = start({ store: { get: () => null, set: (_, id) => void saved.push(id), remove() {} } });
  const iterator = a.client.events();
  const first = iterator.next();
  await clock.tick(1);
  saved.length = 0;
  const ids = notify(2);
  await clock.tick(1);
  assert.equal((await first).value.data.n, 1);
  assert.deepEqual(saved, []);
  assert.equal((await iterator.next()).value.data.n, 2);
  assert.deepEqual(saved, ids.slice(0, 1));
  const end = iterator.next();
  await clock.tick(1);
  assert.deepEqual(saved, ids);
  a.client.close();
  assert.deepEqual(await end, { value: undefined, done: true });
});

test("the iterator ends with its signal, and what it has not yielded is not stored if the client closes", async () => {
  const { start, notify, clock } = setUp();
  const saved = [];
  const a = start({ store: { get: () => null, set: (_, id) => void saved.push(id), remove() {} } });
  const controller = new AbortController();
  const aborted = a.client.events({ signal: controller.signal }).next();
  controller.abort();
  assert.equal((await aborted).done, true);
  const iterator = a.client.events();
  const pending = iterator.next();
  await clock.tick(1);
  saved.length = 0;
  notify(2);
  await pending;
  a.client.close();
  await clock.tick(1);
  assert.deepEqual(saved, []);
});

test("a queue that is full is emptied first, then the rest is requested again", async () => {
  const { service, start, notify, clock } = setUp();
  const a = start({ queueLimit: 5 });
  let release = [];
  a.client.on("class_created", () => new Promise((resolve) => release.push(resolve)));
  await clock.tick(1);
  notify(30);
  service.publish(user, "class_created", { n: "direct" });
  for (let i = 0; i < 40; i++) {
    await clock.tick(1);
    release.splice(0).forEach((resolve) => resolve());
  }
  assert.deepEqual(a.events, numbers(1, 30));
  assert.equal(a.gaps.length >= 1 && a.gaps[0].reason, "overflow", "the direct one is lost, and the application knows");
  a.client.close();
});

test("gaps are announced with the time since when", async () => {
  const { service, start, notify, clock } = setUp();
  const a = start();
  await clock.tick(1);
  const [id] = notify(1);
  service.publish(user, "resync", { reason: "subscription_gap", since: "2026-01-02T03:04:05.678Z" });
  await clock.tick(1);
  service.open()[0].drop();
  notify(5);
  service.trim(user, 2);
  await clock.tick(2000);
  assert.deepEqual(a.gaps, [
    { reason: "subscription_gap", since: "2026-01-02T03:04:05.678Z" },
    { reason: "replay_incomplete", since: new Date(parseInt(id)).toISOString() },
  ]);
  assert.deepEqual(a.events, [1, 5, 6]);
  a.client.close();
});

test("an unknown position is announced once, also if nothing is stored", async () => {
  const { service, start, notify, clock } = setUp();
  const a = start();
  await clock.tick(1);
  notify(1);
  await clock.tick(1);
  service.trim(user, 0);
  for (let i = 0; i < 3; i++) {
    service.open()[0].drop();
    await clock.tick(10_000);
  }
  notify(1);
  await clock.tick(1);
  assert.deepEqual(a.gaps.map((gap) => gap.reason), ["replay_incomplete"]);
  assert.deepEqual(a.events, [1, 2]);
  a.client.close();
});

test("a log that restarts with smaller ids is not taken for doubles", async () => {
  const { service, start, clock } = setUp();
  const a = start();
  await clock.tick(1);
  service.notify(user, "class_created", { n: 1 });
  await clock.tick(1);
  service.open()[0].drop();
  service.trim(user, 0);
  clock.step(-3600_000); // Redis has lost its data and its clock went back
  service.notify(user, "class_created", { n: 2 });
  await clock.tick(2000);
  service.notify(user, "class_created", { n: 3 });
  await clock.tick(1);
  assert.deepEqual(a.events, [1, 2, 3]);
  assert.equal(a.gaps[0].reason, "replay_incomplete");
  a.client.close();
});

test("close leaves no timer, listener, handler or connection", async () => {
  const { service, start, notify, clock } = setUp();
  const a = start();
  const signal = new AbortController().signal;
  let listeners = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args) => (listeners++, addEventListener.apply(signal, args));
  signal.removeEventListener = (...args) => (listeners--, removeEventListener.apply(signal, args));
  a.client.on("class_created", () => {}, { signal });
  assert.equal(listeners, 1);
  await clock.tick(1);
  assert.ok(clock.timers > 0);
  a.client.close();
  a.client.close();
  a.client.reconnect();
  notify();
  await clock.tick(60_000);
  assert.equal(clock.timers, 0);
  assert.equal(listeners, 0);
  assert.deepEqual(service.open(), []);
  assert.deepEqual(a.events, []);
  assert.equal(a.client.state.status, "closed");
  assert.equal(a.states.at(-1), "closed");
});

test("a client that is closed in the task that makes it opens nothing and asks for no token", async () => {
  const { service, start, clock } = setUp();
  const a = start();
  a.client.close();
  await clock.tick(60_000);
  assert.equal(service.attempts, 0);
  assert.deepEqual(a.reasons, []);
  assert.equal(clock.timers, 0);
});

test("invalid options are an exception at once", () => {
  assert.throws(() => connect({ url: "not a url", getToken: () => null }), TypeError);
});
