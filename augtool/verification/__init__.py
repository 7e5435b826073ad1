"""Whether an output is what was written, and what its plan makes of the source."""
