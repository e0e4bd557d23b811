"""Uses the typed client generated from openapi.json against a running service: submits, waits, and reads results.

    PYTHONPATH=FOLDER_OF_pssp_client typed_client.py URL
"""

import json
import sys
import time

from pssp_client import Client
from pssp_client.api.batches import (
    create_batch,
    read_batch,
    read_batch_results_as_json,
    read_batch_results_as_ndjson,
)
from pssp_client.api.classic import classic_job, run
from pssp_client.api.jobs import create_job, list_jobs, read_job, validate
from pssp_client.api.results import read_plot_svg, read_result, read_result_as_json, read_result_as_ss_2
from pssp_client.api.service import read_limits, read_methods, read_status
from pssp_client.models import (
    Batch,
    BatchLine,
    BatchList,
    BatchRecord,
    BatchStatus,
    ClassicStatus,
    Form,
    Job,
    JobRequest,
    Problem,
    RecordStatus,
    Result,
    State,
)

SEQUENCE = "MKVLAAGIVGLLLAQWKDE"
DEADLINE_S = 60


def check_job(client: Client) -> None:
    """Submits one sequence, waits, and reads the result."""
    job = create_job.sync(client=client, body=JobRequest(sequence=SEQUENCE, name="typed"), prefer="wait=20")
    assert isinstance(job, Job), job
    deadline = time.monotonic() + DEADLINE_S
    while job.status not in (State.FINISHED, State.FAILED, State.CANCELLED):
        assert time.monotonic() < deadline, job
        job = read_job.sync(job.id, client=client, prefer="wait=20")
        assert isinstance(job, Job), job
    assert (job.status, job.name, job.length, job.error) == (State.FINISHED, "typed", len(SEQUENCE), None), job

    for read in (read_result, read_result_as_json):
        result = read.sync(job.id, client=client)
        assert isinstance(result, Result), result
        assert result.sequence == SEQUENCE and len(result.properties.ss3.labels) == len(SEQUENCE), result
        assert len(result.properties.ss3.probabilities["H"]) == len(SEQUENCE), result
    ss2 = read_result_as_ss_2.sync(job.id, client=client)
    assert isinstance(ss2, str) and ss2.startswith("# PSIPRED VFORMAT"), ss2
    plot = read_plot_svg.sync(job.id, client=client)
    assert isinstance(plot, str) and plot.startswith("<svg"), plot

    page = list_jobs.sync(client=client, limit=1000)
    assert job.id in [listed.id for listed in page.jobs], page


def check_batch(client: Client) -> None:
    """Submits a batch, waits, and reads the results as a list and line by line."""
    records = [
        BatchRecord(sequence=SEQUENCE, name="good"),
        BatchRecord(sequence="MK?LA", name="bad"),
        BatchRecord(sequence="MKVLA", name="short"),
    ]
    batch = create_batch.sync(client=client, body=BatchList(records=records))
    assert isinstance(batch, Batch) and (batch.total, batch.counts.rejected) == (3, 1), batch
    assert batch.rejected[0].errors[0].code == "invalid_character", batch
    deadline = time.monotonic() + DEADLINE_S
    while batch.status != BatchStatus.FINISHED:
        assert time.monotonic() < deadline, batch
        time.sleep(0.1)
        batch = read_batch.sync(batch.id, client=client)
        assert isinstance(batch, Batch), batch

    results = read_batch_results_as_json.sync(batch.id, client=client)
    assert isinstance(results, list), results
    assert [(result.id, result.length) for result in results] == [("good", len(SEQUENCE)), ("short", 5)], results

    text = read_batch_results_as_ndjson.sync(batch.id, client=client)
    assert isinstance(text, str), text
    lines = [BatchLine.from_dict(json.loads(line)) for line in text.splitlines()]
    statuses = [RecordStatus.FINISHED, RecordStatus.REJECTED, RecordStatus.FINISHED]
    assert [line.status for line in lines] == statuses, lines
    assert lines[0].result.sequence == SEQUENCE, lines[0]


def check_errors(client: Client) -> None:
    """Checks that invalid input is returned as a typed problem with its place."""
    problem = create_job.sync(client=client, body=JobRequest(sequence="MK?LA"))
    assert isinstance(problem, Problem) and problem.status == 422, problem
    assert (problem.errors[0].line, problem.errors[0].column) == (1, 3), problem
    problem = read_job.sync("00000000-0000-4000-8000-000000000000", client=client)
    assert isinstance(problem, Problem) and (problem.status, problem.retryable) == (404, False), problem


def check_others(client: Client) -> None:
    """Checks validation, the classic API, and the routes about the service itself."""
    validated = validate.sync(client=client, body=JobRequest(sequence="mkvla"))
    assert (validated.sequence, validated.edits[0].kind) == ("MKVLA", "upper_cased"), validated
    text = run.sync(client=client, body=Form(seq=SEQUENCE))
    assert isinstance(text, str) and text.startswith("Job "), text
    classic = classic_job.sync(text.split()[1], client=client)
    assert classic.status in (ClassicStatus.SUBMITTED, ClassicStatus.FINISHED), classic
    assert classic.input_ == SEQUENCE, classic
    assert "ss2" in read_limits.sync(client=client).formats
    assert read_methods.sync(client=client).properties[0].alphabet
    assert read_status.sync(client=client).queue is not None


def main() -> None:
    """Runs every check against the service whose address is the argument."""
    # No proxy is used, since for a proxy loopback would be its own machine.
    client = Client(base_url=sys.argv[1], timeout=DEADLINE_S, httpx_args={"trust_env": False})
    for check in (check_job, check_batch, check_errors, check_others):
        check(client)
        print(f"typed client: {check.__doc__.splitlines()[0]} ok")


if __name__ == "__main__":
    main()
