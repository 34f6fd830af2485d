"""Keep each notification: an HTTP server on this host, which writes one line of JSON for each."""

import http.server
import json
import os

TOLD = "/srv/seeing/told"


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with open(TOLD, "a", encoding="utf-8") as file:
            file.write(json.dumps(event) + "\n")
            os.fsync(file.fileno())
        self.send_response(204)
        self.end_headers()


http.server.HTTPServer(("127.0.0.1", 8099), Receiver).serve_forever()
