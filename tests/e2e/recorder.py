"""Stands between a client and a server, passes everything on as it is, and writes every exchange to a file.

Usage: recorder.py TARGET FILE. Prints its port. One line of JSON per exchange: path, request, status, seconds, and the body of the answer as text.
"""

import contextlib
import http.client
import http.server
import json
import sys
import threading
import time
import urllib.parse

target, path = urllib.parse.urlsplit(sys.argv[1]), sys.argv[2]
lock = threading.Lock()


class Recorder(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        sent = self.rfile.read(int(self.headers["content-length"]))
        started = time.monotonic()
        server = http.client.HTTPConnection(target.netloc, timeout=600)
        hidden = ("host", "content-length", "connection", "accept-encoding", "expect")
        server.request("POST", self.path, sent, {name: value for name, value in self.headers.items() if name.lower() not in hidden})
        answer = server.getresponse()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "content-length", "connection", "date", "server"):
                self.send_header(name, value)
        self.send_header("connection", "close")
        self.end_headers()
        pieces = []
        while piece := answer.read1():
            pieces.append(piece)
            # A client that has given up is no reason not to know what the server says.
            with contextlib.suppress(ConnectionError):
                self.wfile.write(piece)
                self.wfile.flush()
        self.close_connection = True
        exchange = {
            "path": self.path,
            "request": json.loads(sent),
            "status": answer.status,
            "headers": dict(answer.getheaders()),
            "seconds": time.monotonic() - started,
            "answer": b"".join(pieces).decode(),
        }
        with lock, open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(exchange) + "\n")

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
print(server.server_address[1], flush=True)
server.serve_forever()
