"""Putting disclosures in the places of their digests (RFC 9901 section 7.1, step 3).

Every digest is looked at once, every disclosure must be used, and nothing that a disclosure says
may displace what the issuer put in clear.
"""

from typing import Any

from ecert import limits
from ecert.errors import DisclosureError
from ecert.sd_jwt.names import ELLIPSIS, NEVER_DISCLOSED, RESERVED, SD, SD_ALG
from ecert.sd_jwt.parsing import UnverifiedSdJwt

RevealedPath = tuple[str | int, ...]
"""Where a disclosure was put: names, and indices into arrays as revealed."""

_CONTAINERS = frozenset({dict, list})
_TEXT = frozenset({str})
_NAMES_REFUSED = (RESERVED, RESERVED | NEVER_DISCLOSED)


def reveal(unverified: UnverifiedSdJwt) -> dict[str, Any]:
    """Return the processed payload: clear and disclosed claims, no digests.

    The issuer's signature must have been verified before: only then do the digests mean anything.

    Raises:
        DisclosureError: ``disclosure_doubled``, ``disclosure_unreferenced``,
            ``disclosure_misplaced``, ``disclosure_name_reserved``,
            ``disclosure_overrides_claim``, ``disclosure_not_allowed``, ``disclosure_too_deep``,
            ``digest_repeated``, ``digest_malformed``, ``digest_too_many``.
    """
    return _Revealer(unverified, None).claims()


def places(unverified: UnverifiedSdJwt) -> dict[RevealedPath, str]:
    """Return where each disclosure belongs, with its digest; parents before their parts.

    Raises:
        DisclosureError: What ``reveal`` raises.
    """
    found: dict[RevealedPath, str] = {}
    _Revealer(unverified, found).claims()
    return found


class _Revealer:
    """One pass over one SD-JWT.

    Args:
        unverified: The SD-JWT.
        places: Where to record the place of each disclosure, if anybody asks.
    """

    def __init__(self, unverified: UnverifiedSdJwt, places: dict[RevealedPath, str] | None) -> None:
        self._source = unverified
        self._contents = unverified.contents
        self._places = places
        self._seen: set[str] = set()
        self._used = 0

    def claims(self) -> dict[str, Any]:
        if len(self._contents) != len(self._source.encoded):
            raise DisclosureError("disclosure_doubled")
        claims = self._object(self._source.payload, (), 1)
        if self._used != len(self._contents):
            raise DisclosureError("disclosure_unreferenced", count=len(self._contents) - self._used)
        return claims

    def _value(self, value: Any, path: RevealedPath, depth: int) -> Any:
        if depth > limits.MAX_JSON_DEPTH:
            raise DisclosureError("disclosure_too_deep", limit=limits.MAX_JSON_DEPTH)
        if isinstance(value, dict):
            return self._object(value, path, depth)
        return self._array(value, path, depth)

    def _object(self, members: dict[str, Any], path: RevealedPath, depth: int) -> dict[str, Any]:
        if ELLIPSIS in members or (SD_ALG in members and path):
            name = ELLIPSIS if ELLIPSIS in members else SD_ALG
            raise DisclosureError("digest_malformed", name=name)
        claims = dict(members)
        digests = claims.pop(SD, None)
        claims.pop(SD_ALG, None)
        if not _CONTAINERS.isdisjoint(map(type, claims.values())):
            for name, value in claims.items():
                if type(value) in _CONTAINERS:
                    claims[name] = self._value(value, (*path, name), depth + 1)
        if SD in members:
            self._disclose_members(digests, claims, path, depth)
        return claims

    def _disclose_members(
        self, digests: Any, claims: dict[str, Any], path: RevealedPath, depth: int
    ) -> None:
        if not isinstance(digests, list):
            raise DisclosureError("digest_malformed", name=SD)
        self._see(digests, SD)
        shown = list(filter(None, map(self._contents.get, digests)))  # no decoys, nothing kept back
        if not shown:
            return
        if path:
            _require_disclosable(path)
        try:
            revealed = {name: value for _, name, value in shown}
        except ValueError as error:  # an array element's, without a name
            raise DisclosureError("disclosure_misplaced") from error
        except TypeError as error:  # an array or object for a name
            raise DisclosureError("disclosure_malformed") from error
        refused = _NAMES_REFUSED[not path]
        if not (
            len(revealed) == len(shown)
            and _TEXT.issuperset(map(type, revealed))
            and refused.isdisjoint(revealed)
            and claims.keys().isdisjoint(revealed)
        ):
            raise _name_error([name for _, name, _ in shown], claims, refused)
        self._used += len(shown)
        if self._places is not None:
            known = (digest for digest in digests if digest in self._contents)
            places = [(*path, name) for name in revealed]
            self._places.update(zip(places, known, strict=True))
        if not _CONTAINERS.isdisjoint(map(type, revealed.values())):
            for name, value in revealed.items():
                if type(value) in _CONTAINERS:
                    revealed[name] = self._value(value, (*path, name), depth + 1)
        claims.update(revealed)

    def _array(self, items: list[Any], path: RevealedPath, depth: int) -> list[Any]:
        result: list[Any] = []
        for item in items:
            value, place = item, (*path, len(result))
            if isinstance(item, dict) and ELLIPSIS in item:
                digest = item[ELLIPSIS]
                if len(item) != 1:
                    raise DisclosureError("digest_malformed", name=ELLIPSIS)
                self._see([digest], ELLIPSIS)
                if digest not in self._contents:
                    continue
                content = self._contents[digest]
                if len(content) != 2:
                    raise DisclosureError("disclosure_misplaced")
                _require_disclosable(path)
                self._used += 1
                if self._places is not None:
                    self._places[place] = digest
                value = content[1]
            if type(value) in _CONTAINERS:
                value = self._value(value, place, depth + 1)
            result.append(value)
        return result

    def _see(self, digests: list[Any], name: str) -> None:
        """Take note of embedded digests: texts, each only once."""
        if not _TEXT.issuperset(map(type, digests)):
            raise DisclosureError("digest_malformed", name=name)
        before = len(self._seen)
        self._seen.update(digests)
        if len(self._seen) != before + len(digests):
            raise DisclosureError("digest_repeated")
        if len(self._seen) > limits.MAX_DIGESTS:
            raise DisclosureError("digest_too_many", limit=limits.MAX_DIGESTS)


def _require_disclosable(path: RevealedPath) -> None:
    """Refuse a disclosed part of a claim that may not be disclosed; decoys there do no harm."""
    if path[0] in NEVER_DISCLOSED:
        raise DisclosureError("disclosure_not_allowed", name=path[0])


def _name_error(
    names: list[Any], claims: dict[str, Any], refused: frozenset[str]
) -> DisclosureError:
    """Tell what is wrong with the first bad name."""
    seen = set(claims)
    for name in names:
        if not isinstance(name, str):
            break
        if name in RESERVED:
            return DisclosureError("disclosure_name_reserved", name=name)
        if name in refused:
            return DisclosureError("disclosure_not_allowed", name=name)
        if name in seen:
            return DisclosureError("disclosure_overrides_claim", name=name[:64])
        seen.add(name)
    return DisclosureError("disclosure_malformed")
