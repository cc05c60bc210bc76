"""Reading typed members out of untrusted JSON objects, each failure naming the member."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ecert.errors import MalformedError

MAX_TIME = 253_402_300_799
"""9999-12-31T23:59:59Z in unix seconds: the last time that a datetime can hold."""


class Fields:
    """A view of one JSON object.

    Args:
        value: The decoded JSON value; must be an object.
        where: What is being read, for the error's sentence.

    Raises:
        MalformedError: ``field_malformed`` from every accessor whose member is missing or of
            another type or range.
    """

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, Mapping):
            raise MalformedError("field_malformed", where=where, field="(object)")
        self._value: Mapping[str, Any] = value
        self._where = where

    def __contains__(self, name: str) -> bool:
        """Whether there is such a member, be it null."""
        return name in self._value

    def fail(self, field: str) -> MalformedError:
        """Return the error that ``field`` is malformed."""
        return MalformedError("field_malformed", where=self._where, field=field[:64])

    def only(self, *names: str) -> None:
        """Refuse members other than ``names``."""
        for name in self._value:
            if name not in names:
                raise self.fail(name)

    def text(self, name: str, *, max_chars: int = 200) -> str:
        """Return a non-empty text member."""
        value = self._value.get(name)
        if not isinstance(value, str) or not 0 < len(value) <= max_chars:
            raise self.fail(name)
        return value

    def integer(self, name: str, *, low: int = 0, high: int = MAX_TIME) -> int:
        """Return an integer member within ``low`` and ``high``."""
        value = self._value.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.fail(name)
        return value

    def hexadecimal(self, name: str, length: int) -> bytes:
        """Return a member of ``0x`` and ``2 * length`` lower-case hexadecimal digits."""
        data = hex_bytes(self._value.get(name), length)
        if data is None:
            raise self.fail(name)
        return data

    def hexadecimals(self, name: str, length: int, *, limit: int) -> tuple[bytes, ...]:
        """Return an array member of at most ``limit`` items, each as for ``hexadecimal``."""
        found = [hex_bytes(item, length) for item in self.items(name, limit=limit)]
        whole = tuple(item for item in found if item is not None)
        if len(whole) != len(found):
            raise self.fail(name)
        return whole

    def items(self, name: str, *, limit: int) -> list[Any]:
        """Return an array member of at most ``limit`` items."""
        value = self._value.get(name)
        if not isinstance(value, list) or len(value) > limit:
            raise self.fail(name)
        return value

    def object(self, name: str) -> "Fields":
        """Return an object member."""
        return Fields(self._value.get(name), f"{self._where}.{name}")

    def raw(self, name: str) -> Any:
        """Return a member of any type, or None."""
        return self._value.get(name)


def hex_bytes(value: object, length: int) -> bytes | None:
    """Decode ``0x`` and ``2 * length`` lower-case digits; None for anything else."""
    if not isinstance(value, str) or len(value) != 2 + 2 * length:
        return None
    try:
        data = bytes.fromhex(value[2:])
    except ValueError:
        return None
    # What is passed over in decoding, such as blanks and capitals, does not come out again.
    return data if hex_text(data) == value else None


def hex_text(data: bytes) -> str:
    """Encode as ``0x`` and lower-case digits."""
    return "0x" + data.hex()


def time_text(seconds: int) -> str:
    """Return unix seconds as ISO 8601 in UTC; what no datetime can hold is cut to the nearest."""
    time = datetime.fromtimestamp(min(max(seconds, 0), MAX_TIME), UTC)
    return time.isoformat(timespec="seconds").removesuffix("+00:00") + "Z"
