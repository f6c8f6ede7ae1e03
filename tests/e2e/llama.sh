#!/usr/bin/env bash
# Agents against a real llama.cpp server with random weights: no model is downloaded, and what answers knows nothing. Its grammars are real.
# Needs Python 3.11 or newer and a C++ compiler; llama-cpp-python is built into target/e2e/llama (about ten minutes) once.
# E2E_VENV_LLAMA names a ready one. Prints a transcript, and with --write keeps it in results/reference/e2e/llama.txt.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
version=0.3.36
venv=${E2E_VENV_LLAMA:-target/e2e/llama}
if [ ! -x "$venv/bin/python" ]; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet "llama-cpp-python[server]==$version"
fi
"$venv/bin/python" -c 'import gguf, jsonschema' 2> /dev/null || "$venv/bin/pip" install --quiet "gguf==0.19.0" "jsonschema==4.26.0"
venv=$(cd "$venv" && pwd)
cargo build --release --quiet --bin harness

# Nothing of the caller's environment decides what is asked.
for name in $(compgen -e | grep -E '^(OPENAI_|ANTHROPIC_|OPENROUTER_|HARNESS_|HTTPS?_PROXY|https?_proxy|ALL_PROXY|all_proxy)'); do unset "$name"; done
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

"$venv/bin/python" tests/e2e/tiny_gguf.py "$work/tiny.gguf" 1
read -r wide narrow < <("$venv/bin/python" - <<'PY'
import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(s.getsockname()[1] for s in sockets))
PY
)
serve() { # port, context
  "$venv/bin/python" -m llama_cpp.server --model "$work/tiny.gguf" --model_alias random-weights --chat_format chatml-function-calling \
    --n_ctx "$2" --n_threads 1 --port "$1" > "$work/llama-$1.log" 2>&1 &
  servers+=($!)
  local server=$!
  for _ in $(seq 240); do
    if "$venv/bin/python" -c "import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=2)" "http://127.0.0.1:$1/v1/models" 2> /dev/null; then
      return
    fi
    if ! kill -0 "$server" 2> /dev/null; then break; fi
    sleep 0.5
  done
  echo "the llama.cpp server does not answer" >&2
  tail -20 "$work/llama-$1.log" >&2
  return 1
}
record() { # port, file; prints nothing and leaves the address in `through`
  "$venv/bin/python" tests/e2e/recorder.py "http://127.0.0.1:$1" "$work/$2" > "$work/$2.port" &
  servers+=($!)
  for _ in $(seq 300); do if [ -s "$work/$2.port" ]; then break; fi; sleep 0.1; done
  through=http://127.0.0.1:$(cat "$work/$2.port")
}
# One token per byte: instructions, situation and schemas are up to 20,000 tokens.
serve "$wide" 32768
serve "$narrow" 4096
record "$wide" wide.jsonl
wide_address=$through
record "$narrow" narrow.jsonl
narrow_address=$through

mkdir -p "$work/scenarios"
cp scenarios/deployment/android-crash.yaml "$work/scenarios/"
suite() { # id, seeds, address, agents from stdin: kind, label, more settings
  printf 'format: 1\nid: %s\nscenarios: [scenarios]\nseeds: {role: dev, count: %s}\nmodels: [seasonal-naive]\nagents:\n  - random\n  - abstain\n' "$1" "$2" > "$work/$1.yaml"
  while read -r kind label more; do
    echo "  - $kind: {as: $label, model: random-weights, base_url: \"$3/v1\", schema: bounded, temperature: 1.0, $more}" \
      >> "$work/$1.yaml"
  done
}
# Two turns: the first must be a report. Where the choice is left to it, this server has no limit for an answer, and random weights know no end.
suite null-agents 3 "$wide_address" <<'ROWS'
react random-weights-react max_turns: 2
two-stage random-weights-two-stage max_turns: 6
ticket-analyst random-weights-tickets max_turns: 2
ticket-analyst random-weights-stream max_turns: 2, transport: {stream: true}
ROWS
suite overflow 1 "$narrow_address" <<< 'react random-weights-overflow max_turns: 2'

# What differs from one time to the next is named, not shown.
mask() { sed -E "s#$wide_address|$narrow_address#<llama>#g; s#$work#<folder>#g; s#[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}(-[0-9]+)?#<run>#g; s#in [0-9.]+s#in <time>#g"; }
harness() {
  printf '\n$ harness %s\n' "$*"
  (cd "$work" && "$root/target/release/harness" "$@" > out.txt 2>&1) || { cat "$work/out.txt" >&2; return 1; }
}
transcript() {
  "$venv/bin/python" - "$("$root/target/release/harness" --version | cut -d' ' -f2)" <<'PY'
import importlib.metadata as m, sys
print(f"harness {sys.argv[1]},", ", ".join(f"{name} {m.version(name)}" for name in ("llama-cpp-python", "gguf", "jsonschema")))
print("random weights: a real server with a grammar, and a model that knows nothing; its rows are floors and results of no model")
PY
  "$venv/bin/python" tests/e2e/llama.py quirks "http://127.0.0.1:$wide"
  harness run null-agents.yaml --out out --in-flight 1
  sed -n '/^agent /,/^$/p' "$work/out.txt" | mask
  "$venv/bin/python" tests/e2e/llama.py run "$work/out/latest" "$work/wide.jsonl"
  harness run overflow.yaml --out overflow
  "$venv/bin/python" tests/e2e/llama.py overflow "$work/overflow/latest" "$work/narrow.jsonl"
}
transcript > "$work/transcript"
done=yes
cat "$work/transcript"
if [ "${1:-}" = --write ]; then
  mkdir -p results/reference/e2e
  cp "$work/transcript" results/reference/e2e/llama.txt
fi
