"""What the project measures, side by side with peers in one run: ``python -m benchmarks.NAME --help``, or ``make bench DATA=folder``."""
