#!/bin/sh
# Rewrites the Flask fixture: shows the diff and the table, and leaves the new Dockerfile in .cache/demo.
set -eu
cd "$(dirname "$0")/.."

output=.cache/demo/Dockerfile.slim
mkdir -p .cache/demo
rm -f "$output"
echo "demo: scratchify rewrite fixtures/flask/Dockerfile, shown the two probes in fixtures/flask/probes.txt" >&2
.venv/bin/scratchify rewrite fixtures/flask/Dockerfile --probes fixtures/flask/probes.txt \
    --build-opt=--network=host --output "$output" --tag scratchify-demo:slim
test -s "$output"
echo "demo: the rewritten Dockerfile is $output; the slim image is scratchify-demo:slim" >&2
