#!/usr/bin/env bash
# hyparquet 1.33.0 (JavaScript) decodes a Parquet column of plain bytes as UTF-8 text by default.
#
# The images of a Hugging Face data set are such a column: struct<bytes: binary, path: string>. What
# comes back for `bytes` is a string in which each byte that is no UTF-8 is U+FFFD, so a PNG or JPEG
# cannot be decoded any more, and nothing is raised. `utf8: false` gives a Uint8Array; strings that
# the file declares as such (`path`) stay strings.
# Guess before the run: bytes come back as a Uint8Array. Seen 2026-11-30, Node.js 20, pyarrow 26.0.1.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pyarrow==26.0.1
npm init -y >/dev/null
npm install --silent hyparquet@1.33.0
venv/bin/python - <<'PYTHON'
import pyarrow as pa
import pyarrow.parquet as pq

table = pa.table({"image": [{"bytes": b"\x89PNG\r\n\x1a\n", "path": "a.png"}]})
pq.write_table(table, "images.parquet", compression="none")
PYTHON
cat >read.mjs <<'JAVASCRIPT'
import { asyncBufferFromFile, parquetReadObjects } from "hyparquet";

const file = await asyncBufferFromFile("images.parquet");
for (const options of [{}, { utf8: false }]) {
  const [row] = await parquetReadObjects({ file, ...options });
  const { bytes, path } = row.image;
  const first = typeof bytes === "string" ? bytes.codePointAt(0) : bytes[0];
  console.log(JSON.stringify(options), bytes.constructor.name, first.toString(16), path);
}
JAVASCRIPT
node read.mjs | tee seen
diff - seen <<'EXPECTED'
{} String fffd a.png
{"utf8":false} Uint8Array 89 a.png
EXPECTED
