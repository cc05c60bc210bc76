"""How often clients of the registry may ask."""

from dataclasses import dataclass, field

from ecert.rates import RateLimit


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
