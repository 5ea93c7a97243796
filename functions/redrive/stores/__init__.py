"""Stores: what outlives a step: the ledger in S3, the journal and who is at a queue in DynamoDB."""
