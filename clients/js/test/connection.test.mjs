import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { createToken } from "@huleedu/notifications/testing";
import { numbers, setUp, until, user } from "./support.mjs";

const source = readFileSync(new URL("../src/closes.generated.ts", import.meta.url), "utf8");
const closes = [...source.matchAll(/^ {2}(\d+): "(\w+)",$/gm)].map(([, code, reaction]) => [Number(code), reaction]);

test("the generated table has all closes", () => assert.ok(closes.length > 10));

for (const [code, reaction] of [...closes, [1006, "retry"], [1013, "retry"], [4999, "retry"]]) {
  test(`close ${code}: ${reaction}`, async () => {
    const { service, start, clock } = setUp();
    const tokens = [createToken(user), createToken(user, 4102444801), createToken(user, 4102444802)];
    let given = 0;
    const a = start({ getToken: ({ reason }) => (a.reasons.push(reason), tokens[given++]) });
    await clock.tick(1);
    service.open()[0].close(code, "why");
    await clock.tick(0);
    const { state } = a.client;
    assert.equal(state.code, code);
    assert.equal(state.detail, "why");
    const stops = ["quota", "disconnected", "protocol"].includes(reaction);
    assert.equal(state.status, stops ? "stopped" : "waiting");
    if (stops) assert.equal(state.reason, reaction);
    await clock.tick(reaction === "backoff" ? 3000 : 400);
    assert.equal(service.open().length, 0, "it waits");
    await clock.tick(120_000);
    assert.equal(service.open().length, stops ? 0 : 1);
    assert.deepEqual(a.reasons, reaction === "renew" ? ["connect", "refused"] : ["connect"]);
    if (stops) {
      a.client.reconnect();
      await clock.tick(1);
      assert.equal(service.open().length, 1, "it connects when it is told to");
    }
    a.client.close();
    assert.equal(clock.timers, 0);
  });
}

test("the token is in the subprotocol and not in the URL", async () => {
  const { start, clock } = setUp();
  const made = [];
  class WebSocket {
    constructor(url, protocols) {
      made.push({ url, protocols });
    }
    close() {}
  }
  const token = createToken(user);
  const urls = ["https://edge.example", "wss://edge.example/", "https://edge.example/notify/ws", "http://edge.example/notify//"];
  for (const url of urls) start({ url, getToken: () => token, environment: { WebSocket } }).client;
  await clock.tick(1);
  assert.deepEqual(made.map(({ url }) => url), [
    "wss://edge.example/ws?last_event_id=%24", "wss://edge.example/ws?last_event_id=%24",
    "wss://edge.example/notify/ws?last_event_id=%24", "ws://edge.example/notify/ws?last_event_id=%24",
  ]);
  assert.deepEqual(made[0].protocols, ["huleedu.notifications.v1", "bearer." + token]);
});

test("the pauses between attempts are random, double and have a limit", async () => {
  const { service, start, clock } = setUp();
  service.admit = () => ({ status: 0 });
  const at = [];
  let factor = 1;
  const a = start({ environment: { random: () => factor, fetch: undefined, WebSocket: counting(service, () => at.push(clock.now())) } });
  await clock.tick(200_000);
  const sockets = at.slice(1).map((t, i) => (t - at[i]) / 1000);
  assert.ok(sockets.every((pause) => pause <= 62), String(sockets));
  assert.ok(at.length >= 6 && at.length <= 14, String(sockets));
  factor = 0;
  a.client.close();
});

function counting(service, count) {
  return class extends service.environment.WebSocket {
    constructor(...args) {
      super(...args);
      count();
    }
  };
}

test("a service that upgrades in order to refuse is not asked ever faster", async () => {
  const { service, start, clock } = setUp();
  service.admit = () => ({ close: 1011 });
  const a = start({ environment: { random: () => 0.999 } });
  await clock.tick(300_000);
  assert.ok(service.attempts < 20, String(service.attempts));
  service.admit = () => undefined;
  await clock.tick(60_000);
  assert.equal(a.client.state.status, "open");
  a.client.close();
});

test("a token that was refused is never offered again", async () => {
  const { service, start, clock } = setUp();
  const bad = createToken(user, 4102444801), good = createToken(user);
  let current = bad;
  service.admit = ({ token }) => (token === bad ? { close: 1008 } : undefined);
  const a = start({ getToken: () => current });
  await clock.tick(120_000);
  assert.equal(service.attempts, 1);
  assert.match(String(a.errors[0]), /refused/);
  current = good;
  await clock.tick(60_000);
  assert.equal(service.attempts, 2);
  assert.equal(a.client.state.status, "open");
  a.client.close();
});

