import type { components } from "./openapi.generated.js";

/** The code of an error: one of the gateway's, or "" if the answer has none (a service behind it, a proxy). */
export type ErrorCode = components["schemas"]["ErrorCode"] | "";

/** An answer of the gateway that is not 2xx. */
export class GatewayError extends Error {
  override readonly name = "GatewayError";
  /** The HTTP status. */
  readonly status: number;
  readonly code: ErrorCode;
  /** Names the request in logs and traces; "" if a proxy has answered. */
  readonly correlationId: string;
  /** The details of the error, or the body of a service behind the gateway. */
  readonly details: any;
  /** After how many seconds the request may be repeated; undefined if the gateway does not say. */
  readonly retryAfter: number | undefined;

  constructor(status: number, header: (name: string) => string | null, text: string) {
    let body: any;
    try {
      body = JSON.parse(text);
    } catch {
      body = undefined; // a proxy has answered
    }
    const error = typeof body?.error === "object" ? body.error : undefined;
    // A service behind the gateway has a text in place of the object.
    super(error?.message ?? (typeof body?.error === "string" ? body.error : `the gateway answered ${status}`));
    this.status = status;
    this.code = error?.code ?? "";
    this.correlationId = error?.correlation_id ?? header("X-Correlation-ID") ?? "";
    this.details = error?.details ?? body;
    this.retryAfter = Number(header("Retry-After")) || undefined;
  }
}
