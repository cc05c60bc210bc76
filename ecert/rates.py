"""How often a client may ask: token buckets in bounded memory."""

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable

from ecert.errors import EcertError

MAX_CLIENTS = 20_000
"""Clients remembered by one limit, about 4 MB; the one not seen longest is forgotten first."""

_IPV6_NETWORK_BITS = 64
"""What one subscriber is given, so that its addresses count as one client."""


class RateLimitedError(EcertError):
    """A client asked too often.

    Attributes:
        seconds: When asking again makes sense.
    """

    def __init__(self, seconds: int) -> None:
        super().__init__("asked_too_often", seconds=seconds)
        self.seconds = seconds


class RateLimit:
    """A token bucket for each client.

    Args:
        burst: What a client may ask at once.
        per_second: What it regains a second.
        max_clients: Clients remembered.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        burst: float,
        per_second: float,
        *,
        max_clients: int = MAX_CLIENTS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._burst = burst
        self._per_second = per_second
        self._max_clients = max_clients
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # left, as of

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, client: str, cost: float = 1) -> None:
        """Charge a client.

        Raises:
            RateLimitedError: It has not enough left; nothing is charged then.
        """
        now = self._clock()
        left, then = self._buckets.pop(client, (self._burst, now))
        left = min(self._burst, left + (now - then) * self._per_second)
        enough = left >= cost
        self._buckets[client] = (left - cost if enough else left, now)
        if len(self._buckets) > self._max_clients:
            self._buckets.popitem(last=False)
        if not enough:
            raise RateLimitedError(math.ceil((cost - left) / self._per_second))


def client_of(host: str | None) -> str:
    """Return who counts as one client: an IPv4 address, or an IPv6 network of 64 bits."""
    try:
        address = ipaddress.ip_address((host or "").partition("%")[0])
    except ValueError:
        return "-"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, _IPV6_NETWORK_BITS), strict=False))
    return str(address)
