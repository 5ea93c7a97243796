"""Expressions: what an operator writes to choose and to change messages, judged at arm's length."""
