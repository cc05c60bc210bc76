"""The holder's side: choose disclosures, prove possession (RFC 9901 section 7.2)."""

from collections.abc import Collection
from datetime import datetime

from ecert.errors import DisclosureError, HolderBindingError
from ecert.sd_jwt.key_binding import create_key_binding
from ecert.sd_jwt.names import ClaimPath
from ecert.sd_jwt.parsing import UnverifiedSdJwt, parse
from ecert.sd_jwt.revealing import RevealedPath, places, reveal
from ecert.signing import PublicKey, Signer


def disclosable_paths(sd_jwt: str | UnverifiedSdJwt) -> tuple[RevealedPath, ...]:
    """Return where each disclosure of ``sd_jwt`` belongs, parents before their parts.

    Raises:
        MalformedError: What ``parse`` raises.
        DisclosureError: What ``reveal`` raises.
    """
    unverified = parse(sd_jwt) if isinstance(sd_jwt, str) else sd_jwt
    return tuple(places(unverified))


def disclose(sd_jwt: str, paths: Collection[str | ClaimPath]) -> str:
    """Keep the disclosures that ``paths`` name, and drop all others.

    A part of a claim brings the claim that it is a part of; a claim does not bring those of its
    parts that have disclosures of their own. A path to what is always in clear is idle.

    Args:
        sd_jwt: A whole SD-JWT, without key binding.
        paths: Top-level names, or claim paths (names, indices, None for all elements).

    Returns:
        The SD-JWT with the chosen disclosures, ending in "~".

    Raises:
        MalformedError: What ``parse`` raises.
        DisclosureError: ``disclosure_unknown`` when a path leads nowhere, or what ``reveal``
            raises.
        HolderBindingError: ``key_binding_unexpected`` (RFC 9901 section 7.2).
    """
    unverified = parse(sd_jwt)
    if unverified.key_binding is not None:
        raise HolderBindingError("key_binding_unexpected")
    claims, found = reveal(unverified), places(unverified)
    chosen: set[str] = set()
    for path in paths:
        wanted: ClaimPath = (path,) if isinstance(path, str) else tuple(path)
        if not _exists(claims, wanted):
            name = "/".join("*" if part is None else str(part) for part in wanted)
            raise DisclosureError("disclosure_unknown", name=name[:64])
        chosen.update(digest for place, digest in found.items() if _leads(place, wanted))
    kept = [
        encoded.decode("ascii")
        for encoded, digest in zip(unverified.encoded, unverified.contents, strict=True)
        if digest in chosen
    ]
    issuer_jwt = sd_jwt.partition("~")[0]
    return "~".join((issuer_jwt, *kept, ""))


def present(
    sd_jwt: str,
    paths: Collection[str | ClaimPath],
    *,
    holder: Signer | None,
    audience: str | None = None,
    nonce: str | None = None,
    now: datetime | None = None,
) -> str:
    """Make a presentation: chosen disclosures, and the holder's proof where there is a holder.

    Args:
        sd_jwt: A whole SD-JWT, without key binding.
        paths: What to disclose, as for ``disclose``.
        holder: The key that ``cnf`` names, or None for a presentation without proof.
        audience: Who is to verify it; needed with ``holder``.
        nonce: The nonce that the verifier gave; needed with ``holder``.
        now: The time of signing, with its zone; needed with ``holder``.

    Returns:
        SD-JWT+KB, or SD-JWT where ``holder`` is None.

    Raises:
        MalformedError: What ``parse`` raises.
        DisclosureError: What ``disclose`` raises.
        HolderBindingError: ``key_binding_unexpected``, ``key_binding_key_missing``,
            ``key_binding_key_wrong``, ``key_binding_expectation_missing``.
    """
    chosen = disclose(sd_jwt, paths)
    if holder is None:
        return chosen
    if not audience or not nonce or now is None:
        raise HolderBindingError("key_binding_expectation_missing")
    _check_holder(chosen, holder)
    binding = create_key_binding(
        chosen.encode("ascii"), holder=holder, audience=audience, nonce=nonce, now=now
    )
    return chosen + binding


def _check_holder(sd_jwt: str, holder: Signer) -> None:
    cnf = parse(sd_jwt).payload.get("cnf")
    jwk = cnf.get("jwk") if isinstance(cnf, dict) else None
    if not isinstance(jwk, dict):
        raise HolderBindingError("key_binding_key_missing")
    if PublicKey.from_jwk(jwk) != holder.public_key:
        raise HolderBindingError("key_binding_key_wrong")


def _leads(place: RevealedPath, wanted: ClaimPath) -> bool:
    """Whether the disclosure at ``place`` is on the way to ``wanted``."""
    return len(place) <= len(wanted) and all(
        (part is None and isinstance(here, int)) or part == here
        for here, part in zip(place, wanted, strict=False)
    )


def _exists(value: object, wanted: ClaimPath) -> bool:
    if not wanted:
        return True
    part, rest = wanted[0], wanted[1:]
    if isinstance(value, dict):
        return isinstance(part, str) and part in value and _exists(value[part], rest)
    if isinstance(value, list):
        if part is None:
            return any(_exists(item, rest) for item in value)
        return isinstance(part, int) and 0 <= part < len(value) and _exists(value[part], rest)
    return False
