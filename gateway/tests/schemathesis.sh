#!/usr/bin/env bash
# Starts a gateway with the shipped model and lets schemathesis send it what /openapi.json allows
# and what it forbids: no answer may be an undocumented status, a 500, or a body that does not fit.
# usage: schemathesis.sh SCHEMATHESIS GATEWAY
set -euo pipefail
schemathesis=$(realpath -s "$1")
gateway=$(realpath "$2")
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

work=$(mktemp -d)
"$gateway" --http 127.0.0.1:0 --admin 127.0.0.1:0 >"$work/out" 2>"$work/log" &
pid=$!
trap 'kill "$pid" 2>/dev/null; wait "$pid" 2>/dev/null; rm -rf "$work"' EXIT

address=
for _ in $(seq 300); do
    address=$(sed -n 's/^listening http=\([^ ]*\) .*/\1/p' "$work/out")
    [ -n "$address" ] && break
    if ! kill -0 "$pid" 2>/dev/null; then
        cat "$work/log" >&2
        exit 1
    fi
    sleep 0.1
done
[ -n "$address" ] || { echo "error: the gateway did not come up within 30 s" >&2; exit 1; }

cd "$work" # schemathesis leaves its notes in the folder it runs in
"$schemathesis" --config-file "$here/schemathesis.toml" run "http://$address/openapi.json" \
    --phases examples,coverage,fuzzing \
    --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,unsupported_method \
    --max-examples 200 --max-time 45 --seed 1 --generation-database :memory: --no-color
