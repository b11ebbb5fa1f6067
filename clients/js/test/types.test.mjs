import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync, cpSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");

// Each consumer is a package of its own that has the built package in its node_modules.
for (const [name, type, file, options] of [
  ["ES modules in Node", "module", "consumer.ts", ["--module", "nodenext"]],
  ["CommonJS in Node", "commonjs", "consumer.cts", ["--module", "nodenext"]],
  ["a bundler", "module", "consumer.ts", ["--module", "esnext", "--moduleResolution", "bundler"]],
]) {
  test(`types: ${name}`, () => {
    const dir = mkdtempSync(join(tmpdir(), "consumer-"));
    try {
      const modules = join(dir, "node_modules");
      mkdirSync(join(modules, "@huleedu"), { recursive: true });
      for (const dependency of readdirSync(join(root, "node_modules"))) {
        if (!dependency.startsWith(".") && dependency !== "@huleedu") symlinkSync(join(root, "node_modules", dependency), join(modules, dependency));
      }
      const installed = join(modules, "@huleedu/notifications");
      mkdirSync(installed);
      cpSync(join(root, "dist"), join(installed, "dist"), { recursive: true });
      copyFileSync(join(root, "package.json"), join(installed, "package.json"));
      writeFileSync(join(dir, "package.json"), JSON.stringify({ type }));
      const text = readFileSync(join(root, "test/types/consumer.ts"), "utf8");
      writeFileSync(join(dir, file), text);
      const { status, stdout } = spawnSync(process.execPath, [
        tsc, "--noEmit", "--strict", "--skipLibCheck", "--target", "es2022", "--lib", "es2022,dom,dom.iterable", "--types", "node",
        ...options, join(dir, file),
      ], { cwd: dir, encoding: "utf8" });
      assert.equal(status, 0, stdout);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
}

test("the generated types of the gateway are current", () => {
  const dir = mkdtempSync(join(tmpdir(), "generated-"));
  try {
    const { status, stderr } = spawnSync(process.execPath, [join(root, "scripts/generate.mjs"), dir], { encoding: "utf8" });
    assert.equal(status, 0, stderr);
    const file = "gateway/openapi.generated.ts";
    assert.ok(readFileSync(join(dir, file), "utf8") === readFileSync(join(root, "src", file), "utf8"), "run: npm run generate");
  } finally {
    rmSync(dir, { recursive: true });
  }
});
