"""Origins: where a dead letter came from, and so where it goes."""
