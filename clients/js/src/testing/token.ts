/** Returns a token that looks like a JWT and has no valid signature. `exp` is in seconds since 1970. */
export function createToken(sub: string, exp = 4102444800, more: object = {}): string {
  return [{ alg: "none" }, { sub, exp, ...more }].map(encode).join(".") + ".signature";
}

const encode = (value: object) =>
  btoa(String.fromCharCode(...new TextEncoder().encode(JSON.stringify(value))))
    .replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");

/** Reads the claims of a token. */
export function readToken(token: string): { sub: string; exp: number } {
  const binary = atob((token.split(".")[1] ?? "").replace(/-/g, "+").replace(/_/g, "/"));
  return JSON.parse(new TextDecoder().decode(Uint8Array.from(binary, (c) => c.charCodeAt(0))));
}
