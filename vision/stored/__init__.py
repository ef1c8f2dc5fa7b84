"""Features that others computed: the layouts of bottom-up attention, and arrays of numpy."""

from vision.stored.opened import open_stored, read_stored

__all__ = ["open_stored", "read_stored"]
