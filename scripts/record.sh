#!/bin/sh
# Records the fixtures anew: the run of each, and the rewrite that comes of it. Needs an engine:
# scripts/engine.py scripts/record.sh [FIXTURE…]. Review what changed in expected/ before committing it.
set -eu
cd "$(dirname "$0")/.."
for name in ${*:-flask static nginx shelltool}; do
    folder=fixtures/$name
    mkdir -p "$folder/recorded" "$folder/expected"
    .venv/bin/scratchify trace "$folder/Dockerfile" --probes "$folder/probes.txt" --build-opt=--network=host \
        --output "$folder/recorded/run.json.gz"
    rm -f "$folder/expected/Dockerfile.slim"
    .venv/bin/scratchify rewrite "$folder/Dockerfile" --recording "$folder/recorded/run.json.gz" \
        --output "$folder/expected/Dockerfile.slim" >/dev/null
done
