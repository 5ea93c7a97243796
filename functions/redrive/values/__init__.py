"""Values: what a run is asked, plans, holds in its hands and gives back. Plain data, and no way to AWS."""
