import { platform, type Environment } from "../environment.js";
import { createTokens, type Token } from "../tokens.js";
import type { Options } from "../types.js";
import { GatewayError } from "./error.js";
import type { components, operations } from "./openapi.generated.js";
import { formOf, sendWithProgress, type Upload } from "./upload.js";

type Schemas = components["schemas"];
type JsonBody<R> = R extends { content: { "application/json": infer Body } } ? Body : never;
type Query<O extends keyof operations> = NonNullable<operations[O]["parameters"]["query"]>;
type Answer<O extends keyof operations, Status extends number> = operations[O]["responses"] extends infer All
  ? JsonBody<All[Status & keyof All]> : never;

/** The options of `createGateway`. */
export interface GatewayOptions {
  /** The address of the gateway: "https://api.example.com". */
  url: string;
  /** Returns the user's token, as for `connect`. */
  getToken: Options["getToken"];
  /** Replaces browser APIs in tests. */
  environment?: Partial<Environment>;
}

/** The options of a call. */
export interface RequestOptions {
  signal?: AbortSignal;
  /** Makes a command safe to repeat for 24 hours: 1-128 printable ASCII characters, for one user and batch. */
  idempotencyKey?: string;
  query?: Record<string, string | number | boolean | undefined>;
  /** Is sent as JSON. */
  body?: unknown;
}

/** A client of the gateway. Its methods reject with GatewayError, or like fetch without a connection. */
export interface Gateway {
  listBatches(query?: Query<"listBatches">, options?: { signal?: AbortSignal }): Promise<Answer<"listBatches", 200>>;
  batchStatus(batchId: string, options?: { signal?: AbortSignal }): Promise<Answer<"batchStatus", 200>>;
  registerBatch(registration: Schemas["Registration"], options?: { signal?: AbortSignal }): Promise<Answer<"registerBatch", 202>>;
  /**
   * Starts a pipeline. Without `idempotencyKey` it makes a key. After a GatewayError with the code KAFKA_PUBLISH_ERROR the
   * outcome is unknown: repeat the call with the same key.
   */
  startPipeline(
    batchId: string, request: Schemas["PipelineRequest"], options?: { signal?: AbortSignal; idempotencyKey?: string },
  ): Promise<Answer<"startPipeline", 202>>;
  setPrompt(batchId: string, change: Schemas["PromptChange"], options?: { signal?: AbortSignal }): Promise<unknown>;
  upload(upload: Upload): Promise<Answer<"uploadFiles", 202>>;
  /** Calls any other route, such as /v1/classes/ and /bff/v1/teacher/dashboard. The result is the JSON, or undefined without a body. */
  request<T = unknown>(method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE", path: string, options?: RequestOptions): Promise<T>;
}

/** Returns a client. A token that the gateway refuses is replaced once per call. */
export function createGateway(options: GatewayOptions): Gateway {
  const env = platform(options.environment);
  const tokens = createTokens(env, options.getToken);
  const base = new URL(options.url, env.location?.href).href.replace(/\/+$/, "");

  /** Sends with a token, and once more with a new one after 401, which says that nothing was done. */
  const withToken = async <T>(send: (token: string) => Promise<T>): Promise<T> => {
    const attempt = async (): Promise<[T] | Token> => {
      const token = await tokens.get();
      if (!token) throw new Error("nobody is signed in");
      try {
        return [await send(token.text)];
      } catch (error) {
        if (!(error instanceof GatewayError) || error.status !== 401) throw error;
        tokens.refuse(token);
        lastRefusal = error;
        return token;
      }
    };
    let lastRefusal: unknown;
    const first = await attempt();
    if (Array.isArray(first)) return first[0];
    const second = await attempt();
    if (Array.isArray(second)) return second[0];
    throw lastRefusal;
  };

  const send = async (method: string, url: string, init: RequestInit & { headers: Record<string, string> }): Promise<any> => {
    const response = await env.fetch!(url, { ...init, method });
    const text = await response.text();
    if (!response.ok) throw new GatewayError(response.status, (name) => response.headers.get(name), text);
    return text ? JSON.parse(text) : undefined;
  };

  const request: Gateway["request"] = (method, path, { signal, idempotencyKey, query = {}, body } = {}) => {
    const url = new URL(base + path);
    for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, String(value));
    return withToken((token) => {
      const headers: Record<string, string> = { Authorization: "Bearer " + token };
      if (body !== undefined) headers["Content-Type"] = "application/json";
      if (idempotencyKey !== undefined) headers["Idempotency-Key"] = idempotencyKey;
      return send(method, url.href, { headers, body: body === undefined ? null : JSON.stringify(body), signal: signal ?? null });
    });
  };

  const ofBatch = (id: string, what: string) => `/v1/batches/${encodeURIComponent(id)}/${what}`;
  return {
    request,
    listBatches: (query, more) => request("GET", "/v1/batches", { query: { ...query }, ...more }),
    batchStatus: (id, more) => request("GET", ofBatch(id, "status"), more),
    registerBatch: (body, more) => request("POST", "/v1/batches/register", { body, ...more }),
    startPipeline: (id, body, { idempotencyKey = crypto.randomUUID(), signal } = {}) =>
      request("POST", ofBatch(id, "pipelines"), { body, idempotencyKey, ...(signal && { signal }) }),
    setPrompt: (id, body, more) => request("PATCH", ofBatch(id, "prompt"), { body, ...more }),
    upload(upload) {
      const url = base + "/v1/files/batch";
      return withToken(async (token) => {
        const form = formOf(upload);
        if (upload.onProgress && typeof XMLHttpRequest === "function") return sendWithProgress(url, token, form, upload) as any;
        const result = await send("POST", url, { headers: { Authorization: "Bearer " + token }, body: form, signal: upload.signal ?? null });
        upload.onProgress?.({ sent: 1, total: 1 });
        return result;
      });
    },
  };
}
