"""History: what happened in an execution, as Step Functions tells it, read as events and as visits to states."""
