"""What is refused where a network is made or run."""

from ecert.errors import EcertError


class NetworkError(EcertError):
    """A network of validators cannot be made, run or changed as was asked."""
