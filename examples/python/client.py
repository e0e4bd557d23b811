#!/usr/bin/env python3
"""A client of pssp in one file, with Python's standard library alone (3.9 or later).

As a program:

    python3 client.py predict MKTAYIAKQRQISFVKSHFSRQ --format txt
    python3 client.py batch proteins.fasta --format tsv

As a module:

    from client import Client

    pssp = Client("http://127.0.0.1:5000")
    job = pssp.wait(pssp.submit("MKTAYIAKQRQISFVKSHFSRQ")["id"])
    result = pssp.result(job["id"])
    print(result["properties"]["ss3"]["labels"])
"""

import argparse
import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid

# Every request may be repeated: a POST carries an Idempotency-Key, so that it makes one job however often it is sent.
TRIES = 5
# Longest Retry-After that is waited out.
PATIENCE_S = 30
# The service holds an answer up to 20 s (Prefer: wait); silence beyond this means that it is gone.
SOCKET_TIMEOUT_S = 45


class PsspError(Exception):
    """The service said no. `problem` is its RFC 9457 answer, `errors` the places that are at fault."""

    def __init__(self, status, problem):
        self.status = status
        self.problem = problem
        self.errors = problem.get("errors", [])
        super().__init__(f"{problem.get('title', 'error')} ({status}): {problem.get('detail', '')}")


class JobFailed(Exception):
    """The job ended without a result."""


class Client:
    """One service. Methods return what the service answers, as dictionaries; /openapi.json describes them."""

    def __init__(self, url=None, api_key=None):
        self.url = (url or os.environ.get("PSSP_URL") or "http://127.0.0.1:5000").rstrip("/")
        self.api_key = api_key or os.environ.get("PSSP_API_KEY")

    def submit(self, sequence, name=None, key=None):
        """Submits one sequence; returns the job. The same `key` returns the same job again."""
        body = json.dumps({"sequence": sequence, "name": name}).encode()
        return json.loads(self._post("/v1/jobs", "application/json", body, key))

    def submit_batch(self, fasta, key=None):
        """Submits the records of a FASTA text; returns the batch. Bad records are listed in `rejected`."""
        return json.loads(self._post("/v1/batches", "text/x-fasta", fasta.encode(), key))

    def job(self, job_id):
        """The job as it stands."""
        return json.loads(self._ask("GET", f"/v1/jobs/{job_id}"))

    def wait(self, job_id, timeout_s=600):
        """Waits until the job is finished, and returns it."""
        deadline = time.monotonic() + timeout_s
        while True:
            left = deadline - time.monotonic()
            hold = {"Prefer": f"wait={max(1, min(20, int(left)))}"}
            since = time.monotonic()
            job = json.loads(self._ask("GET", f"/v1/jobs/{job_id}", headers=hold))
            if job["status"] == "finished":
                return job
            if job["status"] in ("failed", "cancelled"):
                reason = (job["error"] or {}).get("detail", "")
                raise JobFailed(f"job {job_id} {job['status']}: {reason}")
            if time.monotonic() >= deadline:
                raise TimeoutError(f"job {job_id} is still {job['status']} after {timeout_s} s")
            if time.monotonic() - since < 1:  # the answer was not held
                time.sleep(1)

    def wait_batch(self, batch_id, timeout_s=3600):
        """Waits until every record of the batch has come to an end, and returns the batch."""
        deadline = time.monotonic() + timeout_s
        pause_s = 0.1
        while True:
            batch = json.loads(self._ask("GET", f"/v1/batches/{batch_id}"))
            if batch["status"] == "finished":
                return batch
            if time.monotonic() >= deadline:
                raise TimeoutError(f"batch {batch_id} is not done after {timeout_s} s: {batch['counts']}")
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, 5)

    def result(self, job_id, format="json"):
        """The result: a dictionary, or text in another format, such as txt, ss2, tsv, fasta, gff3 or pml."""
        text = self._ask("GET", f"/v1/jobs/{job_id}/result.{format}").decode()
        return json.loads(text) if format == "json" else text

    def batch_results(self, batch_id, format=None):
        """The records in the order of the input, each with its status and result; or text in a format."""
        suffix = f".{format}" if format else ""
        text = self._ask("GET", f"/v1/batches/{batch_id}/results{suffix}").decode()
        return text if format else [json.loads(line) for line in text.splitlines()]

    def delete(self, job_id):
        """Deletes the job and its result."""
        self._ask("DELETE", f"/v1/jobs/{job_id}")

    def _post(self, path, content_type, body, key):
        headers = {"Content-Type": content_type, "Idempotency-Key": key or str(uuid.uuid4())}
        return self._ask("POST", path, body, headers)

    def _ask(self, method, path, body=None, headers=None):
        headers = dict(headers or {})
        if self.api_key:
            headers["Authorization"] = f"Bearer {self.api_key}"
        for attempt in range(TRIES):
            request = urllib.request.Request(self.url + path, body, headers, method=method)
            try:
                with urllib.request.urlopen(request, timeout=SOCKET_TIMEOUT_S) as answer:
                    return answer.read()
            except urllib.error.HTTPError as answer:
                error, pause_s = _refusal(answer), _retry_after(answer)
                if answer.code not in (429, 503) or pause_s > PATIENCE_S:
                    raise error from None
            except OSError as unreachable:  # not there, or gone in the middle of an answer
                error, pause_s = unreachable, 0
            if attempt + 1 < TRIES:
                time.sleep(max(pause_s, 0.2 * 2**attempt))
        raise error


def _refusal(answer):
    text = answer.read().decode(errors="replace")
    try:
        return PsspError(answer.code, json.loads(text))
    except ValueError:
        return PsspError(answer.code, {"title": answer.reason, "detail": text[:200]})


def _retry_after(answer):
    try:
        return int(answer.headers.get("Retry-After", 0))
    except ValueError:
        return 0


def predict(pssp, args):
    job = pssp.wait(pssp.submit(args.sequence, args.name)["id"])
    result = pssp.result(job["id"], args.format)
    print(json.dumps(result) if args.format == "json" else result, end="")


def batch(pssp, args):
    with open(args.fasta, encoding="utf-8") as file:
        told = pssp.submit_batch(file.read())
    for record in told["rejected"]:
        for error in record["errors"]:
            print(f"record {record['index'] + 1} refused: {error['detail']}; {error['hint']}", file=sys.stderr)
    pssp.wait_batch(told["id"])
    print(pssp.batch_results(told["id"], args.format), end="")


def main():
    parser = argparse.ArgumentParser(description="Predict with a pssp service.")
    parser.add_argument("--url", help="the service (else PSSP_URL, else http://127.0.0.1:5000)")
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("predict", help="one sequence")
    one.add_argument("sequence")
    one.add_argument("--name")
    one.add_argument("--format", default="txt")
    one.set_defaults(run=predict)
    many = commands.add_parser("batch", help="the records of a FASTA file")
    many.add_argument("fasta")
    many.add_argument("--format", default="txt")
    many.set_defaults(run=batch)
    args = parser.parse_args()
    try:
        args.run(Client(args.url), args)
    except PsspError as error:
        places = "".join(f"\n  {fault['detail']}; {fault['hint']}" for fault in error.errors)
        sys.exit(f"{error}{places}")
    except (JobFailed, TimeoutError, OSError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
