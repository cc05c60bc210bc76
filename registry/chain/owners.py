"""Keys of the council's members, each in a file of its own that a passphrase opens.

The file is the Web3 Secret Storage format, version 3, which other wallets read too.
"""

import json
from typing import Any, Self

from ecert.encoding import json_decode
from ecert.errors import KeystoreError, MalformedError
from ecert.limits import KIB

MAX_KEY_FILE_BYTES = 8 * KIB
MIN_PASSPHRASE_CHARS = 12
SIGNATURE_BYTES = 65
_RECOVERY = (27, 28)
_SCRYPT_N = 1 << 18
_MAX_SCRYPT_N = 1 << 20
"""A file that asks for more would fill the memory."""


class OwnerKey:
    """A member's key, in this process's memory.

    Args:
        private_key: The key, 32 bytes.
    """

    def __init__(self, private_key: bytes) -> None:
        from eth_account import Account  # noqa: PLC0415  # see registry.chain.accounts

        self._account = Account.from_key(private_key)
        self.address: str = self._account.address

    @classmethod
    def generate(cls) -> Self:
        """Make a new key from the system's randomness."""
        from eth_account import Account  # noqa: PLC0415  # see registry.chain.accounts

        return cls(bytes(Account.create().key))

    @classmethod
    def open(cls, data: bytes, passphrase: str) -> Self:
        """Read a key file.

        Raises:
            MalformedError: It is none.
            KeystoreError: ``owner_passphrase_wrong``.
        """
        from eth_account import Account  # noqa: PLC0415  # see registry.chain.accounts

        value = json_decode(data, where="key file", max_bytes=MAX_KEY_FILE_BYTES)
        if not isinstance(value, dict) or not _is_bearable(value):
            raise MalformedError("owner_key_malformed")
        try:
            return cls(bytes(Account.decrypt(value, passphrase)))
        except ValueError as error:
            if "MAC" in str(error):
                raise KeystoreError("owner_passphrase_wrong") from error
            raise MalformedError("owner_key_malformed") from error
        except (TypeError, KeyError, AttributeError, NotImplementedError) as error:
            raise MalformedError("owner_key_malformed") from error

    def seal(self, passphrase: str, *, cost: int = _SCRYPT_N) -> bytes:
        """Return the key file.

        Args:
            passphrase: What opens it.
            cost: Of scrypt; a power of two.

        Raises:
            KeystoreError: ``owner_passphrase_short``.
        """
        if len(passphrase) < MIN_PASSPHRASE_CHARS:
            raise KeystoreError("owner_passphrase_short", minimum=MIN_PASSPHRASE_CHARS)
        from eth_account import Account  # noqa: PLC0415  # see registry.chain.accounts

        sealed = Account.encrypt(self._account.key, passphrase, kdf="scrypt", iterations=cost)
        return json.dumps(sealed, indent=2).encode()

    def private_bytes(self) -> bytes:
        """Return the private key (32 bytes), for an encrypted store only."""
        return bytes(self._account.key)

    def sign(self, digest: bytes) -> bytes:
        """Return a signature over a wallet transaction's digest, as a Safe takes it."""
        return bytes(self._account.unsafe_sign_hash(digest).signature)

    def __repr__(self) -> str:
        return f"OwnerKey({self.address})"


def signer_of(digest: bytes, signature: bytes) -> str | None:
    """Return the address whose key made a signature; None where it is none."""
    from eth_keys.datatypes import Signature  # noqa: PLC0415  # see registry.chain.accounts
    from eth_keys.exceptions import BadSignature  # noqa: PLC0415
    from eth_utils.exceptions import ValidationError  # noqa: PLC0415

    if len(signature) != SIGNATURE_BYTES or signature[-1] not in _RECOVERY:
        return None
    r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:64])
    try:
        made = Signature(vrs=(_RECOVERY.index(signature[-1]), r, s))
        key = made.recover_public_key_from_msg_hash(digest)
    except (BadSignature, ValidationError):
        return None
    return str(key.to_checksum_address())


def _is_bearable(value: dict[str, Any]) -> bool:
    """Tell whether opening a file takes no more memory than its maker may ask for."""
    crypto = value.get("crypto")
    parameters = crypto.get("kdfparams") if isinstance(crypto, dict) else None
    if not isinstance(parameters, dict):
        return False
    cost = parameters.get("n", parameters.get("c"))
    if not isinstance(cost, int):
        return False
    fine = all(parameters.get(name, 1) in range(1, 17) for name in ("r", "p"))
    return fine and 0 < cost <= (_MAX_SCRYPT_N if "n" in parameters else 64 * _MAX_SCRYPT_N)
