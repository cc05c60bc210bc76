"""What a wallet refuses."""

from ecert.errors import EcertError


class NotInWalletError(EcertError):
    """There is no such document or card in this wallet."""


class NotVerifiedError(EcertError):
    """What was received did not verify and was not kept."""


class ClaimRefusedError(EcertError):
    """A registry refused a claim for good."""
