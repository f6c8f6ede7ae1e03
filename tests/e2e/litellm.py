"""Asserts what a run through LiteLLM came to, by agent. Usage: litellm.py RUN REQUESTS"""

import json
import pathlib
import sys

run, log = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
rows = [json.loads(line) for line in (run / "investigations.jsonl").read_text().split("\n") if line]
requests = [json.loads(line) for line in log.read_text().split("\n") if line]
bodies = [request.get("body", request) for request in requests]
by_agent = {}
for row in rows:
    row["trajectory"] = json.loads((run / "trajectories" / f"{row['id']}.json").read_text())
    by_agent.setdefault(row["key"]["agent"]["name"], []).append(row)


def outcome(row):
    return row["outcome"] if isinstance(row["outcome"], str) else next(iter(row["outcome"]))


def ids(row):
    return [call["id"] for turn in row["trajectory"]["turns"] for call in (turn.get("answer") or {}).get("calls", [])]


def sent(agent):
    return [body for body in bodies if body["model"] == agent]


failed = []


def check(agent, says, holds):
    if not holds:
        failed.append(f"{agent}: {says}")
    return says


def answered(row, turns):
    effort = row["effort"]
    return outcome(row) == "answered" and effort["turns"] == turns and effort["valid_at_first"] and effort["scripted"]


def counted(row):
    return row["effort"]["prompt_tokens"] > 1000 and row["effort"]["completion_tokens"] > 10


EXPECTED = {
    "plain": ("three calls one after the other, tokens counted", lambda row: answered(row, 3) and counted(row)),
    "streamed": (
        "calls put together from pieces, tokens counted",
        lambda row: answered(row, 3) and counted(row) and all(body["stream"] for body in sent("streamed")),
    ),
    "two-stage": (
        "every call forced by name, and the named choice reaches the model",
        lambda row: answered(row, 3)
        and row["effort"]["forced"] == "named"
        and {body["tool_choice"]["function"]["name"] for body in sent("two-stage")} == {"next_step", "submit_report"},
    ),
    "ticket-analyst": ("a tool that is not offered is answered, streamed", lambda row: answered(row, 3) and row["effort"]["unknown_tools"] == 1),
    "busy": (
        "429 with the header `llm_provider-retry-after: 2` is waited for, one retry",
        lambda row: answered(row, 3) and row["effort"]["retries"] == 1,
    ),
    "garbled": (
        "bad JSON comes as 500: infrastructure, one line says why",
        lambda row: outcome(row) == "infra" and "500" in row["outcome"]["infra"]["why"] and "\n" not in row["outcome"]["infra"]["why"],
    ),
    "cut": ("`length` with half a call: asked once more for longer, then truncated", lambda row: outcome(row) == "truncated"),
    "nameless": (
        "two calls without ids: every call has one of its own",
        lambda row: answered(row, 3) and all(ids(row)) and len(set(ids(row))) == len(ids(row)),
    ),
    "zero": ("a usage of zero is unknown, not zero", lambda row: answered(row, 3) and row["effort"]["prompt_tokens"] is None),
    "silent": ("no usage is unknown, not zero", lambda row: answered(row, 3) and row["effort"]["prompt_tokens"] is None),
}
if set(by_agent) & set(EXPECTED) != set(EXPECTED):
    sys.exit(f"no investigations of {sorted(set(EXPECTED) - set(by_agent))}")
for agent, (says, holds) in EXPECTED.items():
    found = by_agent[agent]
    for row in found:
        check(agent, f"{says}: {row['outcome']} {row['effort']}", holds(row))
    print(f"{agent:14} {len(found)} x {outcome(found[0]):9} {says}")
if failed:
    sys.exit("\n".join(failed))
