import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { createContext, runInContext } from "node:vm";
import { gzipSync } from "node:zlib";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = (name) => readFileSync(new URL("../dist/" + name, import.meta.url));
const { exports } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
const entries = Object.keys(exports).map((path) => (path === "." ? "index" : path.slice(2)));

/** The most bytes of each entry point with gzip. */
const limits = { index: 5000, sse: 1500, gateway: 2500, vue: 1000, react: 1000, testing: 5000 };

for (const entry of entries) {
  test(`the size of ${entry} is within its limit`, (t) => {
    for (const extension of [".js", ".cjs"]) {
      const size = gzipSync(dist(entry + extension), { level: 9 }).length;
      t.diagnostic(`${entry}${extension}: ${size} bytes with gzip`);
      assert.ok(size <= limits[entry] + (extension === ".cjs" ? 400 : 0), `${size} bytes`);
    }
  });
}

test("the core loads nothing but server-sent events, and that on demand", () => {
  const text = dist("index.js").toString();
  assert.deepEqual(text.match(/\bimport\b.{0,12}/g), ['import("./sse.js")']);
  assert.doesNotMatch(text, /\bfrom\s*"/);
});

test("modules load in a world without any API, as ES modules and CommonJS", async () => {
  const require = createRequire(import.meta.url);
  for (const entry of ["index", "sse", "gateway", "testing"].filter((e) => entries.includes(e))) {
    const module = { exports: {} };
    runInContext(`(function (module, exports, require) {${dist(entry + ".cjs")}\n})`, createContext({}))(module, module.exports, require);
    assert.ok(Object.keys(module.exports).length > 0, entry);
  }
  for (const path of Object.keys(exports)) {
    const name = "@huleedu/notifications" + path.slice(1);
    assert.deepEqual(Object.keys(await import(name)).sort(), Object.keys(require(name)).sort(), name);
  }
});

test("import() of a CommonJS file has its names, as the core imports server-sent events", async () => {
  const require = createRequire(import.meta.url);
  for (const entry of entries) {
    const file = fileURLToPath(new URL(`../dist/${entry}.cjs`, import.meta.url));
    const names = Object.keys(await import(file)).filter((name) => !["default", "module.exports"].includes(name));
    assert.deepEqual(names.sort(), Object.keys(require(file)).sort(), entry);
  }
});

test("the package has the built files and nothing else", () => {
  const [{ files }] = JSON.parse(execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], { cwd: root, encoding: "utf8" }));
  const built = readdirSync(new URL("../dist", import.meta.url), { recursive: true, withFileTypes: true })
    .filter((f) => f.isFile()).map((f) => `dist/${f.parentPath ?? f.path}/${f.name}`.replace(`dist/${root}dist/`, "dist/"));
  assert.deepEqual(files.map((f) => f.path).sort(), ["README.md", "package.json", ...built].sort());
  for (const entry of entries) for (const extension of [".js", ".cjs", ".d.ts", ".d.cts"]) assert.ok(built.includes("dist/" + entry + extension));
});

test("the example page of edge up has the client as it is built now", () => {
  for (const name of ["index.js", "sse.js", "gateway.js"]) {
    const copy = readFileSync(new URL("../../../cmd/edge/example/client/" + name, import.meta.url), "utf8");
    assert.ok(copy === dist(name).toString(), `${name} is not current; run: npm run example`);
  }
});
