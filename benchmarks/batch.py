"""Twenty thousand documents: signing them, building their tree, proving each one.

OpenAttestation wraps and proves the same claims in the same run. It signs no document, only what
it puts on the chain: so ours is measured with and without the signatures.
"""

import dataclasses
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from benchmarks import open_attestation
from benchmarks.measure import CPU, durations
from benchmarks.table import Mark, Row, Unit
from ecert import sd_jwt
from ecert.receipt import Receipt, receipts_of
from ecert.signing import PublicKey, Signer, SoftwareSigner

DOCUMENTS = 20_000
CLAIMS = 20
ROUNDS = 3

TARGET_SECONDS = 4.0

Document = tuple[dict[str, Any], dict[str, str]]


def rows() -> list[Row]:
    """Measure, and return the rows of the report."""
    key = ec.generate_private_key(ec.SECP256R1())
    signer = SoftwareSigner(key)
    unsigned = _Unsigned(signer.public_key)
    documents = [_document(number) for number in range(DOCUMENTS)]
    peer = open_attestation.wrap(clear | claims for clear, claims in documents)
    digests = _sign(documents, signer)
    message, algorithm = digests[0] * 40, ec.ECDSA(SHA256())
    found = durations(
        {
            "all": lambda: _prove(_sign(documents, signer)),
            "wrap": lambda: _prove(_sign(documents, unsigned)),
            "prove": lambda: _prove(digests),
            "signatures": lambda: [key.sign(message, algorithm) for _ in range(DOCUMENTS)],
        },
        rounds=ROUNDS,
        clock=CPU,
    )
    unsigned_peer = dataclasses.replace(peer.wrap, name=f"{peer.wrap.name}, unsigned")
    limit = Mark("the bare signatures", found["signatures"])
    target = Mark("", TARGET_SECONDS)
    return [
        Row(
            f"sign, wrap, prove {DOCUMENTS:,}",
            Unit.SECONDS,
            found["all"],
            unsigned_peer,
            limit,
            target,
        ),
        Row(f"wrap, prove {DOCUMENTS:,}, unsigned", Unit.SECONDS, found["wrap"], unsigned_peer),
        Row(f"prove {DOCUMENTS:,}", Unit.SECONDS, found["prove"], peer.prove),
    ]


@dataclasses.dataclass(frozen=True)
class _Unsigned:
    """A signer that takes no time: what is left is wrapping."""

    public_key: PublicKey

    def sign(self, data: bytes) -> bytes:
        """Return a signature's place."""
        del data
        return bytes(64)


def _document(number: int) -> Document:
    clear = {
        "iss": "https://registry.example",
        "dept": "11330000MB1234567X",
        "vct": "urn:ecert:resident-id:1",
        "iat": 1_767_225_600,
        "nbf": 1_767_225_600,
        "exp": 2_082_758_400,
        "status": {
            "status_list": {
                "idx": number,
                "uri": "https://registry.example/v1/status/11330000MB1234567X/1",
            }
        },
        "jti": f"q83vEjRWeJCrze8S{number:06d}",
    }
    return clear, {f"claim_name_{i}": f"value {i} of document {number}" for i in range(CLAIMS)}


def _sign(documents: list[Document], signer: Signer) -> list[bytes]:
    return [
        sd_jwt.issue(clear, disclosable=claims, signer=signer).digest for clear, claims in documents
    ]


def _prove(digests: list[bytes]) -> list[Receipt]:
    return receipts_of(
        digests, department="11330000MB1234567X", chain_id=1, contract=bytes(20), block=1
    )
