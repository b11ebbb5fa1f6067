// node models.cjs DIR - read an AsyncAPI document in JSON from standard input and write
// TypeScript types of its messages to DIR/models.ts.
"use strict";
const { TypeScriptGenerator } = require("@asyncapi/modelina");
const fs = require("node:fs");
const path = require("node:path");

const options = { modelType: "interface", enumType: "union", mapType: "record", rawPropertyNames: true };

new TypeScriptGenerator(options).generate(JSON.parse(fs.readFileSync(0, "utf8"))).then((models) => {
  const types = models.map((m) => m.result).join("\n\n").replace(/^(interface|type)/gm, "export $1");
  fs.writeFileSync(path.join(process.argv[2], "models.ts"), types);
});
