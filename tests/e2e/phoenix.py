"""Reads spans back from Phoenix by its REST API and holds them against the records of a run.

    phoenix.py ENDPOINT run|halted|models|investigation|conversation PROJECT RUN

MODEL_KEY in the environment is the key of the model that was asked; it must be in no span.
"""

import collections
import json
import os
import pathlib
import sys
import time
import urllib.parse
import urllib.request

ENDPOINT, WHAT, PROJECT, RUN = sys.argv[1:5]


def get(path, **query):
    url = f"{ENDPOINT}/v1/projects/{PROJECT}/{path}?{urllib.parse.urlencode(query, doseq=True)}"
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)


def pages(path, **query):
    found, cursor = [], None
    while True:
        page = get(path, **query, **({"cursor": cursor} if cursor else {}))
        found += page["data"]
        cursor = page.get("next_cursor")
        if not cursor:
            return found


def records(name):
    return [json.loads(line) for line in (pathlib.Path(RUN) / name).read_text().splitlines()]


def stored(expected):
    """All spans, once there are as many as expected: Phoenix answers before it stores."""
    for _ in range(120):
        try:
            spans = pages("spans", limit=500)
        except urllib.error.HTTPError:
            spans = []
        if len(spans) >= expected:
            time.sleep(2)
            return pages("spans", limit=500)
        time.sleep(0.5)
    raise SystemExit(f"{len(spans)} spans after a minute, expected {expected}")


def same(what, got, expected):
    if got != expected:
        raise SystemExit(f"{what}: {got}, expected {expected}")


def told(counter):
    return ", ".join(f"{name} {count}" for name, count in sorted(counter.items()))


jobs, detections = records("investigations.jsonl"), records("detections.jsonl")
asking = [job for job in jobs if job.get("effort")]
calls, asked_for = (sum(job["calls"] for job in some) for some in (jobs, asking))
turns = sum(job["effort"]["turns"] for job in asking)
kinds = {"AGENT": len(jobs), "CHAIN": 1 + len(detections) + len(jobs), "LLM": turns, "TOOL": calls}
kinds = {kind: count for kind, count in kinds.items() if count}
total = sum(kinds.values())


def keyless(spans):
    assert os.environ["MODEL_KEY"] and os.environ["MODEL_KEY"] not in json.dumps(spans), "the key of the model is in a span"
    print("the key of the model is in no span")


def listed(attributes, prefix):
    """Attributes `prefix.N.rest` as a list of {rest: value}."""
    found = {}
    for name, value in attributes.items():
        if name.startswith(prefix + "."):
            number, rest = name[len(prefix) + 1 :].split(".", 1)
            found.setdefault(int(number), {})[rest] = value
    same(f"numbers of {prefix}", sorted(found), list(range(len(found))))
    return [found[number] for number in sorted(found)]


def message(told):
    """A message of the record by the names it has in a span."""
    ((role, said),) = told.items()
    text = said if isinstance(said, str) else said["text"]
    flat = {"message.role": role, **({"message.content": text} if text else {})}
    if role == "tool":
        flat["message.tool_call_id"] = said["id"]
    for number, call in enumerate(said.get("calls", []) if role == "assistant" else []):
        at = f"message.tool_calls.{number}.tool_call"
        flat |= {f"{at}.id": call["id"], f"{at}.function.name": call["name"], f"{at}.function.arguments": call["arguments"]}
    return flat


def as_recorded(turn, span, before):
    """Holds the span of a turn against the turn; `before` is what was said in its thread until then."""
    of = span["attributes"]
    answer = turn["answer"]
    before += turn["said"]
    same("input messages", listed(of, "llm.input_messages"), [message(one) for one in before])
    said = {"assistant": {"text": answer.get("text") or "", "calls": answer.get("calls", [])}}
    same("output messages", listed(of, "llm.output_messages"), [message(said)])
    same("model", (of["llm.model_name"], of["llm.request.model_name"]), (answer["model"], turn["model"]))
    same("prompt", of["llm.prompt_template.version"], turn["prompt"])
    parameters = json.loads(of["llm.invocation_parameters"])
    same("parameters", parameters, turn["parameters"] | {"tool_choice": turn["choice"]})
    usage = answer["usage"]
    tokens = [of[f"llm.token_count.{part}"] for part in ("prompt", "completion", "total")]
    same("tokens", tokens, [usage["prompt"], usage["completion"], usage["prompt"] + usage["completion"]])
    tools = [json.loads(tool["tool.json_schema"])["function"] for tool in listed(of, "llm.tools")]
    same("tools on offer", [tool["name"] for tool in tools], turn["offered"])
    # Those that an agent makes up for its data are known by name.
    return {tool["name"]: "parameters" in tool for tool in tools}


