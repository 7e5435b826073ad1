#!/usr/bin/env bash
# jsfive 0.4.2 (JavaScript) reads 64-bit integers of HDF5 as Numbers, which hold 53 bits.
#
# A key or hash per row, as augmentation tools store for noise, comes back rounded to the nearest
# even 53-bit number, without an error; two rows whose keys differ in the last bits have equal ones.
# h5wasm 0.10.3 gives a BigInt64Array of the same file.
# Guess before the run: an array of numbers, all of them right. Seen 2026-11-30, Node.js 20, h5py 3.16.0.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check h5py==3.16.0 numpy==2.4.6
npm init -y >/dev/null
npm install --silent jsfive@0.4.2 h5wasm@0.10.3
venv/bin/python - <<'PYTHON'
import h5py
import numpy as np

with h5py.File("keys.h5", "w") as file:
    file["key"] = np.array([1, 2**53 + 1, 2**62 + 1], np.int64)
PYTHON
cat >read.mjs <<'JAVASCRIPT'
import fs from "node:fs";
import * as h5wasm from "h5wasm/node";
import * as jsfive from "jsfive";

const bytes = fs.readFileSync("keys.h5");
const start = bytes.byteOffset;
const file = new jsfive.File(bytes.buffer.slice(start, start + bytes.byteLength), "keys.h5");
console.log("jsfive", file.get("key").value.map((value) => BigInt(value).toString()).join(" "));
await h5wasm.ready;
console.log("h5wasm", [...new h5wasm.File("keys.h5", "r").get("key").value].join(" "));
JAVASCRIPT
node read.mjs | tee seen
diff - seen <<'EXPECTED'
jsfive 1 9007199254740992 4611686018427387904
h5wasm 1 9007199254740993 4611686018427387905
EXPECTED
