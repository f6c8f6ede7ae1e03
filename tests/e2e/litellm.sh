#!/usr/bin/env bash
# Agents through a real LiteLLM proxy: our client, LiteLLM, our scripted server behind it. What comes back is asserted in litellm.py.
# Needs Python 3.11 or newer; litellm[proxy] is installed into target/e2e/litellm (750 MB) once. E2E_VENV_LITELLM names a ready one.
# Prints a transcript, and with --write keeps it in results/reference/e2e/litellm.txt.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
version=1.106.2
venv=${E2E_VENV_LITELLM:-target/e2e/litellm}
if [ ! -x "$venv/bin/litellm" ]; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --only-binary :all: "litellm[proxy]==$version"
fi
venv=$(cd "$venv" && pwd)
cargo build --release --quiet --bin harness

# Nothing of the caller's environment reaches the proxy or decides what is asked.
for name in $(compgen -e | grep -E '^(LITELLM_|OPENAI_|ANTHROPIC_|OPENROUTER_|HARNESS_|DATABASE_URL|HTTPS?_PROXY|https?_proxy|ALL_PROXY|all_proxy)'); do unset "$name"; done
export NO_COLOR=1
work=$(mktemp -d)
servers=()
done=
stop() {
  if [ -z "$done" ] && [ -f "$work/transcript" ]; then cat "$work/transcript" >&2; fi
  for server in "${servers[@]}"; do kill "$server" 2> /dev/null || true; wait "$server" 2> /dev/null || true; done
  rm -rf "$work"
}
trap stop EXIT
# For this proxy and this time only; it must not be found in anything that is written.
E2E_KEY=sk-$("$venv/bin/python" -c 'import secrets; print(secrets.token_hex(16))')
E2E_WRONG_KEY=sk-wrong
export E2E_KEY E2E_WRONG_KEY

: > "$work/mock.log"
"$root/target/release/harness" mock-llm --script tests/e2e/litellm.yaml --log "$work/requests.jsonl" > "$work/mock.log" 2>&1 &
servers+=($!)
for _ in $(seq 300); do if grep -q listening "$work/mock.log"; then break; fi; sleep 0.1; done
behind=$(grep -oE 'http://[^ ]+' "$work/mock.log") || { cat "$work/mock.log" >&2; exit 1; }
port=$("$venv/bin/python" -c 'import socket; print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])')
cat > "$work/litellm.yaml" <<YAML
model_list:
  - model_name: "*"
    litellm_params: {model: "openai/*", api_base: "$behind", api_key: none}
litellm_settings: {num_retries: 0, telemetry: false}
router_settings: {num_retries: 0, disable_cooldowns: true}
YAML
(
  cd "$work"
  exec env LITELLM_LOCAL_MODEL_COST_MAP=True LITELLM_MASTER_KEY="$E2E_KEY" \
    "$venv/bin/litellm" --config litellm.yaml --host 127.0.0.1 --port "$port" --telemetry False > litellm.log 2>&1
) &
servers+=($!)
address=http://127.0.0.1:$port
healthy() { "$venv/bin/python" -c "import sys, urllib.request; urllib.request.urlopen(sys.argv[1] + '/health/liveliness', timeout=2)" "$address" 2> /dev/null; }
for _ in $(seq 180); do
  if healthy; then break; fi
  if ! kill -0 "${servers[1]}" 2> /dev/null; then cat "$work/litellm.log" >&2; exit 1; fi
  sleep 1
done
healthy || { echo "LiteLLM is not healthy after three minutes" >&2; tail -20 "$work/litellm.log" >&2; exit 1; }

mkdir -p "$work/scenarios"
cp scenarios/deployment/android-crash.yaml "$work/scenarios/"
suite() { # file, then one row per agent: kind, name, more settings
  printf 'format: 1\nid: %s\nscenarios: [scenarios]\nseeds: {role: dev, count: 1}\nmodels: [seasonal-naive]\nagents:\n' "$1" > "$work/$1.yaml"
  while read -r kind name more; do
    echo "  - $kind: {as: $name, model: $name, base_url: \"$address/v1\"$more}" >> "$work/$1.yaml"
  done
}
suite conformance <<'ROWS'
react plain , api_key_env: E2E_KEY
react streamed , api_key_env: E2E_KEY, transport: {stream: true}
two-stage two-stage , api_key_env: E2E_KEY
ticket-analyst ticket-analyst , api_key_env: E2E_KEY, transport: {stream: true}
react busy , api_key_env: E2E_KEY
react garbled , api_key_env: E2E_KEY, transport: {retries: 1}
react cut , api_key_env: E2E_KEY
react nameless , api_key_env: E2E_KEY
react zero , api_key_env: E2E_KEY
react silent , api_key_env: E2E_KEY
ROWS
suite locked <<< 'react locked , api_key_env: E2E_KEY'
suite wrong-key <<< 'react wrong-key , api_key_env: E2E_WRONG_KEY'

# What differs from one time to the next is named, not shown.
mask() { sed -E "s#$address#<litellm>#g; s#$behind#<mock-llm>#g; s#$work#<folder>#g; s#[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}(-[0-9]+)?#<run>#g; s#in [0-9.]+s#in <time>#g"; }
harness() { # the exit code that is due, then arguments
  local due=$1 code=0
  shift
  printf '\n$ harness %s\n' "$*"
  (cd "$work" && "$root/target/release/harness" "$@" > out.txt 2>&1) || code=$?
  if [ "$code" != "$due" ]; then cat "$work/out.txt" >&2; echo "exit code $code, expected $due" >&2; return 1; fi
  echo "exit code $code"
}
transcript() {
  printf 'harness %s, litellm %s\n' "$("$root/target/release/harness" --version | cut -d' ' -f2)" \
    "$("$venv/bin/python" -c 'import importlib.metadata as m; print(m.version("litellm"))')"
  harness 3 run conformance.yaml --out out
  "$venv/bin/python" tests/e2e/litellm.py "$work/out/latest" "$work/requests.jsonl"
  harness 3 run locked.yaml --out out-locked
  grep -m1 'answers 401' "$work/out.txt" | mask
  harness 3 run wrong-key.yaml --out out-wrong-key
  "$venv/bin/python" - "$work/out-wrong-key/latest/investigations.jsonl" <<'PY'
import json, sys
for line in open(sys.argv[1]):
    why = json.loads(line)["outcome"]["infra"]["why"]
print(f"a key that LiteLLM does not know: {why}")
PY
  if grep -rqF "$E2E_KEY" "$work"/out*; then echo "the key stands in what was written" >&2; return 1; fi
  printf '\nthe key stands in nothing that was written\n'
}
transcript > "$work/transcript"
done=yes
cat "$work/transcript"
if [ "${1:-}" = --write ]; then
  mkdir -p results/reference/e2e
  cp "$work/transcript" results/reference/e2e/litellm.txt
fi
