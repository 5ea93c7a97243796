"""Samples: messages that were looked at, grouped by what distinguishes them, and judged as a run would."""
