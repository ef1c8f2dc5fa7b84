"""How each system is run on its golden cases: ``compare(folder) -> list[Row]``, one file a system."""