test("getToken is called once at a time, and a call that never resolves is given up", async () => {
  const { start, service, clock } = setUp();
  let running = 0, most = 0;
  const signals = [];
  let answer;
  const a = start({
    getToken({ signal }) {
      most = Math.max(most, ++running);
      signals.push(signal);
      signal.addEventListener("abort", () => running--);
      return new Promise((resolve) => (answer = resolve));
    },
  });
  await clock.tick(1);
  a.client.reconnect();
  await clock.tick(29_000);
  assert.equal(signals.length, 1);
  await clock.tick(10_000);
  assert.equal(signals.length, 2);
  assert.equal(most, 1);
  assert.match(String(a.errors[0]), /too long|timed out/);
  answer(createToken(user));
  await clock.tick(1);
  assert.equal(service.open().length, 1);
  a.client.close();
  assert.equal(clock.timers, 0);
});

test("a getToken that rejects or throws is tried again", async () => {
  const { start, service, clock } = setUp();
  let calls = 0;
  const a = start({
    getToken() {
      if (++calls === 1) throw new Error("throws");
      if (calls === 2) return Promise.reject(new Error("rejects"));
      return createToken(user);
    },
  });
  await clock.tick(10_000);
  assert.deepEqual(a.errors.map((e) => e.message), ["throws", "rejects"]);
  assert.equal(service.open().length, 1);
  a.client.close();
});

test("without a user the client stops until it is told to connect", async () => {
  const { start, service, clock } = setUp();
  let token = null;
  const a = start({ getToken: () => token });
  await clock.tick(60_000);
  assert.deepEqual([a.client.state.status, a.client.state.reason], ["stopped", "signed_out"]);
  assert.equal(service.attempts, 0);
  token = createToken(user);
  a.client.reconnect();
  await clock.tick(1);
  assert.equal(a.client.state.status, "open");
  a.client.close();
});

test("a token is renewed in band before it expires", async () => {
  const { start, service, clock } = setUp();
  const a = start({ getToken: ({ reason }) => (a.reasons.push(reason), createToken(user, clock.now() / 1000 + 600)) });
  await clock.tick(3600_000);
  assert.equal(service.connections.length, 1);
  const renewals = service.connections[0].received.filter((f) => f.type === "refresh");
  assert.equal(renewals.length, 6);
  assert.deepEqual(a.reasons, ["connect", ...Array(6).fill("expiring")]);
  a.client.close();
});

test("a renewal that fails is repeated; at the expiry the service closes and a new token is requested", async () => {
  const { start, service, clock } = setUp();
  let broken = false;
  const a = start({
    getToken({ reason }) {
      a.reasons.push(reason);
      if (broken) throw new Error("identity is away");
      return createToken(user, clock.now() / 1000 + 600);
    },
  });
  await clock.tick(1);
  broken = true;
  await clock.tick(590_000);
  assert.ok(a.errors.length >= 4 && a.errors.length < 15, String(a.errors.length));
  await clock.tick(20_000);
  assert.equal(a.client.state.status, "waiting");
  broken = false;
  await clock.tick(60_000);
  assert.equal(a.client.state.status, "open");
  a.client.close();
});

for (const [name, offset] of [["ahead", 7200_000], ["behind", -7200_000]]) {
  test(`a clock that is two hours ${name} does not make a loop`, async () => {
    const { start, service, clock } = setUp();
    const a = start({
      getToken: ({ reason }) => (a.reasons.push(reason), createToken(user, Math.floor(clock.now() / 1000) + 3600 + a.reasons.length)),
      environment: { now: () => clock.now() + offset },
    });
    await clock.tick(1800_000);
    assert.equal(a.client.state.status, "open");
    assert.ok(a.reasons.length < 5, String(a.reasons));
    await clock.tick(1900_000);
    assert.equal(a.client.state.status, "open");
    assert.ok(service.connections.length <= 3);
    a.client.close();
  });
}

test("another user is a logout: queue and position are dropped", async () => {
  const { start, service, notify, clock } = setUp();
  const removed = [];
  let sub = user;
  const store = { get: () => null, set() {}, remove: (key) => void removed.push(key) };
  const a = start({ store, getToken: () => createToken(sub, clock.now() / 1000 + 600) });
  let block = true;
  a.client.on("class_created", () => (block ? new Promise(() => {}) : undefined));
  await clock.tick(1);
  notify(3);
  await clock.tick(1);
  sub = "teacher-bengt";
  block = false;
  await clock.tick(600_000);
  assert.equal(service.open().length, 1);
  assert.equal(service.open()[0].user, sub);
  assert.equal(service.open()[0].position, "$");
  assert.deepEqual(a.events, [1], "what waited for the old user is dropped");
  assert.equal(removed.length, 1);
  assert.match(removed[0], /teacher-anna$/);
  a.client.close();
});

