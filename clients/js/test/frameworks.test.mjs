import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Window } from "happy-dom";
import { setUp, user } from "./support.mjs";

const page = new Window({ url: "https://app.example/" });
globalThis.window = page;
globalThis.document = page.document;
globalThis.navigator ??= page.navigator;
globalThis.IS_REACT_ACT_ENVIRONMENT = true;
for (const name of ["Node", "Element", "HTMLElement", "SVGElement", "HTMLIFrameElement", "Event", "ShadowRoot", "MathMLElement"]) {
  globalThis[name] ??= page[name];
}
after(() => page.happyDOM.close());

const { createElement: h, StrictMode, act } = await import("react");
const { createRoot } = await import("react-dom/client");
const { renderToString } = await import("react-dom/server");
const react = await import("@huleedu/notifications/react");
const vue = await import("vue");
const vueNotifications = await import("@huleedu/notifications/vue");
const { createToken } = await import("@huleedu/notifications/testing");

/** Returns a service with stored notifications, and options for clients of it. */
function world() {
  const { service, clock } = setUp();
  const environment = { ...service.environment, document: undefined, window: undefined };
  let tokens = 0;
  const options = { url: "https://edge.example", start: "all", environment, getToken: () => (tokens++, createToken(user)) };
  return { service, clock, options, tokens: () => tokens };
}

test("React in StrictMode opens one connection, and components get what comes first", async () => {
  const { service, clock, options, tokens } = world();
  service.notify(user, "class_created", { n: 1 });
  const seen = [];
  function Child() {
    const { status } = react.useNotificationState();
    react.useNotification("class_created", (e) => seen.push(e.data.n));
    react.useGap((gap) => seen.push(gap.reason));
    return h("p", null, status);
  }
  const container = document.createElement("div");
  const root = createRoot(container);
  await act(async () => {
    root.render(h(StrictMode, null, h(react.NotificationsProvider, { options }, h(Child))));
    await clock.tick(10);
  });
  service.publish(user, "resync", { reason: "subscription_gap", since: null });
  await act(() => clock.tick(10));
  assert.equal(service.attempts, 1);
  assert.equal(tokens(), 1);
  assert.deepEqual(seen, [1, "subscription_gap"]);
  assert.equal(container.textContent, "open");
  await act(() => root.unmount());
  assert.equal(service.open().length, 0);
  assert.equal(clock.timers, 0);
});

test("React calls the latest handler, and a component that is gone gets nothing", async () => {
  const { service, clock, options } = world();
  const seen = [];
  const Child = ({ name }) => (react.useNotification("*", (e) => seen.push(name + e.data.n)), null);
  const root = createRoot(document.createElement("div"));
  const render = (child) => act(async () => {
    root.render(h(react.NotificationsProvider, { options }, child));
    await clock.tick(10);
  });
  await render(h(Child, { name: "a" }));
  service.notify(user, "x", { n: 1 });
  await render(h(Child, { name: "b" }));
  service.notify(user, "x", { n: 2 });
  await render(null);
  service.notify(user, "x", { n: 3 });
  await render(null);
  assert.deepEqual(seen, ["a1", "b2"]);
  assert.equal(service.attempts, 1);
  await act(() => root.unmount());
});

test("React on a server connects nothing", async () => {
  const { service, clock, options } = world();
  const Child = () => h("p", null, react.useNotificationState().status);
  assert.equal(renderToString(h(react.NotificationsProvider, { options }, h(Child))), "<p>connecting</p>");
  await clock.tick(10);
  assert.equal(service.attempts, 0);
});

test("a React hook without a provider says what is missing", () => {
  const Child = () => (react.useNotification("*", () => {}), null);
  assert.throws(() => renderToString(h(Child)), /NotificationsProvider/);
});

test("Vue opens one connection, and components get what comes first", async () => {
  const { service, clock, options, tokens } = world();
  service.notify(user, "class_created", { n: 1 });
  const seen = [];
  const shown = vue.ref(true);
  const Child = {
    setup() {
      const state = vueNotifications.useNotificationState();
      vueNotifications.useNotification("class_created", (e) => seen.push(e.data.n));
      vueNotifications.useGap((gap) => seen.push(gap.reason));
      return () => vue.h("p", state.value.status);
    },
  };
  const app = vue.createApp({ render: () => [shown.value && vue.h(Child), vue.h(Child)] });
  app.use(vueNotifications.createNotifications(options));
  const container = document.createElement("div");
  app.mount(container);
  await clock.tick(10);
  assert.deepEqual(seen, [1, 1]);
  assert.equal(container.textContent, "openopen");
  shown.value = false;
  await vue.nextTick();
  service.notify(user, "class_created", { n: 2 });
  service.publish(user, "resync", { reason: "subscription_gap", since: null });
  await clock.tick(10);
  assert.deepEqual(seen, [1, 1, 2, "subscription_gap"]);
  assert.equal(service.attempts, 1);
  assert.equal(tokens(), 1);
  app.unmount();
  assert.equal(service.open().length, 0);
  assert.equal(clock.timers, 0);
});

test("Vue without components that use notifications connects nothing", async () => {
  const { service, clock, options } = world();
  const app = vue.createApp({ render: () => null });
  app.use(vueNotifications.createNotifications(options));
  app.mount(document.createElement("div"));
  await clock.tick(10);
  app.unmount();
  assert.equal(service.attempts, 0);
});
