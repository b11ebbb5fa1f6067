import assert from "node:assert/strict";
import { test } from "node:test";
import { createGateway, GatewayError } from "@huleedu/notifications/gateway";
import { createToken } from "@huleedu/notifications/testing";
import { user } from "./support.mjs";

/** Returns a gateway client whose requests get the answers one after the other. */
function setUp(...answers) {
  const requests = [];
  const reasons = [];
  let made = 0;
  const gateway = createGateway({
    url: "https://api.example/",
    getToken: ({ reason }) => (reasons.push(reason), createToken(user, 4102444800 + made++)),
    environment: {
      async fetch(url, init) {
        requests.push({ url, ...init });
        init.signal?.throwIfAborted();
        const { status = 200, body = {}, headers } = answers.shift();
        return new Response(typeof body === "string" ? body : JSON.stringify(body), { status, headers });
      },
    },
  });
  return { gateway, requests, reasons };
}

const failure = (code, more) => ({ error: { code, message: "what happened", correlation_id: "c-1", details: { limit: 7 }, ...more } });

test("calls have the path, the query, the token and the body", async () => {
  const { gateway, requests } = setUp({}, {}, {}, { status: 202 }, {});
  await gateway.listBatches({ limit: 5, status: "ready" });
  await gateway.batchStatus("a/b?c");
  await gateway.setPrompt("b1", { student_prompt_ref: { references: {} } });
  await gateway.registerBatch({ expected_essay_count: 2, course_code: "ENG5" });
  await gateway.request("GET", "/v1/classes/");
  assert.deepEqual(requests.map(({ method, url }) => `${method} ${url}`), [
    "GET https://api.example/v1/batches?limit=5&status=ready",
    "GET https://api.example/v1/batches/a%2Fb%3Fc/status",
    "PATCH https://api.example/v1/batches/b1/prompt",
    "POST https://api.example/v1/batches/register",
    "GET https://api.example/v1/classes/",
  ]);
  assert.match(requests[0].headers.Authorization, /^Bearer ey/);
  assert.deepEqual(JSON.parse(requests[3].body), { expected_essay_count: 2, course_code: "ENG5" });
  assert.equal(requests[3].headers["Content-Type"], "application/json");
});

test("a command has the given key, or one of its own", async () => {
  const { gateway, requests } = setUp({ status: 202 }, { status: 202 }, { status: 202 });
  const body = { requested_pipeline: "spellcheck" };
  await gateway.startPipeline("b1", body, { idempotencyKey: "mine" });
  await gateway.startPipeline("b1", body);
  await gateway.startPipeline("b1", body);
  const keys = requests.map((r) => r.headers["Idempotency-Key"]);
  assert.equal(keys[0], "mine");
  assert.equal(new Set(keys).size, 3);
});

test("an error has the code, the correlation id and the details", async () => {
  const { gateway } = setUp({ status: 429, body: failure("RATE_LIMIT"), headers: { "Retry-After": "12" } });
  const error = await gateway.listBatches().catch((e) => e);
  assert.ok(error instanceof GatewayError && error instanceof Error);
  const { name, message, status, code, correlationId, details, retryAfter } = error;
  assert.deepEqual({ name, message, status, code, correlationId, details, retryAfter }, {
    name: "GatewayError", message: "what happened", status: 429, code: "RATE_LIMIT", correlationId: "c-1", details: { limit: 7 }, retryAfter: 12,
  });
});

for (const [name, body, want] of [
  ["a proxy", "<html>bad gateway</html>", undefined],
  ["a service behind the gateway", { allowed: false, denial_reason: "insufficient_credits" }, { allowed: false, denial_reason: "insufficient_credits" }],
  ["a service with an error text", { error: "Batch not found" }, { error: "Batch not found" }],
]) {
  test(`the answer of ${name} is an error with its body`, async () => {
    const { gateway } = setUp({ status: 402, body, headers: { "X-Correlation-ID": "c-2" } });
    const error = await gateway.batchStatus("b1").catch((e) => e);
    assert.deepEqual([error.status, error.code, error.correlationId, error.details], [402, "", "c-2", want]);
    assert.equal(error.message, want?.error ?? "the gateway answered 402");
  });
}

test("a token that is refused is replaced once", async () => {
  const unauthenticated = { status: 401, body: failure("AUTHENTICATION_ERROR") };
  const { gateway, requests, reasons } = setUp(unauthenticated, { body: { batches: [] } }, unauthenticated, unauthenticated);
  assert.deepEqual(await gateway.listBatches(), { batches: [] });
  assert.deepEqual(reasons, ["connect", "refused"]);
  assert.notEqual(requests[0].headers.Authorization, requests[1].headers.Authorization);
  await assert.rejects(gateway.listBatches(), { status: 401 });
  assert.equal(requests.length, 4);
});

test("a call is aborted by its signal, and no connection is a TypeError", async () => {
  const { gateway } = setUp();
  await assert.rejects(gateway.batchStatus("b1", { signal: AbortSignal.abort() }), { name: "AbortError" });
  const offline = createGateway({
    url: "https://api.example", getToken: () => createToken(user), environment: { fetch: () => Promise.reject(new TypeError("fetch failed")) },
  });
  await assert.rejects(offline.batchStatus("b1"), TypeError);
  const nobody = createGateway({ url: "https://api.example", getToken: () => null });
  await assert.rejects(nobody.batchStatus("b1"), /signed in/);
});

test("an upload is a form with the batch first", async () => {
  const { gateway, requests } = setUp({ status: 202, body: { batch_id: "b1" } });
  const progress = [];
  await gateway.upload({
    batchId: "b1", assignmentId: "a1", files: [{ name: "å.txt", content: new Blob(["text"]) }], onProgress: (p) => progress.push(p),
  });
  const [{ body, headers }] = requests;
  assert.deepEqual([...body.keys()], ["batch_id", "assignment_id", "files"]);
  assert.equal(body.get("files").name, "å.txt");
  assert.equal(headers["Content-Type"], undefined, "the platform adds the boundary");
  assert.equal(progress.length, 1);
});

test("an upload in a browser reports progress and can be aborted", async () => {
  const made = [];
  globalThis.XMLHttpRequest = class {
    upload = {};
    headers = {};
    constructor() { made.push(this); }
    open(...args) { this.opened = args; }
    setRequestHeader(name, value) { this.headers[name] = value; }
    getResponseHeader() { return null; }
    send(body) { this.body = body; }
    abort() { this.onabort(); }
  };
  try {
    const { gateway } = setUp();
    const progress = [];
    const start = (signal) => gateway.upload({ batchId: "b1", files: [], signal, onProgress: (p) => progress.push(p) });
    const settled = async () => { for (let i = 0; i < 20; i++) await null; };
    const done = start();
    await settled();
    made[0].upload.onprogress({ loaded: 3, total: 9 });
    Object.assign(made[0], { status: 202, responseText: '{"batch_id":"b1"}' });
    made[0].onload();
    assert.deepEqual(await done, { batch_id: "b1" });
    assert.deepEqual(progress, [{ sent: 3, total: 9 }]);
    const refused = start();
    await settled();
    Object.assign(made[1], { status: 413, responseText: JSON.stringify(failure("VALIDATION_ERROR")) });
    made[1].onload();
    await assert.rejects(refused, { code: "VALIDATION_ERROR" });
    const controller = new AbortController();
    const aborted = start(controller.signal);
    await settled();
    controller.abort();
    await assert.rejects(aborted, { name: "AbortError" });
  } finally {
    delete globalThis.XMLHttpRequest;
  }
});
