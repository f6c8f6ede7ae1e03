"""Reads spans back from Phoenix by its REST API and holds them against the records of a run.

    phoenix.py ENDPOINT run|halted|investigation PROJECT RUN
"""

import collections
import json
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
calls = sum(job["calls"] for job in jobs)
kinds = {"AGENT": len(jobs), "CHAIN": 1 + len(detections) + len(jobs), "TOOL": calls}
total = sum(kinds.values())

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
same("nesting", dict(nested), {"CHAIN > CHAIN": len(detections), "CHAIN > AGENT": len(jobs), "AGENT > TOOL": calls})
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
if WHAT == "run":
    right = sum(a["result"]["score"] for a in annotations if a["name"] == "cause_right")
    assert right >= 1, "the crash is explained by somebody"

print(f"{total} spans, as recorded: {told(kinds)}; {len(roots)} traces in one session")
print(f"nesting: {told(nested)}")
print(f"status: {told(status)}; exceptions {events['exception']}")
print(f"annotations: {told(named)}")
