import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import { UnsupportedError } from "../../../src/contract/mod.ts";
import { filePathFrom, pathFrom } from "../../../src/runtime/paths/path_like.ts";
import { ourError } from "../../support/our_error.ts";

const bytes = (...values: number[]) => Uint8Array.from(values);
const ascii = (text: string) => new TextEncoder().encode(text);

describe("A path", () => {
  it("may be a string, which stays unchanged", () => {
    for (const path of ["a", "/ü", "./file:", "file:x", "http://a", "%41", "a?b#c", "C:\\x"]) {
      assert.equal(pathFrom(path), path);
      assert.equal(filePathFrom(path), path);
    }
  });

  it("is not the text of a URL", () => {
    for (const path of ["file:///tmp/x", "FILE://x", "file://"]) {
      assert.throws(() => pathFrom(path), { name: "TypeError", message: /new URL\(/ });
    }
  });

  it("is refused if it is none", () => {
    const values = [undefined, null, 5, 1n, Symbol("path"), {}, [], ["a"], () => {}, new Date()];
    for (
      const path of [
        ...values,
        new Uint16Array(2),
        new ArrayBuffer(2),
        new DataView(new ArrayBuffer(2)),
      ]
    ) {
      assert.throws(() => pathFrom(path as string), ourError(TypeError));
    }
    for (const path of ["", "a\0", "\ud800", "\udce9", bytes(), bytes(0), bytes(0x61, 0, 0x62)]) {
      assert.throws(() => pathFrom(path), ourError(TypeError));
    }
  });

  it("of a file does not end with a slash", () => {
    for (const path of ["d/", "/", ascii("d/"), new URL("file:///d/")]) {
      assert.throws(() => filePathFrom(path, "linux"), { name: "TypeError", message: /a folder/ });
      assert.equal(pathFrom(path, "linux").endsWith("/"), true);
    }
    assert.equal(filePathFrom("d\\", "linux"), "d\\");
    assert.throws(() => filePathFrom("d\\", "win32"), TypeError);
  });
});

describe("A path of bytes", () => {
  it("is UTF-8, or anything else", () => {
    assert.equal(pathFrom(ascii("/ü😀")), "/ü😀");
    for (const platform of ["linux", "darwin"]) {
      assert.equal(pathFrom(bytes(0x2f, 0xe9), platform), "/\udce9");
    }
  });

  it("may be part of a buffer, or shared", () => {
    assert.equal(pathFrom(ascii("xx/tmp").subarray(2)), "/tmp");
    const shared = new Uint8Array(new SharedArrayBuffer(4));
    shared.set(ascii("/tmp"));
    assert.equal(pathFrom(shared), "/tmp");
  });

  it("is UTF-8 on Windows", () => {
    assert.equal(pathFrom(ascii("C:\\ü"), "win32"), "C:\\ü");
    assert.throws(() => pathFrom(bytes(0x61, 0xe9), "win32"), ourError(UnsupportedError));
  });
});

describe("A path of a URL", () => {
  it("is the one that the URL escapes", () => {
    for (const path of ["/tmp/x", "/a b", "/ü", "/100%", "/%41", "/a?b#c", "/a\\b", "/😀"]) {
      assert.equal(pathFrom(pathToFileURL(path), "linux"), path);
    }
    assert.equal(pathFrom(new URL("file:///tmp/../x?query#part"), "linux"), "/x");
    assert.equal(pathFrom(new URL("file:/x"), "linux"), "/x");
    assert.equal(pathFrom(new URL("file://localhost/x"), "linux"), "/x");
    assert.equal(pathFrom(new URL("file:///100%"), "linux"), "/100%");
  });

  it("has the bytes that the URL escapes", () => {
    assert.equal(pathFrom(new URL("file:///caf%E9"), "linux"), "/caf\udce9");
    assert.equal(pathFrom(new URL("file:///caf%c3%a9"), "linux"), "/café");
    assert.throws(() => pathFrom(new URL("file:///caf%E9"), "win32"), TypeError);
    assert.throws(
      () => pathFrom(new URL("file:///C:/caf%E9"), "win32"),
      ourError(UnsupportedError),
    );
  });

  it("is refused if it names no path of this machine", () => {
    const flaws: Readonly<Record<string, RegExp>> = {
      "http://host/x": /not a file: URL/,
      "data:,x": /not a file: URL/,
      "file://host/x": /names a host/,
      "file:///a%2Fb": /escaped slash/,
      "file:///a%2fb": /escaped slash/,
      "file:///a%00b": /NUL/,
    };
    for (const [url, message] of Object.entries(flaws)) {
      assert.throws(() => pathFrom(new URL(url), "linux"), { name: "TypeError", message });
    }
  });

  it("follows the rules of Windows there", () => {
    const paths: Readonly<Record<string, string>> = {
      "file:///C:/a/b": "C:\\a\\b",
      "file:///c:/a%20b": "c:\\a b",
      "file:///C:/": "C:\\",
      "file:///C:/%C3%BC": "C:\\ü",
      "file://server/share/a": "\\\\server\\share\\a",
    };
    for (const [url, path] of Object.entries(paths)) {
      assert.equal(pathFrom(new URL(url), "win32"), path, url);
    }
    for (const url of ["file:///a/b", "file:///CC:/a", "file:///C:a", "file:///C:", "file:///"]) {
      assert.throws(() => pathFrom(new URL(url), "win32"), { name: "TypeError", message: /drive/ });
    }
    for (const url of ["file:///C:/a%2Fb", "file:///C:/a%5Cb", "file:///C:/a%5cb"]) {
      assert.throws(() => pathFrom(new URL(url), "win32"), { name: "TypeError", message: /slash/ });
    }
    assert.throws(() => filePathFrom(new URL("file:///C:/a/"), "win32"), TypeError);
  });
});
