"""`redrive demo` tells its story, checks it, and fails when a single message is not as it should be."""

import itertools

import pytest

from redrive_cli.commands.demo import DemoError, Story

names = (f"story-{number}" for number in itertools.count())


@pytest.fixture
def story(embedded):
    """A story whose three messages are in its dead-letter queue already."""
    story = Story(embedded.aws, next(names), ["TIMEOUT"] * 3)
    for message in story._sent.values():
        story._sqs.send_message(QueueUrl=story.dlq, **message)
    return story


def test_messages_as_they_were_sent_are_intact(story):
    assert story.must_be_intact(story.dlq) == 0


def test_a_missing_message_is_noticed(story):
    received = story._receive(story.dlq)[0]
    story._sqs.delete_message(QueueUrl=story.dlq, ReceiptHandle=received["ReceiptHandle"])

    with pytest.raises(DemoError, match="missing or changed"):
        story.must_be_intact(story.dlq)


def test_a_message_that_lost_its_attributes_is_noticed(story):
    sent = story._sent.popitem()
    story._sent[sent[0]] = {**sent[1], "MessageAttributes": {}}

    with pytest.raises(DemoError, match="missing or changed"):
        story.must_be_intact(story.dlq)


def test_a_duplicate_is_noticed(story):
    story._sqs.send_message(QueueUrl=story.dlq, **next(iter(story._sent.values())))

    with pytest.raises(DemoError, match="twice"):
        story.must_be_intact(story.dlq)


def test_a_message_in_the_wrong_queue_is_noticed(story):
    with pytest.raises(DemoError, match=r"-dlq has 3 messages and 0 in flight, where 0 and 0 should be"):
        story.must_have(waiting=0, dead=0)


@pytest.mark.slow
def test_the_demo_ends_well_within_two_minutes(redrive):
    done = redrive("demo")

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert "Every message is where it should be." in done.stdout
    assert "custom path, because filter.sent is set and filter.where is set" in done.stdout
    assert "native path, because" in done.stdout
    assert "\x1b" not in done.stdout
