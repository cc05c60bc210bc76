"""Getting trust files: the first one from where somebody says, newer ones from the registries.

A newer one is followed version by version, as in TUF, so that a council that changed several times
meanwhile is followed too: what lies between may have expired, what is taken last may not.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from urllib.parse import urlsplit

from ecert.client.home import Home
from ecert.client.http import Origin
from ecert.client.registry import Registries
from ecert.errors import EcertError, MalformedError, TrustError, UnavailableError
from ecert.kinds.catalogue import Catalogue
from ecert.limits import MAX_TRUST_FILE_BYTES
from ecert.trust import TrustStore, UnverifiedTrust, follow, signed_file

MAX_VERSIONS = 256
"""How many versions a verifier that was away may have missed."""
DUE_SECONDS = 30 * 24 * 3600
"""With less time left than this, or once it has expired, a newer file is looked for."""
LOOK_SECONDS = 24 * 3600
"""How often it is looked for when it is due."""


@dataclass(frozen=True, slots=True)
class Updated:
    """What looking for a newer file gave.

    Attributes:
        before: The version that was pinned.
        store: The newest that is pinned now.
        offered: The newest version that the registries have.
    """

    before: int
    store: TrustStore
    offered: int


def fetch_file(url: str) -> bytes:
    """Return a trust file from a URL: https, or http on this machine only; unverified.

    A bare origin stands for its registry's file.

    Raises:
        MalformedError: ``registry_origin_malformed``.
        UnavailableError: It cannot be had.
    """
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise MalformedError("registry_origin_malformed", origin=url[:100]) from error
    if parts.fragment or not url.isascii() or not url.isprintable() or " " in url:
        raise MalformedError("registry_origin_malformed", origin=url[:100])
    origin = Origin(f"{parts.scheme}://{parts.netloc}")
    path = parts.path if parts.path not in ("", "/") else "/v1/trust"
    target = f"{path}?{parts.query}" if parts.query else path
    answer = origin.request("GET", target, max_bytes=MAX_TRUST_FILE_BYTES)
    if answer.status != HTTPStatus.OK:
        reason = f"HTTP {answer.status}"
        raise UnavailableError("registry_unreachable", origin=origin.url, reason=reason)
    return answer.body


def update(home: Home, catalogue: Catalogue, *, now: datetime) -> Updated:
    """Fetch the newest file from the registries that the pinned one names, and pin it.

    Each registry is asked until one leads to a newer file; one that offers an older one, or one
    that does not follow, takes nothing away.

    Raises:
        MalformedError: The pinned file is damaged.
        TrustError: ``trust_not_pinned``; ``trust_expired``: there is none that is current. What a
            registry offers in vain: ``trust_rollback``, ``trust_other_chain``,
            ``trust_history_changed``, ``signed_by_too_few``, ``catalogue_not_pinned``.
        UnavailableError: No registry could be asked, or ``registry_none``.
    """
    pinned = home.pinned()
    file = signed_file(pinned)
    failure: EcertError | None = None
    same: int | None = None
    for origin in file.registries:
        try:
            registries = Registries([origin])
            found = registries.trust()
            offered = UnverifiedTrust.read(found).file.version
            if found == pinned or offered == file.version:
                follow(pinned, found)
                same = offered
                continue
            newest = _climb(pinned, found, registries.trust_version)
            store = TrustStore(newest, catalogue, now=now)
            home.follow(store)
            home.looked(now)
            return Updated(file.version, store, offered)
        except EcertError as error:
            failure = failure or error
    if same is None:
        raise failure or UnavailableError("registry_none")
    home.looked(now)
    return Updated(file.version, TrustStore(pinned, catalogue, now=now), same)


def update_if_due(home: Home, catalogue: Catalogue, *, now: datetime) -> EcertError | None:
    """Look for a newer file where the pinned one has little time left, once a day.

    Returns:
        Why there is no newer one, where it was looked for in vain and the pinned one still does.

    Raises:
        MalformedError: The pinned file is damaged.
        TrustError: ``trust_not_pinned``.
    """
    file = signed_file(home.pinned())
    if now.timestamp() < file.expires - DUE_SECONDS:
        return None
    last = home.last_look()
    if last is not None and 0 <= now.timestamp() - last < LOOK_SECONDS:
        return None
    try:
        update(home, catalogue, now=now)
    except EcertError as error:
        if now.timestamp() >= file.expires:
            return None  # that it has expired is told by whoever needs it; and is looked for again
        home.looked(now)
        return error
    return None


def _climb(pinned: bytes, newest: bytes, fetch: Callable[[int], bytes]) -> bytes:
    """Return ``newest`` after checking that it follows, directly or over those between.

    Raises:
        EcertError: It does not; of the direct way where there is nothing between.
    """
    file = signed_file(pinned)
    try:
        follow(pinned, newest)
    except TrustError as error:
        if error.code != "signed_by_too_few":
            raise
        offered = UnverifiedTrust.read(newest).file.version
        if not file.version + 1 < offered <= file.version + MAX_VERSIONS:
            raise
        step = pinned
        for version in range(file.version + 1, offered):
            step = _checked(step, fetch(version), version)
        follow(step, newest)
    return newest


def _checked(pinned: bytes, data: bytes, version: int) -> bytes:
    found = follow(pinned, data)
    if found.version != version:
        raise TrustError("trust_rollback", found=found.version, pinned=version)
    return data
