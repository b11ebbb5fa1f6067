// node scripts/build.mjs - build the package into dist: ES modules, CommonJS and declarations.
import { build } from "esbuild";
import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { existsSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = join(root, "dist");
const out = `${dist}-${process.pid}`; // replaces dist when it is complete
const entries = ["index", "sse", "gateway", "vue", "react", "testing"].filter((e) => existsSync(join(root, "src", e + ".ts")));

// An entry point is a file of its own; other entry points import it and do not contain it.
const separateEntries = (extension) => ({
  name: "separate-entries",
  setup(b) {
    b.onResolve({ filter: new RegExp(`^\\./(${entries.join("|")})\\.js$`) }, ({ path, kind }) =>
      kind === "entry-point" ? undefined : { path: path.replace(/\.js$/, extension), external: true });
  },
});

for (const [format, extension] of [["esm", ".js"], ["cjs", ".cjs"]]) {
  for (const entry of entries) {
    await build({
      entryPoints: [join(root, "src", entry + ".ts")], outfile: join(out, entry + extension), format,
      bundle: true, minify: true, target: "es2022", 
      platform: format === "cjs" ? "node" : "neutral", // "node" lets import() see the names that CommonJS exports
      external: ["react", "vue"],
      plugins: [separateEntries(extension)], logLevel: "warning",
    });
  }
}
const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
execFileSync(process.execPath, [tsc, "-p", root, "--outDir", out], { stdio: "inherit" });
for (const name of readdirSync(out, { recursive: true }).filter((n) => n.endsWith(".d.ts"))) {
  const text = readFileSync(join(out, name), "utf8").replace(/(from |import\()"(\.{1,2}\/[^"]+)\.js"/g, '$1"$2.cjs"');
  writeFileSync(join(out, name.replace(/\.d\.ts$/, ".d.cts")), text);
}
rmSync(dist, { recursive: true, force: true });
renameSync(out, dist);
