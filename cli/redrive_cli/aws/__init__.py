"""AWS: everything that the tool asks of it, and how it is read."""