test("an unreadable token connects, and the service judges it", async () => {
  const { start, service, clock } = setUp();
  class WebSocket {
    constructor() {
      queueMicrotask(() => this.onopen({}));
    }
    send() {}
    close() {}
  }
  const a = start({ getToken: () => "opaque", environment: { WebSocket } });
  await clock.tick(1);
  assert.equal(a.client.state.status, "open");
  assert.equal(service.attempts, 0);
  a.client.close();
});

test("a connection that hangs while it opens is given up", async () => {
  const { start, service, clock } = setUp();
  let hang = true;
  service.admit = () => (hang ? "hang" : undefined);
  const a = start();
  await clock.tick(19_000);
  assert.equal(a.client.state.status, "connecting");
  hang = false;
  await clock.tick(3_000);
  assert.equal(a.client.state.status, "open");
  a.client.close();
});

test("a connection that answers no ping is replaced", async () => {
  const { start, service, notify, clock } = setUp();
  const a = start();
  await clock.tick(1);
  service.open()[0].silent = true;
  notify(2);
  await clock.tick(36_000);
  assert.equal(service.connections.length, 2);
  assert.deepEqual(a.events, [1, 2]);
  a.client.close();
});

test("two failures before open: server-sent events, and WebSocket again later", async () => {
  const { start, service, notify, clock } = setUp();
  let blocked = true;
  service.admit = ({ transport }) => (blocked && transport === "websocket" ? { status: 403 } : undefined);
  const a = start();
  await until(clock, () => a.client.state.status === "waiting");
  await clock.tick(3_000);
  await until(clock, () => a.client.state.status === "open");
  assert.equal(a.client.state.transport, "sse");
  assert.equal(service.attempts, 3);
  notify(2);
  await clock.tick(1);
  service.open()[0].drop();
  notify(2);
  await clock.tick(10_000);
  service.open()[0].close(1012);
  notify(2);
  await clock.tick(10_000);
  assert.deepEqual(a.events, [1, 2, 3, 4, 5, 6]);
  assert.equal(a.client.state.transport, "sse");
  const before = service.attempts;
  await clock.tick(300_000);
  await until(clock, () => a.client.state.status === "open");
  assert.equal(service.attempts, before + 1, "one attempt at WebSocket, while the stream stays");
  blocked = false;
  await clock.tick(300_000);
  await until(clock, () => a.client.state.status === "open");
  assert.equal(a.client.state.transport, "websocket");
  notify(1);
  await clock.tick(1);
  assert.deepEqual(a.events, [1, 2, 3, 4, 5, 6, 7]);
  assert.equal(service.open().length, 1);
  a.client.close();
  assert.equal(clock.timers, 0);
});

/** Returns a client on server-sent events whose attempts at WebSocket are decided by admit from now on. */
async function startOnStream(admit, options = () => ({})) {
  const setup = setUp();
  const { service, start, clock } = setup;
  service.admit = ({ transport }) => (transport === "websocket" ? { status: 403 } : undefined);
  const a = start(options(setup));
  await clock.tick(3_000);
  await until(clock, () => a.client.state.status === "open");
  assert.equal(a.client.state.transport, "sse");
  service.admit = (attempt) => (attempt.transport === "websocket" ? admit(setup, attempt) : undefined);
  return { ...setup, a };
}

/** Returns a class of sockets that call `sending` before and after each frame that they send, and are late by `delay`. */
const lateSockets = ({ service, clock }, delay, sending) =>
  class extends service.environment.WebSocket {
    constructor(...args) {
      super(...args);
      let handler;
      Object.defineProperty(this, "onmessage", {
        get: () => (event) => clock.setTimeout(() => handler?.(event), delay),
        set: (next) => (handler = next),
      });
    }
    send(text) {
      sending();
      super.send(text);
      sending();
    }
  };

for (const [first, delay] of [["the WebSocket", 0], ["the stream", 50]]) {
  test(`the change to WebSocket loses and doubles nothing, with and without id, when ${first} is faster`, async () => {
    let sent = 0;
    const send = ({ service }) => {
      service.publish(user, "notice", { n: ++sent });
      service.notify(user, "class_created", { n: ++sent });
    };
    const { service, clock, a } = await startOnStream((setup) => void send(setup), (setup) => ({
      environment: { WebSocket: lateSockets(setup, delay, () => send(setup)) }, // both connections are open then
    }));
    send({ service });
    await clock.tick(300_000);
    await until(clock, () => a.client.state.status === "open");
    await clock.tick(delay);
    assert.equal(a.client.state.transport, "websocket");
    send({ service });
    await clock.tick(delay + 1);
    assert.equal(sent, 10);
    assert.deepEqual(a.events, numbers(1, sent));
    assert.equal(service.open().length, 1);
    service.publish(user, "notice", { n: 1 });
    service.publish(user, "notice", { n: 1 });
    await clock.tick(delay + 1);
    assert.deepEqual(a.events, [...numbers(1, sent), 1, 1], "equal messages that come later are not doubles");
    a.client.close();
    assert.equal(clock.timers, 0);
  });
}

