"""Talks to a program on a terminal: waits for its prompt, asks, and prints what was asked.

    talk.py PROGRAM ARGUMENT...
"""

import os
import pty
import select
import sys
import time

QUESTIONS = ["", "and on 2024-04-20?", "/agent segment-scan", "and for android?", "exit"]
PROMPT = b"> "


def main():
    child, terminal = pty.fork()
    if child == 0:
        os.environ["TERM"] = "dumb"
        os.execv(sys.argv[1], sys.argv[1:])
    shown, until = b"", time.monotonic() + 120
    left = list(QUESTIONS)
    while time.monotonic() < until:
        ready, _, _ = select.select([terminal], [], [], 1)
        if ready:
            try:
                more = os.read(terminal, 4096)
            except OSError:  # the end of the program, on Linux
                more = b""
            if not more:
                break
            shown += more
        # A prompt stands at the end of what is shown, with nothing after it.
        elif left and shown.endswith(PROMPT):
            question = left.pop(0)
            print(f"> {question}", flush=True)
            shown = b""
            os.write(terminal, question.encode() + b"\r")
    _, status = os.waitpid(child, 0) if not left else os.waitpid(child, os.WNOHANG)
    if left or os.waitstatus_to_exitcode(status) != 0:
        sys.stderr.write(shown.decode(errors="replace"))
        raise SystemExit(f"left to ask: {left}, status {status}")


main()
