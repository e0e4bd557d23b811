#!/usr/bin/env python3
"""Measures the pages in a real browser, on loopback.

  bench/page/page.py [--server target/release/pssp] [--api target/release/pssp-api] [--minutes 0]

Starts the service with a store of its own and Chromium through chromedriver, and prints: requests and bytes as sent of
the first view and of a result of 300 residues; the time to first paint and until the page is interactive, the middle of
five; the same for a result of 10,000 residues, as a window and as a whole; and, with --minutes, the memory of a page that
waits for its job so long, at the beginning and at the end. Everything stops with the script.
"""

import argparse
import contextlib
import json
import pathlib
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

CHAIN = "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEGIPPDQQRLIFAGKQLEDGRTLSDYNIQKESTLHLVLRLRGG"
PAINT = """
const done = arguments[arguments.length - 1];
const paint = performance.getEntriesByName('first-contentful-paint')[0];
const page = performance.getEntriesByType('navigation')[0];
const rest = performance.getEntriesByType('resource').filter((entry) => !entry.name.includes('/v1/'));
done({ paint: paint && paint.startTime, ready: page.domContentLoadedEventEnd,
       sizes: [page, ...rest].map((entry) => entry.transferSize) });
"""


def call(url, body=None, method=None):
    """The JSON that a POST of `body` (or a GET) answers."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def until(probe):
    """Waits until `probe` returns something true, at most a minute."""
    for _ in range(600):
        with contextlib.suppress(OSError, urllib.error.URLError):
            found = probe()
            if found:
                return found
        time.sleep(0.1)
    raise SystemExit("still waiting after a minute")


class Browser:
    """One session of Chromium."""

    def __init__(self, driver):
        options = {"args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]}
        wanted = {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}}
        self.url = f"{driver}/session/{call(f'{driver}/session', wanted)['value']['sessionId']}"

    def open(self, url):
        call(f"{self.url}/url", {"url": url})

    def script(self, text):
        return call(f"{self.url}/execute/async", {"script": text, "args": []})["value"]

    def devtools(self, command, **parameters):
        return call(f"{self.url}/goog/cdp/execute", {"cmd": command, "params": parameters})["value"]

    def close(self):
        call(self.url, method="DELETE")


def view(driver, url):
    """A page in a new browser, whose cache is empty."""
    browser = Browser(driver)
    try:
        browser.open(url)
        time.sleep(0.3)  # the paint is reported a frame later
        return browser.script(PAINT)
    finally:
        browser.close()


def report(driver, what, url):
    views = [view(driver, url) for _ in range(5)]
    middle = lambda key: statistics.median(one[key] for one in views)
    sizes = views[0]["sizes"]
    print(f"{what}: {len(sizes)} requests, {sum(sizes)} bytes as sent ({sizes[0]} of HTML), "
          f"first paint {middle('paint'):.0f} ms, interactive {middle('ready'):.0f} ms")


def memory(browser):
    """The memory of the page's script in use, in bytes, and its elements."""
    browser.devtools("HeapProfiler.enable")
    browser.devtools("HeapProfiler.collectGarbage")
    browser.devtools("Performance.enable")
    metrics = {one["name"]: one["value"] for one in browser.devtools("Performance.getMetrics")["metrics"]}
    return metrics["JSHeapUsedSize"], metrics["Nodes"], metrics["JSEventListeners"]


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--server", default="target/release/pssp")
    arguments.add_argument("--api", default="target/release/pssp-api")
    arguments.add_argument("--minutes", type=float, default=0)
    options = arguments.parse_args()
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        port, driver_port = free_port(), free_port()
        url, driver = f"http://127.0.0.1:{port}/", f"http://127.0.0.1:{driver_port}"

        def start(command, **settings):
            program = subprocess.Popen(command, env=settings or None, stderr=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL)
            stack.callback(program.wait)
            stack.callback(program.terminate)

        store = f"sqlite:{pathlib.Path(folder) / 'jobs.db'}"
        start([options.server, "serve"], PSSP_ADDR=f"127.0.0.1:{port}", PSSP_BACKEND=store)
        start(["chromedriver", f"--port={driver_port}"])
        until(lambda: urllib.request.urlopen(f"{url}readyz"))
        until(lambda: call(f"{driver}/status")["value"]["ready"])

        def finished(chain):
            job = call(f"{url}v1/jobs", {"sequence": chain})
            until(lambda: call(f"{url}v1/jobs/{job['id']}")["status"] == "finished")
            return job["id"]

        report(driver, "first view", url)
        report(driver, "result of 300 residues", f"{url}results/{finished((CHAIN * 4)[:300])}")
        long = finished((CHAIN * 132)[:10_000])
        report(driver, "window of 10,000 residues", f"{url}results/{long}")
        report(driver, "all 10,000 residues", f"{url}results/{long}?all")
        if options.minutes:
            # An API without a worker: the job waits for the whole time.
            port = free_port()
            url, store = f"http://127.0.0.1:{port}/", f"sqlite:{pathlib.Path(folder) / 'waiting.db'}"
            start([options.api], PSSP_ADDR=f"127.0.0.1:{port}", PSSP_BACKEND=store)
            until(lambda: urllib.request.urlopen(f"{url}readyz"))
            job = call(f"{url}v1/jobs", {"sequence": CHAIN})
            browser = Browser(driver)
            stack.callback(browser.close)
            browser.open(f"{url}results/{job['id']}")
            for when in ("at the beginning", f"after {options.minutes:g} minutes"):
                if when != "at the beginning":
                    time.sleep(options.minutes * 60)
                heap, nodes, listeners = memory(browser)
                print(f"page {when}: {heap / 1e6:.2f} MB of script, {nodes:.0f} nodes, {listeners:.0f} listeners")


if __name__ == "__main__":
    main()