for (const [name, refusal] of [
  ["is blocked", { status: 403 }], ["is over the quota", { close: 4000 }], ["finds no Redis", { close: 1011 }], ["hangs", "hang"],
]) {
  test(`the stream stays while WebSocket ${name}`, async () => {
    const { service, clock, a } = await startOnStream(() => refusal);
    const before = service.attempts;
    await clock.tick(330_000);
    assert.equal(service.attempts, before + 1);
    assert.equal(service.connections.length, 1);
    assert.equal(a.states.at(-1), "open");
    service.publish(user, "notice", { n: 1 });
    await clock.tick(320_000);
    assert.equal(service.attempts, before + 2, "it tries again");
    assert.deepEqual(a.events, [1]);
    a.client.close();
    assert.equal(clock.timers, 0);
  });
}

test("a token that WebSocket refuses beside the stream is not offered again", async () => {
  let given = 0;
  const refused = [];
  const { service, clock, a } = await startOnStream((_, { token }) => (refused.push(token), { close: 1008 }), () => ({
    getToken: () => createToken(user, 4102444801 + given++),
  }));
  await clock.tick(300_000);
  await until(clock, () => service.connections.length === 2);
  assert.deepEqual(refused, [service.connections[0].token]);
  assert.notEqual(service.connections[1].token, refused[0]);
  assert.equal(service.connections[1].transport, "sse");
  a.client.close();
  assert.equal(clock.timers, 0);
});

test("without WebSocket the client uses server-sent events and renews the token by a new stream", async () => {
  const { start, service, clock } = setUp();
  const a = start({
    environment: { WebSocket: undefined },
    getToken: () => createToken(user, clock.now() / 1000 + 600),
  });
  await until(clock, () => a.client.state.status === "open");
  assert.equal(a.client.state.transport, "sse");
  await clock.tick(610_000);
  assert.equal(service.connections.length, 2);
  assert.equal(a.client.state.status, "open");
  service.open()[0].silent = true;
  await clock.tick(45_000);
  assert.equal(service.connections.length, 3, "a silent stream is replaced");
  a.client.close();
});

for (const [name, refusal, status, reason] of [
  ["429 of the quota", { status: 429, body: '{"error":{"code":"QUOTA_EXCEEDED"}}' }, "stopped", "quota"],
  ["403 of the service", { status: 403, body: '{"error":{"code":"AUTHORIZATION_ERROR"}}' }, "stopped", "disconnected"],
  ["400", { status: 400, body: '{"error":{"code":"INVALID_REQUEST"}}' }, "stopped", "protocol"],
  ["403 of a proxy", { status: 403, body: "<html>blocked</html>" }, "waiting"],
  ["404", { status: 404, body: "" }, "waiting"],
  ["503", { status: 503, body: '{"error":{"code":"SERVICE_UNAVAILABLE"}}', retryAfter: 40 }, "waiting"],
  ["429 of the address", { status: 429, body: '{"error":{"code":"RATE_LIMIT"}}', retryAfter: 40 }, "waiting"],
]) {
  test(`server-sent events are refused with ${name}: ${status}`, async () => {
    const { start, service, clock } = setUp();
    service.admit = () => refusal;
    const a = start({ environment: { WebSocket: undefined, random: () => 0.01 } });
    await until(clock, () => ["stopped", "waiting"].includes(a.client.state.status));
    assert.equal(a.client.state.status, status);
    assert.equal(a.client.state.reason, reason);
    assert.equal(a.client.state.code, refusal.status);
    const { attempts } = service;
    if (refusal.retryAfter) {
      await clock.tick(39_000);
      assert.equal(service.attempts, attempts, "it waits as long as the service says");
      await clock.tick(2_000);
      assert.ok(service.attempts > attempts);
    }
    a.client.close();
    assert.equal(clock.timers, 0);
  });
}

test("401 of server-sent events asks for a new token", async () => {
  const { start, service, clock } = setUp();
  const tokens = [createToken(user, 1), createToken(user)];
  const a = start({ environment: { WebSocket: undefined }, getToken: ({ reason }) => (a.reasons.push(reason), tokens.shift()) });
  await until(clock, () => a.client.state.status === "waiting");
  await clock.tick(2_000);
  await until(clock, () => a.client.state.status === "open");
  assert.deepEqual(a.reasons, ["connect", "refused"]);
  a.client.close();
});
