"""How often a client may ask: token buckets in bounded memory."""

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from ecert.errors import EcertError

MAX_CLIENTS = 20_000
"""Clients remembered by one limit, about 4 MB; the one not seen longest is forgotten first."""

_NETWORK_BITS = 64  # of IPv6: what one subscriber is given


class RateLimitedError(EcertError):
    """A client asked too often (429).

    Attributes:
        seconds: When asking again makes sense.
    """

    def __init__(self, seconds: int) -> None:
        super().__init__("api_rate_limited", seconds=seconds)
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
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, client: str, cost: float = 1) -> None:
        """Charge a client.

        Raises:
            RateLimitedError: It has not enough left; nothing is charged then.
        """
        left = self._left(client)
        if left < cost:
            raise RateLimitedError(math.ceil((cost - left) / self._per_second))
        self._keep(client, left - cost)

    def _left(self, client: str) -> float:
        left, seen = self._buckets.get(client, (self._burst, 0.0))
        return min(self._burst, left + (self._clock() - seen) * self._per_second)

    def _keep(self, client: str, left: float) -> None:
        self._buckets[client] = left, self._clock()
        self._buckets.move_to_end(client)
        while len(self._buckets) > self._max_clients:
            self._buckets.popitem(last=False)


@dataclass(frozen=True)
class Rates:
    """The limits of one process.

    Attributes:
        public: Public requests; a costly one counts several times.
        claims: Claim codes presented.
        refusals: Requests without a good credential.
    """

    public: RateLimit = field(default_factory=lambda: RateLimit(200, 20))
    claims: RateLimit = field(default_factory=lambda: RateLimit(40, 1))
    refusals: RateLimit = field(default_factory=lambda: RateLimit(40, 1))


def client_of(host: str | None) -> str:
    """Return who counts as one client: an IPv4 address, or an IPv6 network of 64 bits."""
    try:
        address = ipaddress.ip_address((host or "").partition("%")[0])
    except ValueError:
        return "-"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, _NETWORK_BITS), strict=False))
    return str(address)
