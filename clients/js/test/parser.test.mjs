import assert from "node:assert/strict";
import { test } from "node:test";
import { createParser } from "@huleedu/notifications/sse";

const stream = [
  ": comment\n", "retry: 3000\n\n", "id: 1-0\ndata: {\"a\":1}\n\n", "data: one\r\ndata: two\r\n\r\n", "data: x\rdata: y\r\r",
  "event: close\ndata: {\"code\":1012}\n\n", "data\n\n", "data:å漢🎉\n\n", "data: not complete",
].join("");
const want = [
  ["", '{"a":1}'], ["", "one\ntwo"], ["", "x\ny"], ["close", '{"code":1012}'], ["", ""], ["", "å漢🎉"],
];

test("events are the same wherever the stream is cut", () => {
  for (let size = 1; size <= stream.length; size++) {
    const got = [];
    const accept = createParser((event, data) => got.push([event, data]));
    for (let at = 0; at < stream.length; at += size) accept(stream.slice(at, at + size));
    assert.deepEqual(got, want, `parts of ${size}`);
  }
});

test("a line without an end is refused", () => {
  const accept = createParser(() => {});
  assert.throws(() => {
    for (let i = 0; i < 10; i++) accept("x".repeat(1 << 20));
  });
});