def models(spans):
    """Holds every span of a model and of what it called against the trajectories."""
    schemas, held, calls_of = {}, 0, collections.Counter()
    for job in asking:
        trajectory = json.loads((pathlib.Path(RUN) / "trajectories" / f"{job['id']}.json").read_text())
        (root,) = [s for s in spans if s["attributes"].get("metadata.investigation") == job["id"]]
        own = [s for s in spans if s["context"]["trace_id"] == root["context"]["trace_id"]]
        (agent,) = [s for s in own if s["span_kind"] == "AGENT"]
        llm = [s for s in own if s["span_kind"] == "LLM"]
        llm.sort(key=lambda s: int(s["name"].rsplit(" ", 1)[1]))
        same("turns", len(llm), len(trajectory["turns"]))
        threads = collections.defaultdict(list)
        for turn, span in zip(trajectory["turns"], llm):
            same("parent of a turn", span["parent_id"], agent["context"]["span_id"])
            schemas |= as_recorded(turn, span, threads[turn["thread"]])
            below = [s for s in own if s["span_kind"] == "TOOL" and s["parent_id"] == span["context"]["span_id"]]
            same("calls below their turn", sorted(s["attributes"]["metadata.call"] for s in below), sorted(turn.get("calls", [])))
            ids = {call["id"] for call in turn["answer"].get("calls", [])}
            assert all(s["attributes"]["tool.id"] in ids for s in below), "calls by the ids that the model gave them"
            held += 1
            calls_of[agent["name"]] += len(below)
    same("turns held against the record", held, turns)
    assert {"react", "two-stage", "ticket-analyst"} <= set(calls_of), calls_of
    known = sorted(name for name, whole in schemas.items() if whole)
    bare = sorted(name for name, whole in schemas.items() if not whole)
    print(f"{held} turns as recorded: messages, answer, tokens, models, prompt, parameters; calls below their turn: {told(calls_of)}")
    print(f"tools with schema: {', '.join(known)}; by name: {', '.join(bare)}")


if WHAT == "conversation":
    # Four lines, of which one changes the agent.
    roots = lambda spans: [s for s in spans if not s["parent_id"]]
    for _ in range(60):
        try:
            spans = pages("spans", limit=500)
        except urllib.error.HTTPError:
            spans = []
        if len(roots(spans)) == 3:
            break
        time.sleep(0.5)
    same("traces", len(roots(spans)), 3)
    same("sessions of the spans", len({s["attributes"]["session.id"] for s in roots(spans)}), 1)
    sessions = pages("sessions", limit=100)
    same("sessions of the project", [len(one["traces"]) for one in sessions], [3])
    for root in sorted(roots(spans), key=lambda s: s["start_time"]):
        counts = collections.Counter(s["span_kind"] for s in spans if s["context"]["trace_id"] == root["context"]["trace_id"])
        print(f"{root['name']}, {root['attributes']['input.value']}: {told(counts)}")
    print("one session")
    keyless(spans)
    sys.exit()

if WHAT == "investigation":
    # The run is there already; what came since is the investigation.
    spans = stored(total + 3)
    new = [s for s in spans if s["name"] == "investigate latest-deploy"]
    same("roots", [s["parent_id"] for s in new], [None])
    own = [s for s in spans if s["context"]["trace_id"] == new[0]["context"]["trace_id"]]
    counts = collections.Counter(s["span_kind"] for s in own)
    same("chain and agent", (counts["CHAIN"], counts["AGENT"]), (1, 1))
    assert counts["TOOL"] >= 1, counts
    print(f"one trace, {told(counts)}: {new[0]['attributes']['output.value']}")
    sys.exit()

spans = stored(total)
same("spans by kind", dict(collections.Counter(s["span_kind"] for s in spans)), kinds)
same("different identifiers", len({s["context"]["span_id"] for s in spans}), total)
by_id = {s["context"]["span_id"]: s for s in spans}
nested = collections.Counter()
for span in spans:
    if span["parent_id"]:
        parent = by_id[span["parent_id"]]
        same("trace of parent and child", parent["context"]["trace_id"], span["context"]["trace_id"])
        nested[f"{parent['span_kind']} > {span['span_kind']}"] += 1
expected = {"CHAIN > CHAIN": len(detections), "CHAIN > AGENT": len(jobs), "AGENT > TOOL": calls - asked_for}
expected |= {"AGENT > LLM": turns, "LLM > TOOL": asked_for}
same("nesting", dict(nested), {pair: count for pair, count in expected.items() if count})
roots = [s for s in spans if not s["parent_id"]]
same("traces", len({s["context"]["trace_id"] for s in spans}), len(roots))
same("sessions", {s["attributes"]["session.id"] for s in roots}, {pathlib.Path(RUN).resolve().name})
status = collections.Counter(s["status_code"] for s in spans)
events = collections.Counter(e["name"] for s in spans for e in s["events"])
assert "UNSET" not in status, status
same("exceptions and errors", events["exception"], status["ERROR"])
if WHAT == "halted":
    same("agents in error", {s["status_code"] for s in spans if s["span_kind"] == "AGENT"}, {"ERROR"})
    same("the run's status", [s["status_code"] for s in roots if s["name"].startswith("run ")], ["OK"])

annotations = []
for at in range(0, len(roots), 20):
    annotations += pages("span_annotations", limit=500, span_ids=[s["context"]["span_id"] for s in roots[at : at + 20]])
keys = {(a["span_id"], a["name"], a["identifier"]) for a in annotations}
same("annotations, each once", len(annotations), len(keys))
same("their kind", {a["annotator_kind"] for a in annotations}, {"CODE"})
named = collections.Counter(a["name"] for a in annotations)
same("jobs scored", named["cause_right"] + named["specificity"], len(jobs))
if WHAT in ("run", "models"):
    right = sum(a["result"]["score"] for a in annotations if a["name"] == "cause_right")
    assert right >= 1, "the crash is explained by somebody"

print(f"{total} spans, as recorded: {told(kinds)}; {len(roots)} traces in one session")
print(f"nesting: {told(nested)}")
print(f"status: {told(status)}; exceptions {events['exception']}")
print(f"annotations: {told(named)}")
if WHAT == "models":
    models(spans)
    keyless(spans)
