"""The names that SD-JWT and SD-JWT VC reserve, and the bounds of time."""

ISSUER_TYP = "dc+sd-jwt"
"""Header ``typ`` of the issuer-signed JWT (draft-ietf-oauth-sd-jwt-vc section 2.2.1)."""

KEY_BINDING_TYP = "kb+jwt"
"""Header ``typ`` of the key binding JWT (RFC 9901 section 4.3)."""

HASH_NAME = "sha-256"
"""The one hash of ``_sd_alg`` that is accepted; also the default of RFC 9901 section 4.1.1."""

SD = "_sd"
SD_ALG = "_sd_alg"
ELLIPSIS = "..."
RESERVED = frozenset({SD, SD_ALG, ELLIPSIS})
"""Names that no claim may have (RFC 9901 sections 4.1 and 4.2.1)."""

NEVER_DISCLOSED = frozenset(
    {"iss", "nbf", "exp", "cnf", "vct", "vct#integrity", "aka_vcts", "status"}
)
"""Claims that may not travel in disclosures, nor any part of them (SD-JWT VC section 2.2.2.3)."""

ALWAYS_CLEAR = NEVER_DISCLOSED | {"dept", "iat", "jti", "aud"}
"""Claims that this project, as issuer, never makes disclosable: validity must not depend on what a
holder chooses to show (RFC 9901 section 9.7)."""

KEY_CARRYING_HEADERS = frozenset({"jwk", "jku", "x5c", "x5u", "x5t", "x5t#S256"})
"""Header members by which a message would choose its own key; trust never comes from there."""

CLOCK_LEEWAY_SECONDS = 30
"""How far two honest clocks may differ, for ``nbf``, ``exp`` and every ``iat``."""

KEY_BINDING_MAX_AGE_SECONDS = 300
"""How old a key binding JWT may be: its holder reads and consents before sending."""

ClaimPath = tuple[str | int | None, ...]
"""Where a claim is: names, indices, None for every element (SD-JWT VC, "Claim Path")."""
