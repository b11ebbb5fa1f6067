// What the unit tests share: a service, a client that records what it receives, and a browser.
import { connect } from "@huleedu/notifications";
import { createFakeBrowser, createFakeService, createToken } from "@huleedu/notifications/testing";

export const user = "teacher-anna";

/** Returns a service and a function that starts recorded clients on it. */
export function setUp() {
  const service = createFakeService();
  const clients = [];
  const start = (options = {}) => {
    const { environment, tab, ...rest } = options;
    const value = 0.5 + clients.length * 1e-9; // tabs have different names
    const random = () => value;
    const record = { events: [], gaps: [], states: [], errors: [], reasons: [] };
    const client = connect({
      url: "https://edge.example/notify/",
      getToken: ({ reason }) => (record.reasons.push(reason), createToken(user)),
      onError: (error) => record.errors.push(error),
      environment: { ...service.environment, random, ...tab?.environment, ...environment },
      ...rest,
    });
    client.on("*", (e) => record.events.push(e.data.n ?? e.event));
    client.onGap((gap) => record.gaps.push(gap));
    client.onState((state) => record.states.push(state.status));
    clients.push(client);
    return Object.assign(record, { client });
  };
  /** Stores n numbered notifications. */
  let sent = 0;
  const notify = (count = 1) => Array.from({ length: count }, () => service.notify(user, "class_created", { n: ++sent }));
  return { service, start, notify, clock: service.clock, closeAll: () => clients.forEach((c) => c.close()) };
}

/** Lets the clock stand and waits until a condition holds; loading a module takes real time. */
export async function until(clock, condition) {
  for (let i = 0; i < 500; i++) {
    if (condition()) return;
    await clock.tick(0);
  }
  throw new Error("the condition does not hold: " + condition);
}

export const numbers = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

/** Opens tabs of one browser with a client each. */
export async function openTabs({ start, clock }, count, options = {}) {
  const browser = createFakeBrowser();
  const tabs = [];
  for (let i = 0; i < count; i++) {
    const tab = browser.openTab();
    tabs.push(Object.assign(start({ tab, ...options }), { tab }));
    await clock.tick(10);
  }
  return { browser, tabs };
}
