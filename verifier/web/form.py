"""A multipart form (RFC 7578) in memory: few parts, known names, each once.

Nothing of a stranger's document is written to a disk, as the usual parsers do with larger files.
"""

from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from ecert.encoding import utf8_decode
from ecert.errors import MalformedError

MULTIPART = "multipart/form-data"
MAX_PARTS = 16
MAX_HEADERS = 8
"""Headers of one part."""
MAX_HEADER_BYTES = 1024
"""One header of a part, a file's name included."""


def is_multipart(content_type: str) -> bool:
    """Return whether a body of this type is a form with parts."""
    return content_type.partition(";")[0].strip().lower() == MULTIPART


def parse_form(body: bytes, content_type: str, names: frozenset[str]) -> dict[str, bytes]:
    """Return the parts of a form by name, empty ones left out.

    Args:
        body: The request's body.
        content_type: Its header, which names the boundary.
        names: The parts that may come.

    Raises:
        MalformedError: ``form_malformed``, ``form_part_unknown``, ``form_part_doubled``.
    """
    boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
    if not boundary:
        raise MalformedError("form_malformed")
    collected = _Parts(names)
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": collected.begin,
                "on_header_field": collected.header_name,
                "on_header_value": collected.header_value,
                "on_header_end": collected.header_end,
                "on_headers_finished": collected.headers_finished,
                "on_part_data": collected.data,
                "on_part_end": collected.end,
                "on_end": collected.finish,
            },
            max_header_count=MAX_HEADERS,
            max_header_size=MAX_HEADER_BYTES,
        )
        parser.write(body)
    except FormParserError as error:
        raise MalformedError("form_malformed") from error
    if not collected.finished:
        raise MalformedError("form_malformed")
    return collected.parts


@dataclass
class _Parts:
    """Collects what the parser finds."""

    names: frozenset[str]
    parts: dict[str, bytes] = field(default_factory=dict)
    finished: bool = False
    _seen: set[str] = field(default_factory=set)
    _name: bytearray = field(default_factory=bytearray)
    _value: bytearray = field(default_factory=bytearray)
    _disposition: str = ""
    _current: str = ""
    _pieces: list[bytes] = field(default_factory=list)

    def begin(self) -> None:
        if len(self._seen) >= MAX_PARTS:
            raise MalformedError("form_malformed")
        self._disposition = ""
        self._pieces = []

    def header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def header_end(self) -> None:
        if self._name.lower() == b"content-disposition":
            self._disposition = self._value.decode("latin-1")
        self._name.clear()
        self._value.clear()

    def headers_finished(self) -> None:
        kind, options = parse_options_header(self._disposition)
        name = utf8_decode(options.get(b"name", b""), where="form")
        if kind != b"form-data" or not name:
            raise MalformedError("form_malformed")
        if name not in self.names:
            raise MalformedError("form_part_unknown", name=name[:40])
        if name in self._seen:
            raise MalformedError("form_part_doubled", name=name)
        self._seen.add(name)
        self._current = name

    def data(self, data: bytes, start: int, end: int) -> None:
        self._pieces.append(data[start:end])

    def end(self) -> None:
        content = b"".join(self._pieces)
        self._pieces = []
        if content:
            self.parts[self._current] = content

    def finish(self) -> None:
        self.finished = True
