"""Knowledge graphs: triples, entity vectors by PyKEEN, and links from text to entities.

Light to import: PyKEEN, spaCy and pyarrow are loaded only by the parts that need them.
"""

from kg.errors import KgError
from kg.link import Link, Linker
from kg.names import Name
from kg.readers import Triple
from kg.store import TripleStore
from kg.table import EntityTable

__all__ = ["EntityTable", "KgError", "Link", "Linker", "Name", "Triple", "TripleStore"]
