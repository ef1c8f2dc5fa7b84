"""From files to batches: sources, annotators, collator and the Lightning data module."""
