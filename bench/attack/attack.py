#!/usr/bin/env python3
"""Attacks on a service of its own, on loopback only: what one client can do to the others.

    bench/attack/attack.py [--pssp target/release/pssp] [--backend sqlite|redis] [NAME ...]

Each attack starts a service (and a Redis, if asked for), runs for at most two minutes, prints what it saw, and stops
everything that it started. The attacker calls from 127.0.0.2 and, if there are two, 127.0.0.3; the victim calls from
127.0.0.1. docs/security.md has the table of what was seen.
"""

import argparse
import contextlib
import gzip
import http.client
import os
import random
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import json

ATTACKER, SECOND, VICTIM = "127.0.0.2", "127.0.0.3", "127.0.0.1"
KEYS = {"ann": "ann-secret-1", "bob": "bob-secret-1"}
SMALL = b"MKVLTAYGKLSSSE"


class Service:
    """One `pssp serve` with its store in a folder."""

    def __init__(self, pssp, backend, **settings):
        self.dir = tempfile.mkdtemp(prefix="pssp-attack-")
        self.redis = None
        if backend == "redis":
            self.redis_port = free_port()
            memory = settings.pop("redis_memory", "0")
            self.redis = subprocess.Popen(
                ["redis-server", "--port", str(self.redis_port), "--bind", VICTIM, "--dir", self.dir,
                 "--appendonly", "yes", "--maxmemory", memory, "--save", ""],
                stdout=subprocess.DEVNULL)
            wait_for(lambda: connect(self.redis_port))
            store = f"redis://{VICTIM}:{self.redis_port}/0"
        else:
            settings.pop("redis_memory", None)
            store = f"sqlite:{self.dir}/pssp.db"
        self.port = free_port()
        env = {k: v for k, v in os.environ.items() if not k.startswith("PSSP_")}
        env |= {"PSSP_BACKEND": store, "PSSP_ADDR": f"0.0.0.0:{self.port}", "PSSP_LOG": "error"}
        env |= {f"PSSP_{name.upper()}": str(value) for name, value in settings.items()}
        self.log = open(os.path.join(self.dir, "log"), "wb")
        self.process = subprocess.Popen([pssp, "--quiet", "serve"], env=env, stderr=self.log)
        wait_for(lambda: self.get("/readyz")[0] == 200)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in filter(None, [self.process, self.redis]):
            process.send_signal(signal.SIGKILL)
            process.wait()
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def call(self, verb, path, body=None, source=VICTIM, timeout=120, **headers):
        """Status, headers and body of an answer; 0 if the connection breaks."""
        connection = http.client.HTTPConnection(VICTIM, self.port, timeout=timeout, source_address=(source, 0))
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(verb, path, body, named)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        except OSError as error:
            return 0, {}, repr(error).encode()
        finally:
            connection.close()

    def get(self, path, **more):
        return self.call("GET", path, **more)

    def submit(self, body=SMALL, path="/v1/jobs", **more):
        return self.call("POST", path, body, content_type="text/plain", **more)

    def open(self, source=ATTACKER):
        return socket.create_connection((VICTIM, self.port), source_address=(source, 0))

    def memory(self):
        """Megabytes in use now, and at most so far."""
        with open(f"/proc/{self.process.pid}/status") as status:
            text = status.read()
        return tuple(int(re.search(rf"{name}:\s+(\d+)", text)[1]) // 1024 for name in ("VmRSS", "VmHWM"))

    def metric(self, name):
        text = self.get("/metrics")[2].decode()
        found = re.search(rf"^{name} (\S+)$", text, re.M)
        return float(found[1]) if found else 0.0

    def store_megabytes(self):
        return sum(os.path.getsize(os.path.join(self.dir, name)) for name in os.listdir(self.dir)) >> 20


def free_port():
    """A port below those that the system gives to connections: a call to one of those, on which nothing listens yet, can
    connect to itself."""
    while True:
        port = random.randrange(20_000, 30_000)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind((VICTIM, port))
            return port


def connect(port):
    with contextlib.suppress(OSError), socket.create_connection((VICTIM, port), timeout=1):
        return True
    return False


def wait_for(condition, seconds=20):
    end = time.time() + seconds
    while time.time() < end:
        if condition():
            return
        time.sleep(0.05)
    raise SystemExit("the service does not start")


def timed(call):
    begun = time.time()
    answer = call()
    return answer, round(time.time() - begun, 2)


def tally(values):
    counts = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    return ", ".join(f"{n} × {value}" for value, n in sorted(counts.items(), key=str))


def in_parallel(calls):
    results = [None] * len(calls)

    def run(index, call):
        results[index] = call()

    threads = [threading.Thread(target=run, args=each) for each in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def jobs_of(service, key, body, **more):
    status, _, answer = service.submit(body, x_api_key=KEYS[key], **more)
    return status, json.loads(answer).get("id") if status in (201, 202) else None


def wait_finished(service, id, key=None, seconds=60):
    headers = {"x_api_key": KEYS[key]} if key else {}
    begun = time.time()
    while time.time() - begun < seconds:
        status, _, body = service.get(f"/v1/jobs/{id}", prefer="wait=10", **headers)
        if status == 200 and json.loads(body)["status"] == "finished":
            return round(time.time() - begun, 2)
    return None


def keyed(new, **settings):
    return new(api_keys=",".join(f"{name}:{key}" for name, key in KEYS.items()), **settings)


# --- the attacks; the numbers are those of the table ---------------------------------------------


def slow_bodies(new):
    """1: large bodies, each a byte every 8 s, from two addresses"""
    with new(access="unlisted") as service:
        size = 32 << 20
        held = []
        for source in (ATTACKER, ATTACKER, SECOND, SECOND):
            connection = service.open(source)
            head = f"POST /v1/batches HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: {size}\r\n\r\n"
            try:
                connection.sendall(head.encode() + b">a\n" + b"M" * (size - 200))
            except OSError:
                pass
            held.append(connection)
        small, large, begun = [], None, time.time()
        while time.time() - begun < 60:
            small.append(service.submit()[0])
            if large is None and service.submit(b">a\n" + b"MKVLT" * 20_000, path="/v1/batches")[0] in (202, 422):
                large = round(time.time() - begun)
            for connection in held:
                with contextlib.suppress(OSError):
                    connection.sendall(b"M")
            time.sleep(2)
        for connection in held:
            connection.close()
        print(f"small posts of the victim: {tally(small)}; a large one is taken after {large} s")


def large_batch(new):
    """2: 10,000 records of 1,630 times BZ, packed"""
    with new(access="unlisted", job_rate=0, workers=1) as service:
        body = gzip.compress(b"".join(b">r%d\n" % i + b"BZ" * 1630 + b"\n" for i in range(10_000)), 1)
        before = service.memory()
        send = lambda: service.submit(body, path="/v1/batches", source=ATTACKER, content_encoding="gzip")[0]
        one, seconds = timed(send)
        after_one = service.memory()
        statuses = in_parallel([send] * 3)
        peak = service.memory()
        print(f"{len(body) >> 10} kB packed: {one} in {seconds} s, memory {before[0]} → at most {after_one[1]} MB; "
              f"three at once: {tally(statuses)}, at most {peak[1]} MB; store {service.store_megabytes()} MB")
    with new(access="unlisted", job_rate=0, workers=1) as service:
        body = b"".join(b">r%d\n" % i + b"MKVLTAYGKL" * 335 + b"\n" for i in range(9_950))
        before = service.memory()
        status = service.submit(body, path="/v1/batches", source=ATTACKER)[0]
        print(f"the largest body ({len(body) / (1 << 20):.1f} MiB, plain): {status}, memory {before[0]} → at most "
              f"{service.memory()[1]} MB")


def unfinished_heads(new):
    """3: 500 request heads of 390 kB that do not end"""
    with new(access="unlisted") as service:
        before, held, refused = service.memory()[0], [], 0
        for _ in range(500):
            try:
                connection = service.open()
                connection.settimeout(2)
                held.append(connection)
                connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 390_000)
            except OSError:
                refused += 1
        time.sleep(1)
        print(f"memory {before} → {service.memory()[0]} MB, {refused} cut off while sending; "
              f"the victim: {service.get('/readyz')[0]}")


def backlog(new):
    """4: 400 jobs of 2,000 residues of one owner, then 14 residues of another"""
    with keyed(new, workers=2, reuse="false", rate=0) as service:
        for n in range(400):
            letters = "ACDEFGHIKLMNPQRSTVWY"
            sequence = "".join(letters[(n * 7 + i * i) % 20] for i in range(2000)).encode()
            jobs_of(service, "ann", sequence, source=ATTACKER)
        left = json.loads(service.get("/v1/status")[2])["queue"]["submitted"]
        _, id = jobs_of(service, "bob", SMALL)
        waited = wait_finished(service, id, "bob")
        print(f"with {left} jobs of the other owner queued, the victim's job is finished after {waited} s")


def many_streams(new):
    """5: 4,096 event streams of one key"""
    with keyed(new, max_connections_per_address=10_000, rate=0, classic_delay="1m", workers=1) as service:
        status, _, body = service.call("POST", "/run", b"seq=MKVLTAYGKLSSSE", x_api_key=KEYS["ann"],
                                       content_type="application/x-www-form-urlencoded")
        id = body.decode().split()[1]
        held, statuses = [], []
        for _ in range(4096):
            connection = service.open()
            connection.sendall(f"GET /v1/jobs/{id}/events HTTP/1.1\r\nHost: x\r\nX-Api-Key: {KEYS['ann']}\r\n\r\n".encode())
            statuses.append(connection.recv(15)[9:12].decode())
            held.append(connection)
        _, mine = jobs_of(service, "bob", SMALL)
        wait_finished(service, mine, "bob")
        events = service.get(f"/v1/jobs/{mine}/events", x_api_key=KEYS["bob"])[0]
        batch = json.loads(service.submit(b">a\n" + SMALL, path="/v1/batches", x_api_key=KEYS["bob"])[2])["id"]
        results = service.get(f"/v1/batches/{batch}/results", x_api_key=KEYS["bob"])[0]
        for connection in held:
            connection.close()
        print(f"streams: {tally(statuses)}; the victim's events {events}, batch results {results}, "
              f"memory {service.memory()[0]} MB")


def dropped_clients(new):
    """6: 50 streams and 50 held answers, dropped by the client"""
    with new(access="unlisted", classic_delay="1m") as service:
        body = service.call("POST", "/run", b"seq=MKVLTAYGKLSSSE", content_type="application/x-www-form-urlencoded")[2]
        id = body.decode().split()[1]
        held = []
        for what in [f"GET /v1/jobs/{id}/events HTTP/1.1\r\n", f"GET /v1/jobs/{id} HTTP/1.1\r\nPrefer: wait=20\r\n"]:
            for _ in range(50):
                connection = service.open()
                connection.sendall(f"{what}Host: x\r\n\r\n".encode())
                held.append(connection)
        time.sleep(1)
        opened = service.metric("pssp_connections")
        for connection in held:
            connection.close()
        begun = time.time()
        while service.metric("pssp_connections") > 5 and time.time() - begun < 60:
            time.sleep(0.05)
        print(f"{opened:.0f} connections; seen closed after {time.time() - begun:.1f} s")


def gzip_members(new):
    """7: gzip of 1.65 million empty members"""
    with new(access="unlisted") as service:
        body = gzip.compress(b"") * 1_650_000
        (status, _, _), seconds = timed(lambda: service.submit(body[: 32 << 20], path="/v1/batches", source=ATTACKER,
                                                               content_encoding="gzip"))
        print(f"{len(body[: 32 << 20]) >> 20} MiB: {status} after {seconds} s")


def costly_plots(new):
    """8: 40 × plot.png of 10,000 residues"""
    with new(access="unlisted", rate=0) as service:
        sequence = ("MKVLTAYGKLSSSEDNPQRW" * 500).encode()
        id = json.loads(service.submit(sequence, source=ATTACKER)[2])["id"]
        wait_finished(service, id)
        plots = []

        def plot():
            plots.append(service.get(f"/v1/jobs/{id}/plot.png", source=ATTACKER, timeout=90)[0])

        threads = [threading.Thread(target=plot) for _ in range(40)]
        for thread in threads:
            thread.start()
        time.sleep(1)
        (status, _, _), seconds = timed(lambda: service.submit(b">a\n" + SMALL, path="/v1/batches"))
        for thread in threads:
            thread.join()
        _, headers, _ = service.get(f"/v1/jobs/{id}/plot.png")
        again = service.get(f"/v1/jobs/{id}/plot.png", if_none_match=headers["ETag"])[0]
        print(f"plots: {tally(plots)}; the victim's batch meanwhile: {status} in {seconds} s; "
              f"Cache-Control: {headers['Cache-Control']}, asked again with its ETag: {again}")


def full_store(new):
    """9: a store that fills up (Redis with maxmemory, else a file with a page limit)"""
    with new(access="unlisted", redis_memory="40mb", rate=0, job_rate=0, owner_jobs=0, reuse="false", workers=2) as service:
        if service.redis is None:
            print("only with --backend redis; for SQLite see the contract suite (contract/room.rs)")
            return
        accepted, refused, statuses = [], 0, {}
        batch = lambda n: b"".join(b">r%d_%d\n" % (n, i) + SMALL * 20 + b"\n" for i in range(200))
        for n in range(600):
            status, _, body = service.submit(batch(n), path="/v1/batches", source=ATTACKER)
            statuses[status] = statuses.get(status, 0) + 1
            if status == 202:
                accepted.append(json.loads(body)["id"])
            elif json.loads(body)["type"].endswith("storage-full"):
                refused += 1
                if refused >= 20:
                    break
                time.sleep(0.1)
        ready = service.get("/readyz")[0]
        begun, open_jobs = time.time(), None
        while time.time() - begun < 100:
            open_jobs = json.loads(service.get("/v1/status")[2])["queue"]
            if open_jobs["submitted"] + open_jobs["running"] == 0:
                break
            time.sleep(1)
        read = service.get(f"/v1/batches/{accepted[0]}/results")[0]
        print(f"{len(accepted) * 200} jobs accepted, then {refused} × 503 storage-full; /readyz {ready}, results {read}; "
              f"open jobs at the end: {open_jobs['submitted'] + open_jobs['running']}")


def strangers(new):
    """10: a stranger lists, reads and deletes the jobs of others"""
    with new(access="unlisted") as service:
        id = json.loads(service.submit()[2])["id"]
        wait_finished(service, id)
        listed = len(json.loads(service.get("/v1/jobs", source=ATTACKER)[2])["jobs"])
        deleted = service.call("DELETE", f"/v1/jobs/{id}", source=ATTACKER)[0]
        still = service.get(f"/v1/jobs/{id}")[0]
        reused = json.loads(service.submit(source=ATTACKER)[2])["reused"]
        print(f"lists {listed} jobs; DELETE answers {deleted} and the job is still there ({still}); "
              f"the same sequence is told as reused: {reused}")


def probes(new):
    """11: many requests for /readyz, /metrics and /v1/status without a key"""
    with keyed(new) as service:
        if service.redis is None:
            print("only with --backend redis, whose commands are counted")
            return

        def commands():
            text = subprocess.run(["redis-cli", "-p", str(service.redis_port), "INFO", "stats"], capture_output=True, text=True).stdout
            return int(re.search(r"total_commands_processed:(\d+)", text)[1])

        for path in ("/readyz", "/metrics", "/v1/status"):
            before = commands()
            statuses, seconds = timed(lambda: [service.get(path, source=ATTACKER)[0] for _ in range(1000)])
            print(f"1,000 × {path} in {seconds} s: {tally(statuses)}; {commands() - before} commands to Redis")


def expired(new):
    """12: the answer for a job that has expired (PSSP_TTL=1m)"""
    with new(access="unlisted", ttl="1m", sweep_every="1s") as service:
        id = json.loads(service.submit()[2])["id"]
        wait_finished(service, id)
        time.sleep(62)
        soon = service.get(f"/v1/jobs/{id}")[0]
        time.sleep(20)
        print(f"after 62 s: {soon}; after 82 s: {service.get(f'/v1/jobs/{id}')[0]}")


def flood(new):
    """–: 3,000 requests of one address as fast as they go"""
    with new(access="unlisted") as service:
        statuses, seconds = timed(lambda: sum(in_parallel([
            lambda: [service.get("/v1/jobs", source=ATTACKER)[0] for _ in range(500)]] * 6), []))
        print(f"in {seconds} s: {tally(statuses)}; the victim meanwhile: {service.get('/v1/jobs')[0]}")


ATTACKS = [slow_bodies, large_batch, unfinished_heads, backlog, many_streams, dropped_clients, gzip_members, costly_plots,
           full_store, strangers, probes, expired, flood]


def main():
    parser = argparse.ArgumentParser(description="Attacks a pssp of its own, on loopback.")
    parser.add_argument("--pssp", default="target/release/pssp")
    parser.add_argument("--backend", choices=["sqlite", "redis"], default="sqlite")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(attack.__name__ for attack in ATTACKS))
    args = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most if most == resource.RLIM_INFINITY else min(most, 20_000), most))
    for attack in ATTACKS:
        if not args.names or attack.__name__ in args.names:
            print(f"{attack.__name__} – {attack.__doc__}", flush=True)
            attack(lambda **settings: Service(args.pssp, args.backend, **settings))


if __name__ == "__main__":
    main()
