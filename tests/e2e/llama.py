"""Checks what agents and a llama.cpp server said to each other, by a validator that is not ours.

Usage: llama.py quirks ADDRESS | run RUN EXCHANGES | overflow RUN EXCHANGES
"""

import collections
import json
import pathlib
import statistics
import sys
import urllib.error
import urllib.request

import jsonschema


def fail(text):
    sys.exit(f"error: {text}")


def ask(address, **body):
    data = json.dumps({"model": "random-weights", "max_tokens": 200, **body}).encode()
    request = urllib.request.Request(f"{address}/v1/chat/completions", data, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        error.read()
        return error.code


def quirks(address):
    """What the server does not take, so that it matters that it is never sent."""
    tools = [{"type": "function", "function": {"name": "look", "description": "", "parameters": {"type": "object", "properties": {"n": {"enum": [1, 2]}}, "required": ["n"]}}}]
    named = {"type": "function", "function": {"name": "look"}}
    hello = {"role": "user", "content": "hello"}

    def history(content):
        call = {"id": "a", "type": "function", "function": {"name": "look", "arguments": "{}"}}
        return [hello, {"role": "assistant", "content": content, "tool_calls": [call]}, {"role": "tool", "tool_call_id": "a", "content": "1"}]

    found = {
        "a named tool_choice": ask(address, messages=[hello], tools=tools, tool_choice=named),
        "tool_choice `required`": ask(address, messages=[hello], tools=tools, tool_choice="required"),
        "calls in the history with content ''": ask(address, messages=history(""), tools=tools, tool_choice=named),
        "calls in the history with content null": ask(address, messages=history(None), tools=tools, tool_choice=named),
    }
    print("the server answers " + ", ".join(f"{status} to {what}" for what, status in found.items()))


# Texts hold characters that `splitlines` takes for line ends.
def exchanges(path):
    return [json.loads(line) for line in pathlib.Path(path).read_text().split("\n") if line]


def rows(run):
    run = pathlib.Path(run)
    for line in (run / "investigations.jsonl").read_text().split("\n")[:-1]:
        row = json.loads(line)
        if row["key"]["agent"]["name"].startswith("random-weights"):
            yield row, json.loads((run / "trajectories" / f"{row['id']}.json").read_text())


def outcome(row):
    return row["outcome"] if isinstance(row["outcome"], str) else next(iter(row["outcome"]))


def forced(exchange):
    choice = exchange["request"].get("tool_choice")
    return choice["function"]["name"] if isinstance(choice, dict) else None


def arguments(exchange):
    """The arguments of the call that was forced, put together where they came in pieces."""
    if not exchange["request"]["stream"]:
        return json.loads(exchange["answer"])["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]
    text = ""
    for line in exchange["answer"].split("\n"):
        if line.startswith("data: {"):
            choices = json.loads(line[6:])["choices"]
            for call in (choices[0]["delta"].get("tool_calls") or []) if choices else []:
                text += call["function"]["arguments"] or ""
    return text


def requests(found):
    """What holds of everything that is sent."""
    choices = collections.Counter(f"`{forced(e)}` by name" if forced(e) else e["request"].get("tool_choice", "none") for e in found)
    if "required" in choices:
        fail("tool_choice `required` was sent")
    for message in (message for e in found for message in e["request"]["messages"]):
        if message["role"] == "assistant" and not isinstance(message.get("content"), str):
            fail(f"an assistant message with content {message.get('content')!r} was sent")
    return choices


def run(folder, recorded):
    found = exchanges(recorded)
    choices = requests(found)
    print(f"{len(found)} requests: " + ", ".join(f"{number} {choice}" for choice, number in sorted(choices.items())) + "; content always a text, never null")
    bad = [e for e in found if e["status"] != 200]
    if bad:
        fail(f"{len(bad)} requests were not answered, the first with {bad[0]['status']}: {bad[0]['answer'][:300]}")

    fit = collections.Counter()
    control = 0
    schemas = {}
    for exchange in (e for e in found if forced(e)):
        name, text = forced(exchange), arguments(exchange)
        schema = next(tool["function"]["parameters"] for tool in exchange["request"]["tools"] if tool["function"]["name"] == name)
        try:
            value = json.loads(text, strict=False)
        except ValueError:
            fit[name, "cut off"] += 1
            continue
        try:
            json.loads(text)
        except ValueError:
            control += 1
        errors = [e.message for e in jsonschema.Draft202012Validator(schema).iter_errors(value)]
        fit[name, "fit" if not errors else "do not fit"] += 1
        schemas[json.dumps(value, sort_keys=True)] = schema
        if errors:
            fail(f"arguments of {name} do not fit the schema that was sent: {errors[0][:300]}")
    for (name, how), number in sorted(fit.items()):
        print(f"arguments of `{name}` that {how} the schema that was sent: {number}")
    print(f"of these with control characters that JSON forbids, read all the same: {control}")

    ended, effort = collections.defaultdict(collections.Counter), collections.defaultdict(collections.Counter)
    for row, trajectory in rows(folder):
        agent = row["key"]["agent"]["name"]
        ended[agent][outcome(row)] += 1
        for name in ("turns", "nudges", "repairs"):
            effort[agent][name] += row["effort"][name]
        # This server counts tokens, but not of what it streams: unknown, and not zero.
        streamed = agent == "random-weights-stream"
        if row["effort"]["scripted"] or (row["effort"]["prompt_tokens"] is None) != streamed:
            fail(f"{agent}: expected answers of no script{', tokens unknown' if streamed else ' with tokens'}: {row['effort']}")
        if outcome(row) == "infra":
            fail(f"{agent}: {row['outcome']}")
        if outcome(row) != "answered":
            continue
        # The report that was taken is the last that was handed in.
        call = [call for turn in trajectory["turns"] for call in turn["answer"]["calls"] if call["name"] == "submit_report"][-1]
        value = json.loads(call["arguments"], strict=False)
        if json.dumps(value, sort_keys=True) not in schemas:
            fail(f"{agent}: the report that was taken is not among those that fit a schema that was sent")
        if value["verdict"] != trajectory["report"]["verdict"] or value["title"] != trajectory["report"]["title"]:
            fail(f"{agent}: the report that is kept is not the one that was handed in")
    for agent in sorted(ended):
        total, answered = sum(ended[agent].values()), ended[agent]["answered"]
        others = ", ".join(f"{number} {what}" for what, number in sorted(ended[agent].items()) if what != "answered") or "nothing else"
        spent = ", ".join(f"{number} {what}" for what, number in effort[agent].items())
        print(f"{agent}: {answered} of {total} investigations end with a valid report, {others}; {spent}")
        if answered * 2 < total:
            fail(f"{agent}: fewer than half end with a report")
    if not any(e["request"]["stream"] for e in found):
        fail("nothing was streamed")
    seconds = sorted(e["seconds"] for e in found)
    print(f"{len(seconds)} calls: median {statistics.median(seconds):.2f} s, longest {seconds[-1]:.2f} s", file=sys.stderr)


def overflow(folder, recorded):
    found = exchanges(recorded)
    requests(found)
    statuses = collections.Counter(e["status"] for e in found)
    if set(statuses) != {400} or not all("context_length_exceeded" in e["answer"] for e in found):
        fail(f"expected nothing but 400 context_length_exceeded, got {dict(statuses)}")
    ended = collections.Counter(json.dumps(row["outcome"]) for row, _ in rows(folder))
    print("context too short: 400 context_length_exceeded; " + ", ".join(f"{number} investigations end as {what}" for what, number in ended.items()))
    if not all("budget" in what for what in ended):
        fail("a conversation that does not fit ends as out of budget")


{"quirks": quirks, "run": run, "overflow": overflow}[sys.argv[1]](*sys.argv[2:])
