// node asyncapi.cjs - read an AsyncAPI document on standard input and print, one
// a line, what the specification's own parser has against it. Advice is left out.
"use strict";
const { Parser } = require("@asyncapi/parser");
const fs = require("node:fs");

const warning = 1; // 0 is an error

new Parser().validate(fs.readFileSync(0, "utf8")).then((found) => {
  for (const d of found.filter((d) => d.severity <= warning)) {
    console.log(`line ${d.range.start.line + 1}, ${d.path.join(".")}: ${d.message} (${d.code})`);
  }
});
