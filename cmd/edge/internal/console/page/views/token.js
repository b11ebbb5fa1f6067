// The view "Token": what the services say about a token, and why.
import { post } from "../api.js";
import { badge, button, card, el, field, resultLine } from "../dom.js";
import { pairs } from "../table.js";

// What to do about each cause of the contract.
const advice = {
  expired: "The token is over. The client must get a new one.",
  expiration: "The claim exp is missing or no number. The issuer must set it.",
  signature: "The token was signed with another key, or changed. Compare JWT_SECRET_KEY or the key set of issuer and services.",
  algorithm: "The header's alg is not JWT_ALGORITHM.",
  audience: "The claim aud does not contain JWT_AUDIENCE.",
  issuer: "The claim iss is not JWT_ISSUER.",
  not_yet_valid: "nbf or iat is in the future: compare the clocks of issuer and services.",
  key: "No key of the set has the header's kid.",
  refresh_token: "This is a refresh token. Clients must send the access token.",
  malformed: "This is not a token in the compact form, or a claim has the wrong type.",
  size: "The token is longer than 8 KiB.",
  subject: "The claim sub is missing, empty, too long, or has characters that are not allowed.",
};

export const token = {
  id: "token",
  title: "Token",
  intro: "Paste a token to see what the services say about it. It is checked with the JWT_* settings of this command, is not stored, and appears in no log.",
  mount(panel) {
    const input = el("textarea", { rows: "5", spellcheck: "false", autocomplete: "off" });
    const result = resultLine();
    const parts = el("div", {});
    const check = async () => {
      const text = input.value.trim().replace(/^bearer\s+/i, "");
      parts.replaceChildren();
      if (!text) return result.bad("Paste a token first.");
      parts.replaceChildren(...decoded(text));
      try {
        show(await post("token/check", { token: text }), result);
      } catch (error) {
        result.bad(error.message);
      }
    };
    panel.append(card("Check a token", field("Token", input), el("p", { class: "row" }, button("Check", check, { class: "primary" }),
      button("Clear", () => { input.value = ""; parts.replaceChildren(); result.clear(); })), result.line), card("What it contains (not verified)", parts));
  },
};

function show(answer, result) {
  if (answer.accepted) {
    result.good(badge("accepted", "good"), ` as ${answer.user}` + (answer.org ? ` of ${answer.org}` : ""));
    return;
  }
  const cause = answer.details?.cause;
  result.bad(badge("refused", "bad"), ` ${answer.code}: ${answer.message}. Cause: ${cause ?? answer.details?.reason ?? "unknown"}. ${advice[cause] ?? ""}`);
}

/** Returns header and claims as lists. A part that cannot be read is said to be so. */
function decoded(text) {
  const names = ["Header", "Claims"];
  return text.split(".").slice(0, 2).map((part, i) => {
    const values = read(part);
    return el("div", {}, el("h4", {}, names[i]), values ? pairs(withTimes(values)) : el("p", { class: "empty" }, "This part cannot be read."));
  });
}

function read(part) {
  try {
    const bytes = Uint8Array.from(atob(part.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
    const values = JSON.parse(new TextDecoder().decode(bytes));
    return typeof values === "object" && values ? values : undefined;
  } catch {
    return undefined;
  }
}

/** Adds the time of day to the claims that are times. */
function withTimes(values) {
  const out = { ...values };
  for (const name of ["exp", "iat", "nbf"]) if (typeof out[name] === "number") out[name] = `${out[name]} (${new Date(out[name] * 1000).toLocaleString()})`;
  return out;
}
