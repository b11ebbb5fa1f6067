export { createClock, type FakeClock } from "./testing/clock.js";
export { createFakeService, type FakeService, type FakeConnection, type Refusal } from "./testing/service.js";
export { createFakeBrowser, type FakeBrowser, type FakeTab } from "./testing/browser.js";
export { createToken } from "./testing/token.js";
