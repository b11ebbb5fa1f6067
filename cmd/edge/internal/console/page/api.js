// Calls of the console's own server.

/** Thrown when the console's server refuses a request. */
export class ConsoleError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function call(path, init) {
  let response;
  try {
    response = await fetch("api/" + path, init);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ConsoleError(0, "the console does not answer: is the command still running?");
  }
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new ConsoleError(response.status, body.error ?? "status " + response.status);
  return body;
}

/** Reads a document. */
export const get = (path, signal) => call(path, { signal });

/** Sends a document. */
export const post = (path, body = {}) => call(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
