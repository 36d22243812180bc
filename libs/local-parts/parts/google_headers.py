"""Google's XML API in front of an S3 server, as far as they differ in what we send: PORT UPSTREAM.

The name of a copy's source, and "where there is no object" (generation 0), which is refused for multipart uploads as Google does.
"""

import http.client
import sys
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

UPSTREAM = sys.argv[2]
# Whether there is an object and that it is made are one step.
CREATING = threading.Lock()
DROPPED = {"host", "authorization", "connection", "x-goog-copy-source", "x-goog-if-generation-match"}


def ask(method, path, headers, body=None):
    connection = http.client.HTTPConnection(UPSTREAM, timeout=120)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.getheaders(), answer.read()
    finally:
        connection.close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in DROPPED}
        source = self.headers.get("x-goog-copy-source")
        if source:
            headers["x-amz-copy-source"] = "/" + source
        if self.headers.get("x-goog-if-generation-match") != "0":
            return self.answer(*ask(self.command, self.path, headers, body))
        if "uploadId" in urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query):
            return self.answer(400, [], b"<Error><Code>NotImplemented</Code></Error>")
        with CREATING:
            status, _, _ = ask("HEAD", self.path, {})
            if status == 200:
                return self.answer(412, [], b"<Error><Code>PreconditionFailed</Code></Error>")
            return self.answer(*ask(self.command, self.path, headers, body))

    def answer(self, status, headers, body):
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in {"content-length", "transfer-encoding", "connection"}:
                self.send_header(name, value)
        length = dict((name.lower(), value) for name, value in headers).get("content-length")
        self.send_header("content-length", length if self.command == "HEAD" and length else str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_any


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
