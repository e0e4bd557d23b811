#!/usr/bin/env python3
"""Measures a cold start on Lambda: from exec to the first answer, before any call to AWS.

usage: cold_start.py PROGRAM [RUNS]     such as target/release/pssp-api

A local server acts as the Lambda Runtime API and returns one event: `GET /v1/limits` in the form of a function URL
(for pssp-api), or an event that is refused before the store is used (for pssp-worker). The server itself takes well
below a millisecond. Prints minimum, median and maximum in milliseconds, and the resident memory then.
"""

import http.server
import json
import os
import statistics
import subprocess
import sys
import threading
import time

LIMITS = {
    "version": "2.0", "routeKey": "$default", "rawPath": "/v1/limits", "rawQueryString": "",
    "headers": {"host": "x.lambda-url.eu-central-1.on.aws"}, "isBase64Encoded": False,
    "requestContext": {
        "accountId": "123456789012", "apiId": "x", "domainName": "x.lambda-url.eu-central-1.on.aws",
        "domainPrefix": "x", "requestId": "r", "routeKey": "$default", "stage": "$default",
        "time": "01/Jan/2026:00:00:00 +0000", "timeEpoch": 1767225600000,
        "http": {"method": "GET", "path": "/v1/limits", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1",
                 "userAgent": "cold_start"},
    },
}
# An event that the worker does not know. It is refused before the store is used.
UNKNOWN_EVENT = {"source": "cold.start"}


def once(program, event):
    """Starts the program once. Returns milliseconds, resident KiB and the answer."""
    answered = threading.Event()
    at = {}

    class Api(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        asked = False

        def do_GET(self):
            if Api.asked:
                answered.wait(30)
                time.sleep(1)
                return
            Api.asked = True
            body = json.dumps(event).encode()
            self.send_response(200)
            self.send_header("Lambda-Runtime-Aws-Request-Id", "r1")
            self.send_header("Lambda-Runtime-Deadline-Ms", str(int(time.time() * 1000) + 30_000))
            self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-central-1:1:function:f")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self):
            at["end"] = time.perf_counter()
            at["body"] = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            at["path"] = self.path
            answered.set()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = server.server_address[1]
    env = {
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}", "AWS_LAMBDA_FUNCTION_NAME": "f",
        "AWS_LAMBDA_FUNCTION_VERSION": "1", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512", "AWS_REGION": "eu-central-1",
        "AWS_LAMBDA_LOG_GROUP_NAME": "g", "AWS_LAMBDA_LOG_STREAM_NAME": "s", "PATH": os.environ["PATH"],
        "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "PSSP_LOG": "error",
        # No server listens on this port, so a call to AWS would fail the start.
        "PSSP_BACKEND": "aws://pssp-cold?queue=http%3A%2F%2F127.0.0.1%3A9%2F1%2Fq&region=eu-central-1"
                        "&endpoint=http%3A%2F%2F127.0.0.1%3A9",
    }
    start = time.perf_counter()
    process = subprocess.Popen([program], env=env, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            if answered.wait(0.1) or process.poll() is not None:
                break
        if not answered.is_set():
            sys.exit(f"{program}: no answer; exit status {process.poll()}")
        with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
            resident = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    finally:
        process.kill()
        process.wait()
        server.shutdown()
    return (at["end"] - start) * 1000, resident, at


def main():
    program, runs = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 21
    is_worker = "worker" in os.path.basename(program)
    times, memory = [], []
    for _ in range(runs):
        ms, resident, at = once(program, UNKNOWN_EVENT if is_worker else LIMITS)
        answer = at["path"] + at["body"].decode(errors="replace")
        if not is_worker and '"statusCode":200' not in answer:
            sys.exit(f"{program}: unexpected answer: {answer[:300]}")
        times.append(ms)
        memory.append(resident)
    print(f"{program}: {min(times):.1f} / {statistics.median(times):.1f} / {max(times):.1f} ms"
          f" (min / median / max of {runs}), {statistics.median(memory) / 1024:.1f} MB resident")


if __name__ == "__main__":
    main()
