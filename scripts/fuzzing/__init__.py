"""Coverage-guided fuzzing: a target for each reader, and what was tried so far."""
