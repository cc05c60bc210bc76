"""Kinds of certificate, as data: ``data/<code>.json``, one file a kind.

``docs/kinds.md`` describes the form, ``kind.schema.json`` defines it. Adding a kind is adding a
file; nothing in the code knows one kind from another.
"""

from ecert.kinds.catalogue import Catalogue
from ecert.kinds.kind import Kind
from ecert.kinds.views import Card

__all__ = ["Card", "Catalogue", "Kind"]
