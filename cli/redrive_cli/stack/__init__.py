"""The stack: what is deployed, how it is packed, and where it runs."""
