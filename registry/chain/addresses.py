"""Addresses of accounts and contracts in their written form."""

from eth_hash.auto import keccak

from ecert.errors import MalformedError

ADDRESS_BYTES = 20


def checksum_address(address: bytes) -> str:
    """Return an address in hexadecimal with its checksum (EIP-55).

    Raises:
        MalformedError: ``chain_address_malformed``.
    """
    if len(address) != ADDRESS_BYTES:
        raise MalformedError("chain_address_malformed", size=len(address), expected=ADDRESS_BYTES)
    digits = address.hex()
    # A letter is a capital where the hash of the digits has 8 or more in the same place.
    checks = keccak(digits.encode("ascii")).hex()
    marked = (d.upper() if c >= "8" else d for d, c in zip(digits, checks, strict=False))
    return "0x" + "".join(marked)
