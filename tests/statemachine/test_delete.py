"""Deleting for good, with the machine's steps broken around the archive: nothing is deleted that is not archived."""

import json

import pytest

from redrive.stores import pages
from redrive.stores.ledger import Ledger
from redrive.values.errors import PageLapsed
from redrive.values.outcome import conserves
from support.aws import count, drain, numbered
from support.moto_machine import LambdaError

ALL = list(range(6))
DEAD = LambdaError("Lambda.Unknown")  # is retried
FOR_GOOD = PageLapsed("broken on purpose.")  # is not


@pytest.fixture
def queues(moto):
    return numbered(moto.client("sqs"), ALL)


def deleting(queues):
    return {"queue": queues.name, "action": "delete", "filter": {"where": "body.n >= 4"}}


def breaking(step, *, after, error=DEAD):
    left = [1]

    def around(name, _event, go):
        if name != step or not left[0]:
            return go()
        left[0] -= 1
        if after:
            go()
        raise error

    return around


def archived(moto, run):
    """The numbers in the run's archive."""
    ledger = Ledger(moto.client("s3"), moto.bucket, moto.folder(run.arn).removeprefix("runs/").rstrip("/"))
    return sorted(
        json.loads(message.body)["n"]
        for name in ledger.names("archive")
        for message in pages.read_archive(ledger, name)
    )


@pytest.mark.parametrize("after", [False, True], ids=["before it began", "after it was done"])
@pytest.mark.parametrize("step", ["archive", "delete"])
def test_a_step_that_dies_once_is_retried_and_the_run_ends_as_if_it_had_not(moto, queues, step, after):
    moto.around = breaking(step, after=after)
    run = moto.run(deleting(queues))
    assert run.path[-1] == "Redrive complete"
    assert (run.output["discarded"], run.output["deleted"], run.output["held"]) == (2, 2, 4)
    assert run.output["requests"]["lambda"] == len(moto.steps)
    assert archived(moto, run) == [4, 5]
    assert sorted(json.loads(message["Body"])["n"] for message in drain(queues.sqs, queues.dlq)) == [0, 1, 2, 3]


def test_an_archive_that_never_comes_about_deletes_nothing(moto, queues):
    moto.around = breaking("archive", after=False, error=FOR_GOOD)
    run = moto.run(deleting(queues))
    assert run.path[-1] == "Redrive incomplete"
    assert (run.summary["failed"], run.summary["discarded"], run.summary["deleted"]) == (2, 0, 0)
    assert conserves(run.summary)
    assert count(queues.sqs, queues.dlq) == (6, 0)
    assert archived(moto, run) == []


@pytest.mark.parametrize("step", ["archive", "delete"])
def test_a_death_between_archive_and_delete_is_finished_by_the_release(moto, queues, step):
    """The archive step did its work and nobody heard of it, or the delete died before it began."""
    moto.around = breaking(step, after=step == "archive", error=FOR_GOOD)
    run = moto.run(deleting(queues))
    assert run.path[-1] == "Redrive incomplete"  # its lane stopped
    assert "1 of 1 lanes stopped" in run.cause
    assert (run.summary["discarded"], run.summary["deleted"], run.summary["held"]) == (2, 2, 4)
    assert conserves(run.summary)
    assert archived(moto, run) == [4, 5]
    assert count(queues.sqs, queues.dlq) == (4, 0)
