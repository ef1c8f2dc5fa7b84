"""The main job on a small graph that ships with the package: ``python -m kplm.demo``, or ``make demo``."""
