import assert from "node:assert/strict";
import { test } from "node:test";
import { createToken } from "@huleedu/notifications/testing";
import { numbers, openTabs, setUp, user } from "./support.mjs";

const lead = (service) => service.open().length;

for (const count of [2, 5]) {
  test(`${count} tabs share one connection, and each gets each notification once`, async () => {
    const world = setUp();
    const { service, notify, clock } = world;
    const { browser, tabs } = await openTabs(world, count);
    notify(5);
    service.publish(user, "direct");
    await clock.tick(10);
    assert.equal(lead(service), 1);
    assert.equal(service.connections.length, 1);
    for (const tab of tabs) assert.deepEqual(tab.events, [1, 2, 3, 4, 5, "direct"]);
    assert.ok(tabs.every((tab) => tab.client.state.status === "open"));
    world.closeAll();
    await clock.tick(10);
    assert.equal(clock.timers, 0);
    assert.equal(browser.channels, 0);
    assert.deepEqual(browser.locks, []);
    assert.ok(tabs.every(({ tab }) => tab.listeners === 0));
  });

  test(`the leader of ${count} tabs closes again and again while notifications come`, async () => {
    const world = setUp();
    const { service, notify, clock } = world;
    const { tabs } = await openTabs(world, count);
    let sent = 0;
    while (tabs.length > 1) {
      notify(3);
      tabs.shift().client.close(); // before the tabs have got them
      notify(2);
      sent += 5;
      await clock.tick(10);
      notify(1);
      sent += 1;
      await clock.tick(3_000);
      assert.equal(lead(service), 1);
      for (const tab of tabs) assert.deepEqual(tab.events, numbers(1, sent));
    }
    world.closeAll();
  });
}

test("a visible tab takes the lead from a tab that does not answer", async () => {
  const world = setUp();
  const { service, notify, clock } = world;
  const { tabs: [first, second, third] } = await openTabs(world, 3);
  third.tab.hide();
  first.tab.freeze();
  service.open()[0].silent = true; // a frozen tab handles no messages
  notify(3);
  await clock.tick(15_000);
  assert.equal(service.connections.length >= 2, true);
  assert.deepEqual(second.events, [1, 2, 3]);
  assert.deepEqual(third.events, [1, 2, 3]);
  first.tab.thaw();
  notify(2);
  await clock.tick(1_000);
  assert.equal(lead(service), 1, "the old leader has closed its connection");
  for (const tab of [first, second, third]) assert.deepEqual(tab.events, [1, 2, 3, 4, 5]);
  world.closeAll();
});

test("hidden tabs do not take the lead, and look when they are shown", async () => {
  const world = setUp();
  const { service, notify, clock } = world;
  const { tabs: [first, second] } = await openTabs(world, 2);
  second.tab.hide();
  first.tab.freeze();
  service.open()[0].silent = true;
  await clock.tick(20_000);
  const before = service.connections.length;
  notify(2);
  second.tab.show();
  await clock.tick(2_500);
  assert.equal(service.connections.length, before + 1);
  assert.deepEqual(second.events, [1, 2]);
  world.closeAll();
});

test("a leader that is frozen with notice gives the lead away at once", async () => {
  const world = setUp();
  const { service, notify, clock } = world;
  const { tabs: [first, second] } = await openTabs(world, 2);
  first.tab.fire("freeze");
  notify(2);
  await clock.tick(100);
  assert.equal(lead(service), 1);
  assert.deepEqual(second.events, [1, 2]);
  first.tab.fire("resume");
  await clock.tick(100);
  assert.deepEqual(first.events, [1, 2]);
  assert.equal(lead(service), 1);
  world.closeAll();
});

test("a page that is stored and shown again gets what it missed", async () => {
  const world = setUp();
  const { service, notify, clock } = world;
  const { tabs: [only], browser } = await openTabs(world, 1);
  notify(1);
  await clock.tick(10);
  only.tab.fire("pagehide");
  await clock.tick(10);
  assert.equal(lead(service), 0);
  assert.equal(clock.timers, 0);
  assert.equal(browser.channels, 0);
  assert.deepEqual(browser.locks, []);
  notify(2);
  only.tab.fire("pageshow");
  await clock.tick(10);
  assert.deepEqual(only.events, [1, 2, 3]);
  world.closeAll();
});

test("a tab that is reloaded with an old position gets the rest, and the others no doubles", async () => {
  const world = setUp();
  const { service, start, notify, clock } = world;
  const [old] = notify(1);
  notify(4);
  const { browser, tabs: [first] } = await openTabs(world, 1);
  const tab = browser.openTab();
  const store = { get: () => old, set() {}, remove() {} };
  const second = start({ tab, store });
  await clock.tick(100);
  notify(1);
  await clock.tick(100);
  assert.deepEqual(second.events, [2, 3, 4, 5, 6]);
  assert.deepEqual(first.events, [6], "a tab that started later does not get older ones");
  assert.equal(lead(service), 1);
  world.closeAll();
});

