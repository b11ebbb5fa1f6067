// node asyncapi.cjs - read an AsyncAPI document from standard input and print the errors
// and warnings of the official parser, one per line.
"use strict";
const { Parser } = require("@asyncapi/parser");
const fs = require("node:fs");

const warning = 1; // 0 is an error

new Parser().validate(fs.readFileSync(0, "utf8")).then((found) => {
  for (const d of found.filter((d) => d.severity <= warning)) {
    console.log(`line ${d.range.start.line + 1}, ${d.path.join(".")}: ${d.message} (${d.code})`);
  }
});
