"""Putting disclosures in the places of their digests (RFC 9901 section 7.1, step 3).

Every digest is looked at once, every disclosure must be used, and nothing that a disclosure says
may displace what the issuer put in clear.
"""

from typing import Any

from ecert import limits
from ecert.errors import DisclosureError
from ecert.sd_jwt.names import (
    ELLIPSIS,
    NEVER_DISCLOSED,
    RESERVED,
    SD,
    SD_ALG,
    bound_depth,
)
from ecert.sd_jwt.parse import UnverifiedSdJwt

RevealedPath = tuple[str | int, ...]
"""Where a disclosure was put: names, and indices into arrays as revealed."""


def reveal(unverified: UnverifiedSdJwt) -> tuple[dict[str, Any], dict[RevealedPath, str]]:
    """Return the processed payload, and each disclosure's place with its digest.

    The issuer's signature must have been verified before: only then do the digests mean anything.

    Raises:
        DisclosureError: ``disclosure_doubled``, ``disclosure_unreferenced``,
            ``disclosure_misplaced``, ``disclosure_name_reserved``,
            ``disclosure_overrides_claim``, ``disclosure_not_allowed``, ``disclosure_too_deep``,
            ``digest_repeated``, ``digest_malformed``, ``digest_too_many``.
    """
    if len(unverified.contents) != len(unverified.encoded):
        raise DisclosureError("disclosure_doubled")
    revealer = _Revealer(unverified.contents)
    claims = revealer.root(unverified.payload)
    if len(revealer.places) != len(unverified.contents):
        raise DisclosureError(
            "disclosure_unreferenced", count=len(unverified.contents) - len(revealer.places)
        )
    return claims, revealer.places


class _Revealer:
    def __init__(self, contents: dict[str, list[Any]]) -> None:
        self._contents = contents
        self._seen: set[str] = set()
        self.places: dict[RevealedPath, str] = {}

    def root(self, payload: dict[str, Any]) -> dict[str, Any]:
        members = {name: value for name, value in payload.items() if name != SD_ALG}
        return self._object(members, (), 1)

    def _value(self, value: Any, path: RevealedPath, depth: int) -> Any:
        if isinstance(value, dict):
            return self._object(value, path, depth + 1)
        if isinstance(value, list):
            return self._array(value, path, depth + 1)
        return value

    def _object(self, members: dict[str, Any], path: RevealedPath, depth: int) -> dict[str, Any]:
        bound_depth(depth)
        claims: dict[str, Any] = {}
        for name, value in members.items():
            if name in RESERVED:
                if name != SD:
                    raise DisclosureError("digest_malformed", name=name)
            elif isinstance(value, dict | list):
                claims[name] = self._value(value, (*path, name), depth)
            else:
                claims[name] = value
        if SD in members:
            self._properties(members[SD], claims, path, depth)
        return claims

    def _properties(
        self, digests: Any, claims: dict[str, Any], path: RevealedPath, depth: int
    ) -> None:
        if not isinstance(digests, list):
            raise DisclosureError("digest_malformed", name=SD)
        for digest in digests:
            content = self._take(digest, SD, path)
            if content is None:
                continue
            if len(content) != 3:
                raise DisclosureError("disclosure_misplaced")
            _, name, value = content
            if name in RESERVED:
                raise DisclosureError("disclosure_name_reserved", name=name)
            if name in claims:
                raise DisclosureError("disclosure_overrides_claim", name=name[:64])
            if not path and name in NEVER_DISCLOSED:
                raise DisclosureError("disclosure_not_allowed", name=name)
            place = (*path, name)
            self.places[place] = digest
            claims[name] = self._value(value, place, depth)

    def _array(self, items: list[Any], path: RevealedPath, depth: int) -> list[Any]:
        bound_depth(depth)
        result: list[Any] = []
        for item in items:
            place = (*path, len(result))
            if not (isinstance(item, dict) and ELLIPSIS in item):
                result.append(self._value(item, place, depth))
                continue
            if len(item) != 1:
                raise DisclosureError("digest_malformed", name=ELLIPSIS)
            content = self._take(item[ELLIPSIS], ELLIPSIS, path)
            if content is None:
                continue
            if len(content) != 2:
                raise DisclosureError("disclosure_misplaced")
            self.places[place] = item[ELLIPSIS]
            result.append(self._value(content[1], place, depth))
        return result

    def _take(self, digest: Any, name: str, path: RevealedPath) -> list[Any] | None:
        """Return the disclosure of ``digest``, or None for a decoy or what is not shown."""
        if not isinstance(digest, str):
            raise DisclosureError("digest_malformed", name=name)
        if digest in self._seen:
            raise DisclosureError("digest_repeated")
        if path and path[0] in NEVER_DISCLOSED:
            raise DisclosureError("disclosure_not_allowed", name=path[0])
        if len(self._seen) >= limits.MAX_DIGESTS:
            raise DisclosureError("digest_too_many", limit=limits.MAX_DIGESTS)
        self._seen.add(digest)
        return self._contents.get(digest)
