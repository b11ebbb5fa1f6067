"use strict";

// element makes a node with text; text never becomes markup.
function element(name, text, ...children) {
  const node = document.createElement(name);
  if (text) node.textContent = text;
  node.append(...children);
  return node;
}

function answers(responses) {
  const list = element("ul");
  for (const [status, answer] of Object.entries(responses)) {
    list.append(element("li", status + " " + (answer.description || answer.$ref || "")));
  }
  return list;
}

function operation(method, path, op) {
  return element("section", "",
    element("h2", method.toUpperCase() + " " + path),
    element("p", op.summary || ""),
    element("p", op.security && op.security.length ? "Needs a bearer token." : "Open to anyone."),
    answers(op.responses || {}));
}

async function show() {
  const about = document.getElementById("about");
  const answer = await fetch("/openapi.json");
  const api = await answer.json();
  about.textContent = api.info.description || "";
  const list = document.getElementById("operations");
  for (const [path, item] of Object.entries(api.paths)) {
    for (const [method, op] of Object.entries(item)) {
      if (op && op.responses) list.append(operation(method, path, op));
    }
  }
}

show().catch((reason) => {
  document.getElementById("about").textContent = "The description could not be loaded: " + reason;
});
