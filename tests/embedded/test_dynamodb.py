"""What the journal needs of DynamoDB and ministack has: no gap, but one that must not open."""

from support.embedded import unique

NUMBERS = {"id": {"S": "numbers"}}


def table(aws):
    client, name = aws.client("dynamodb"), unique("table")
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    return client, name


def test_items_are_written_read_and_deleted_in_batches(aws):
    """DynamoDB API, BatchWriteItem and BatchGetItem: up to 25 and 100 items; what is not there is left out."""
    client, name = table(aws)
    items = [{"id": {"S": str(n)}} for n in range(25)]
    written = client.batch_write_item(RequestItems={name: [{"PutRequest": {"Item": item}} for item in items]})
    asked = {name: {"Keys": [*items, {"id": {"S": "nowhere"}}], "ConsistentRead": True}}
    found = client.batch_get_item(RequestItems=asked)
    assert (written["UnprocessedItems"], found["UnprocessedKeys"]) == ({}, {})
    assert sorted(found["Responses"][name], key=str) == sorted(items, key=str)
    client.batch_write_item(RequestItems={name: [{"DeleteRequest": {"Key": item}} for item in items]})
    assert client.batch_get_item(RequestItems=asked)["Responses"][name] == []


def test_a_number_and_a_set_are_added_to(aws):
    """DynamoDB API, UpdateItem: ADD makes what is missing."""
    client, name = table(aws)
    for _ in range(2):
        updated = client.update_item(
            TableName=name,
            Key=NUMBERS,
            UpdateExpression="ADD moved :one, seen :a SET kind = :kind",
            ExpressionAttributeValues={":one": {"N": "1"}, ":a": {"SS": ["a"]}, ":kind": {"S": "sum"}},
            ReturnValues="ALL_NEW",
        )
    assert updated["Attributes"] == {**NUMBERS, "moved": {"N": "2"}, "seen": {"SS": ["a"]}, "kind": {"S": "sum"}}