test("tabs with different old positions all get the rest in order", async () => {
  const world = setUp();
  const { start, notify, clock } = world;
  const ids = notify(9);
  const { browser } = await openTabs(world, 1);
  const olds = [7, 3, 5].map((n) => ({
    n, record: start({ tab: browser.openTab(), store: { get: () => ids[n - 1], set() {}, remove() {} } }),
  }));
  await clock.tick(1_000);
  notify(1);
  await clock.tick(1_000);
  for (const { n, record } of olds) assert.deepEqual(record.events, numbers(n + 1, 10));
  world.closeAll();
});

test("two users in two tabs have connections and positions of their own", async () => {
  const world = setUp();
  const { service, start, clock } = world;
  const { browser, tabs: [anna] } = await openTabs(world, 1);
  const bengt = start({ tab: browser.openTab(), getToken: () => createToken("teacher-bengt") });
  await clock.tick(100);
  service.notify(user, "class_created", { n: "for anna" });
  service.notify("teacher-bengt", "class_created", { n: "for bengt" });
  await clock.tick(100);
  assert.deepEqual(anna.events, ["for anna"]);
  assert.deepEqual(bengt.events, ["for bengt"]);
  assert.equal(lead(service), 2);
  world.closeAll();
});

test("another user signs in in one tab: it leaves the group of the old user", async () => {
  const world = setUp();
  const { service, start, clock, notify } = world;
  const { browser, tabs: [anna] } = await openTabs(world, 1);
  let sub = user;
  const second = start({ tab: browser.openTab(), getToken: () => createToken(sub, clock.now() / 1000 + 600) });
  await clock.tick(100);
  sub = "teacher-bengt";
  await clock.tick(600_000);
  notify(1);
  service.notify(sub, "class_created", { n: "for bengt" });
  await clock.tick(100);
  assert.deepEqual(anna.events, [1]);
  assert.deepEqual(second.events, ["for bengt"]);
  world.closeAll();
});

for (const [code, reason] of [[4003, "disconnected"], [4000, "quota"]]) {
  test(`close ${code} stops all tabs`, async () => {
    const world = setUp();
    const { service, clock } = world;
    const { browser, tabs } = await openTabs(world, 3);
    service.open()[0].close(code);
    await clock.tick(120_000);
    assert.equal(service.connections.length, 1);
    for (const { client } of tabs) assert.deepEqual([client.state.status, client.state.reason], ["stopped", reason]);
    assert.equal(clock.timers, 0);
    assert.deepEqual(browser.locks, []);
    tabs[1].client.reconnect();
    await clock.tick(100);
    assert.equal(lead(service), 1);
    assert.equal(tabs[1].client.state.status, "open");
    world.closeAll();
  });
}

test("a slow tab does not delay the others and loses nothing", async () => {
  const world = setUp();
  const { service, start, notify, clock } = world;
  const { browser, tabs: [first] } = await openTabs(world, 1);
  const slow = start({ tab: browser.openTab(), queueLimit: 3 });
  let release = [];
  slow.client.on("class_created", () => new Promise((resolve) => release.push(resolve)));
  await clock.tick(100);
  for (let i = 0; i < 10; i++) {
    notify(3);
    await clock.tick(10);
    release.splice(0).forEach((resolve) => resolve());
  }
  assert.deepEqual(first.events, numbers(1, 30));
  for (let i = 0; i < 60; i++) {
    release.splice(0).forEach((resolve) => resolve());
    await clock.tick(10);
  }
  assert.deepEqual(slow.events, numbers(1, 30));
  assert.equal(service.connections.length, 1, "the leader had them all");
  world.closeAll();
});

for (const [name, missing] of Object.entries({
  "Web Locks": { locks: undefined },
  BroadcastChannel: { BroadcastChannel: undefined },
  "a document": { document: undefined },
  "permission for locks": { locks: { request: () => Promise.reject(new Error("SecurityError")) } },
})) {
  test(`without ${name} each tab has its own connection`, async () => {
    const world = setUp();
    const { service, notify, clock } = world;
    const { tabs } = await openTabs(world, 2, { environment: missing });
    notify(3);
    await clock.tick(100);
    assert.equal(lead(service), 2);
    for (const tab of tabs) assert.deepEqual(tab.events, [1, 2, 3]);
    world.closeAll();
    assert.equal(clock.timers, 0);
  });
}

test("shareTabs: false gives a tab its own connection", async () => {
  const world = setUp();
  const { service, clock } = world;
  await openTabs(world, 2, { shareTabs: false });
  await clock.tick(100);
  assert.equal(lead(service), 2);
  world.closeAll();
});
