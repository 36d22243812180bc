"""A receiver of webhooks for tests, which checks what comes with Standard Webhooks' own library.

    webhook_receiver.py PORT FOLDER   (cert.pem, key.pem and `secrets`, one a line, lie in FOLDER; what came is appended to `requests`)

The path says what it does: /fails-N/... answers 500 to the first N requests of each webhook-id, /hangs/... says nothing while FOLDER/hang is
there, /moved/... redirects. Everything else is taken.
"""

import collections
import json
import os
import re
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from standardwebhooks import Webhook, WebhookVerificationError

PORT, FOLDER = int(sys.argv[1]), Path(sys.argv[2])
LOCK, SEEN = threading.Lock(), collections.Counter()


def verified(body, headers):
    """Which of the secrets fit, by their line."""
    fitting = []
    for line, secret in enumerate((FOLDER / "secrets").read_text().split()):
        try:
            Webhook(secret).verify(body, headers)
            fitting.append(line)
        except WebhookVerificationError:
            pass
    return fitting


class Receiver(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(200)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        id, tried = self.headers["webhook-id"], (self.path, self.headers["webhook-id"])
        came = {
            "path": self.path,
            "id": id,
            "timestamp": self.headers["webhook-timestamp"],
            "content_type": self.headers["content-type"],
            "verified": verified(body, dict(self.headers)),
            "body": body.decode(),
        }
        with LOCK:
            SEEN[tried] += 1
            with open(FOLDER / "requests", "a") as file:
                file.write(json.dumps(came) + "\n")
                file.flush()
                os.fsync(file.fileno())
        while self.path.startswith("/hangs/") and (FOLDER / "hang").exists():
            time.sleep(0.05)
        fails = re.match(r"/fails-(\d+)/", self.path)
        if fails and SEEN[tried] <= int(fails[1]):
            self.answer(500)
        elif self.path.startswith("/moved/"):
            self.answer(307, "/elsewhere")
        else:
            self.answer(204)

    def answer(self, status, location=None):
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def main():
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(FOLDER / "cert.pem", FOLDER / "key.pem")
    server = ThreadingHTTPServer(("127.0.0.1", PORT), Receiver)
    server.daemon_threads = True
    server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()


if __name__ == "__main__":
    main()
