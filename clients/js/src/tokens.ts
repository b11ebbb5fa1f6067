import type { Environment } from "./environment.js";
import { createTimers } from "./timers.js";
import type { Options, TokenReason } from "./types.js";

/** A token with two claims that the client reads but does not verify. */
export interface Token {
  readonly text: string;
  /** The user; "" if the token cannot be read. */
  readonly sub: string;
  /** The expiry in ms since 1970; Infinity if the token cannot be read. */
  readonly exp: number;
}

/** The tokens of one client. */
export interface Tokens {
  /**
   * Returns the last token while it is good, else a new one. `renew` requests a new one in any case. The result is
   * undefined if the user is signed out. It rejects if getToken does, takes too long or returns a refused token.
   */
  get(renew?: boolean): Promise<Token | undefined>;
  /** Never offers this token again. */
  refuse(token: Token | undefined): void;
  /** Aborts the call of getToken that is running. */
  abort(): void;
}

/** The limit of one call of getToken in ms. */
const callLimit = 30_000;
/** How many refused tokens are remembered. */
const maxRefused = 16;
/** A token that expires within this time in ms is not offered. */
const expiryMargin = 5_000;

/** Returns the tokens that getToken provides. */
export function createTokens(env: Environment, getToken: Options["getToken"]): Tokens {
  const timers = createTimers(env);
  const refused = new Set<string>();
  let last: Token | undefined;
  let running: Promise<Token | undefined> | undefined;
  let controller: AbortController | undefined;

  const call = (reason: TokenReason) =>
    new Promise<string | null | undefined>((resolve, reject) => {
      const mine = (controller = new AbortController());
      const { signal } = mine;
      timers.set("token", callLimit, () => mine.abort(new Error("getToken: timed out")));
      signal.addEventListener("abort", () => reject(signal.reason));
      Promise.resolve({ reason, signal }).then(getToken).then(resolve, reject);
    });

  const request = async (reason: TokenReason) => {
    try {
      const text = await call(reason);
      if (text && refused.has(text)) throw new Error("getToken: refused token");
      return (last = text ? { text, ...readClaims(text) } : undefined);
    } finally {
      timers.clear();
      running = undefined;
    }
  };

  return {
    async get(renew) {
      const isRefused = last && refused.has(last.text);
      const expires = last && last.exp < env.now() + expiryMargin;
      if (last && !isRefused && !expires && !renew) return last;
      return (running ??= request(isRefused ? "refused" : last ? "expiring" : "connect"));
    },
    refuse(token) {
      if (!token) return;
      refused.add(token.text);
      if (refused.size > maxRefused) refused.delete(refused.values().next().value!);
    },
    abort: () => controller?.abort(),
  };
}

/** Reads the claims of a JWT without verifying them. */
function readClaims(text: string): { sub: string; exp: number } {
  let claims: any;
  try {
    const binary = atob(text.split(".")[1]!.replace(/-/g, "+").replace(/_/g, "/"));
    claims = JSON.parse(new TextDecoder().decode(Uint8Array.from(binary, (c) => c.charCodeAt(0))));
  } catch {
    // The service judges the token.
  }
  return { sub: String(claims?.sub ?? ""), exp: claims?.exp * 1000 || Infinity };
}
