#!/usr/bin/env bash
# Traces against a real Phoenix: runs, an investigation and a conversation are sent, read back by its REST API, and sent again. The model that is
# asked is a script behind a local port.
# Needs Python 3.11 or newer; arize-phoenix is installed into target/e2e/phoenix (850 MB) once. PHOENIX_VENV names a ready one,
# and HARNESS_PROGRAM a program that is built already, with features `llm` and `otel`.
# Prints a transcript, and with --write keeps it in results/reference/e2e/phoenix.txt.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
version=20.26.1
venv=${PHOENIX_VENV:-target/e2e/phoenix}
if [ ! -x "$venv/bin/phoenix" ]; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --only-binary :all: "arize-phoenix==$version"
fi
venv=$(cd "$venv" && pwd)
program=${HARNESS_PROGRAM:-}
if [ -z "$program" ]; then
  cargo build --release --quiet --features otel --bin harness
  program=target/release/harness
fi
program=$(realpath "$program")

# Nothing of the caller's environment reaches Phoenix or decides where traces go.
for name in $(compgen -e | grep -E '^(PHOENIX_|OTEL_|OPENINFERENCE_|HARNESS_|HTTPS?_PROXY|https?_proxy)'); do unset "$name"; done
export NO_COLOR=1
work=$(mktemp -d)
server=
model=
stop() {
  for one in $model $server; do kill "$one" 2> /dev/null || true; wait "$one" 2> /dev/null || true; done
  rm -rf "$work"
}
trap stop EXIT

read -r port grpc < <("$venv/bin/python" - <<'PY'
import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(s.getsockname()[1] for s in sockets))
PY
)
(
  cd "$work"
  mkdir phoenix
  exec env PHOENIX_WORKING_DIR="$work/phoenix" PHOENIX_HOST=127.0.0.1 PHOENIX_PORT="$port" PHOENIX_GRPC_PORT="$grpc" \
    PHOENIX_TELEMETRY_ENABLED=false PHOENIX_ALLOW_EXTERNAL_RESOURCES=false "$venv/bin/phoenix" serve > "$work/phoenix.log" 2>&1
) &
server=$!
endpoint=http://127.0.0.1:$port
healthy() { "$venv/bin/python" -c "import sys, urllib.request; urllib.request.urlopen(sys.argv[1] + '/healthz', timeout=2)" "$endpoint" 2> /dev/null; }
for _ in $(seq 180); do
  if healthy; then break; fi
  if ! kill -0 "$server" 2> /dev/null; then cat "$work/phoenix.log" >&2; exit 1; fi
  sleep 1
done
healthy || { echo "Phoenix is not healthy after three minutes" >&2; tail -20 "$work/phoenix.log" >&2; exit 1; }

"$program" mock-llm --script "$root/evals/scripts/helpful.yaml" > "$work/model.txt" 2>&1 &
model=$!
for _ in $(seq 100); do
  base_url=$(sed -n 's#^listening on \(http://[^ ]*\) .*#\1#p' "$work/model.txt")
  if [ -n "$base_url" ]; then break; fi
  sleep 0.1
done
[ -n "$base_url" ] || { echo "the scripted model does not listen" >&2; cat "$work/model.txt" >&2; exit 1; }

mkdir -p "$work/scenarios/deployment" "$work/scenarios/quiet"
cp scenarios/deployment/android-crash.yaml "$work/scenarios/deployment/"
cp scenarios/quiet/small-poisson.yaml "$work/scenarios/quiet/"
cat > "$work/halted.yaml" <<'YAML'
format: 1
id: halted
scenarios: [scenarios/deployment]
seeds: {role: dev, count: 1}
models: [seasonal-naive]
agents: [segment-scan]
investigation: {calls: 3}
YAML

# What differs from one time to the next is named, not shown.
mask() { sed -E "s#$endpoint#<phoenix>#g; s#$base_url#<model>#g; s#$work#<folder>#g; s#[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}(-[0-9]+)?#<run>#g; s#in [0-9.]+s#in <time>#g"; }
harness() {
  printf '$ %sharness %s\n' "${project:+PHOENIX_PROJECT_NAME=$project }" "$*" | mask
  (cd "$work" && PHOENIX_COLLECTOR_ENDPOINT=$endpoint PHOENIX_PROJECT_NAME=${project:-} MODEL_KEY=$key "$program" "$@" > out.txt 2>&1) || { cat "$work/out.txt" >&2; return 1; }
  mask < "$work/out.txt"
}
# What the model's key is; it must be in no trace.
key=canary-$(date +%s)-0123456789abcdef
# The prompt and the lines that tell of traces.
traced() { echo; harness "$@" | grep -E '^\$|traces?[ ,]'; }
read_back() { MODEL_KEY=$key "$venv/bin/python" tests/e2e/phoenix.py "$endpoint" "$@"; }
transcript() {
  printf 'harness %s, arize-phoenix %s, OTLP over HTTP; read back by the REST API\n' \
    "$("$program" --version | cut -d' ' -f2)" \
    "$("$venv/bin/python" -c 'import importlib.metadata as m; print(m.version("arize-phoenix"))')"
  traced run scenarios --models seasonal-naive --agents segment-scan,latest-deploy --seeds 1 --trace --out full
  read_back run incident-harness "$work/full/latest"
  traced trace full/latest
  read_back run incident-harness "$work/full/latest"
  echo
  harness run halted.yaml --out halted | grep -E '^\$'
  harness trace halted/latest --project halted
  read_back halted halted "$work/halted/latest"
  echo
  harness investigate scenarios/deployment/android-crash.yaml --agent latest-deploy | sed -n '1,2p'
  read_back investigation incident-harness "$work/full/latest"
  local asks=(--llm scripted --base-url "$base_url" --api-key-env MODEL_KEY)
  project=models traced run scenarios/deployment/android-crash.yaml --models seasonal-naive --seeds 1 \
    --agents segment-scan,react,two-stage,ticket-analyst "${asks[@]}" --trace --out models
  read_back models models "$work/models/latest"
  echo
  printf '$ PHOENIX_PROJECT_NAME=talk harness investigate scenarios/deployment/android-crash.yaml --agent react %s\n' "${asks[*]}" | mask
  (cd "$work" && PHOENIX_COLLECTOR_ENDPOINT=$endpoint PHOENIX_PROJECT_NAME=talk MODEL_KEY=$key "$venv/bin/python" "$root/tests/e2e/talk.py" \
    "$program" investigate scenarios/deployment/android-crash.yaml --agent react "${asks[@]}")
  read_back conversation talk "$work/models/latest"
}
if [ "${1:-}" = --write ]; then
  mkdir -p results/reference/e2e
  transcript > "$work/transcript"
  cp "$work/transcript" results/reference/e2e/phoenix.txt
  cat "$work/transcript"
else
  transcript
fi
