"""The catalogue: all kinds that this installation knows, and the hash that pins them.

The trust file names the catalogue's hash, so that labels, display and rules come from what the
council agreed on, never from a document.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from ecert.encoding import canonical_json
from ecert.errors import KindError, reason_of
from ecert.kinds.kind import Kind
from ecert.kinds.loader import load_kind


class Catalogue:
    """Kinds by code, number and vct.

    Args:
        kinds: Kinds with their data as parsed.

    Raises:
        KindError: ``kind_doubled`` when two share a code or a number.
    """

    def __init__(self, kinds: Iterable[tuple[Kind, Mapping[str, Any]]]) -> None:
        entries = sorted(kinds, key=lambda entry: entry[0].code)
        self._by_code = {kind.code: kind for kind, _ in entries}
        self._by_number = {kind.number: kind for kind, _ in entries}
        self._by_vct = {kind.vct: kind for kind, _ in entries}
        for kind, _ in entries:
            if self._by_code[kind.code] is not kind or self._by_number[kind.number] is not kind:
                raise KindError("kind_doubled", kind=kind.code, number=kind.number)
        data = [raw for _, raw in entries]
        self.hash = hashlib.sha256(canonical_json(data, where="catalogue")).digest()
        """SHA-256 over the canonical JSON (RFC 8785) of all data files, sorted by code."""

    @classmethod
    def load(cls) -> "Catalogue":
        """Return the catalogue that ships with the package.

        Raises:
            KindError: ``kind_file_malformed``, ``kind_doubled``.
        """
        return _shipped()

    @classmethod
    def from_files(cls, paths: Iterable[Path]) -> "Catalogue":
        """Read a catalogue from data files.

        Raises:
            KindError: ``kind_file_malformed``, ``kind_file_unreadable``, ``kind_doubled``.
        """
        return cls(load_kind(_read(path), path.name) for path in paths)

    def kind(self, code: str) -> Kind:
        """Return a kind by its code or its vct.

        Raises:
            KindError: ``kind_unknown``.
        """
        found = self._by_code.get(code) or self._by_vct.get(code)
        if found is None:
            raise KindError("kind_unknown", kind=str(code)[:80])
        return found

    def kind_of_card(self, number: int, version: int) -> Kind:
        """Return a kind by the number and version that a card carries.

        Raises:
            KindError: ``kind_unknown``.
        """
        found = self._by_number.get(number)
        if found is None or found.version != version:
            raise KindError("kind_unknown", kind=f"{number}:{version}"[:80])
        return found

    def __iter__(self) -> Iterator[Kind]:
        return iter(self._by_code.values())

    def __len__(self) -> int:
        return len(self._by_code)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        reason = reason_of(error)
        raise KindError("kind_file_unreadable", file=path.name, reason=reason) from error


@cache
def _shipped() -> Catalogue:
    folder = resources.files("ecert.kinds") / "data"
    files = sorted(
        (file for file in folder.iterdir() if file.name.endswith(".json")), key=lambda f: f.name
    )
    return Catalogue(load_kind(file.read_bytes(), file.name) for file in files)
