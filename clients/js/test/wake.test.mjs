import assert from "node:assert/strict";
import { test } from "node:test";
import { createToken } from "@huleedu/notifications/testing";
import { openTabs, setUp, user } from "./support.mjs";

for (const event of ["online", "pageshow", "resume", "show"]) {
  test(`${event}: a client that waits tries at once`, async () => {
    const world = setUp();
    const { service, clock } = world;
    let away = true;
    service.admit = () => (away ? { status: 0 } : undefined);
    const { tabs: [only] } = await openTabs(world, 1, { backoff: { base: 1_000_000, max: 1_000_000 } });
    if (event === "show") only.tab.hide();
    away = false;
    await clock.tick(10_000);
    assert.equal(only.client.state.status, "waiting");
    if (event === "show") only.tab.show();
    else only.tab.fire(event);
    await clock.tick(10);
    assert.equal(only.client.state.status, "open");
    world.closeAll();
  });

  test(`${event}: a connection that is dead is replaced within five seconds`, async () => {
    const world = setUp();
    const { service, notify, clock } = world;
    const { tabs: [only] } = await openTabs(world, 1);
    service.open()[0].silent = true; // the machine slept
    notify(2);
    if (event === "show") only.tab.hide();
    if (event === "show") only.tab.show();
    else only.tab.fire(event);
    await clock.tick(4_900);
    assert.deepEqual(only.events, []);
    await clock.tick(1_000);
    assert.deepEqual(only.events, [1, 2]);
    world.closeAll();
  });
}

test("a connection that answers stays", async () => {
  const world = setUp();
  const { service, clock } = world;
  const { tabs: [only] } = await openTabs(world, 1);
  for (let i = 0; i < 20; i++) only.tab.fire("online");
  await clock.tick(10_000);
  assert.equal(service.connections.length, 1);
  assert.equal(only.client.state.status, "open");
  world.closeAll();
});

test("waking does not shorten a pause that the service has asked for, and does not end a stop", async () => {
  const world = setUp();
  const { service, clock } = world;
  service.admit = () => ({ status: 503, retryAfter: 60 });
  const { tabs: [only] } = await openTabs(world, 1, { environment: { WebSocket: undefined } });
  await clock.tick(1_000);
  const { attempts } = service;
  only.tab.fire("online");
  await clock.tick(1_000);
  assert.equal(service.attempts, attempts);
  service.admit = () => ({ status: 429, body: '{"error":{"code":"QUOTA_EXCEEDED"}}' });
  await clock.tick(120_000);
  assert.equal(only.client.state.status, "stopped");
  only.tab.fire("pagehide");
  only.tab.fire("pageshow");
  only.tab.fire("online");
  await clock.tick(120_000);
  assert.equal(only.client.state.status, "stopped");
  world.closeAll();
});

test("a token that is about to expire is renewed when the machine wakes", async () => {
  const world = setUp();
  const { service, clock } = world;
  const { tabs: [only] } = await openTabs(world, 1, { getToken: () => createToken(user, Math.floor(clock.now() / 1000) + 3600) });
  clock.step(3_590_000); // timers stood still
  only.tab.fire("resume");
  await clock.tick(9_000);
  assert.ok(service.connections[0].received.some((f) => f.type === "refresh"));
  world.closeAll();
});
