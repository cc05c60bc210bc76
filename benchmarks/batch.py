"""Twenty thousand documents: signing them, building their tree, proving each one.

The peer of this row searches the leaf anew for every proof, so its time grows with the square of
the number. It runs on another platform and is not started here; two quadratic ways of proving are
measured in its stead, over the same leaves and with the same hash.
"""

from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from benchmarks.measure import CPU, durations
from benchmarks.table import Mark, Row, Unit
from ecert import sd_jwt
from ecert.merkle import MerkleTree, leaf_hash
from ecert.receipt import Receipt, receipts_of
from ecert.signing import SoftwareSigner

DOCUMENTS = 20_000
CLAIMS = 20
ROUNDS = 3
REBUILT = 500
"""Documents whose proofs are made by rebuilding the tree; the time of all of them is worked out."""

TARGET_SECONDS = 4.0
PEER_SECONDS = 77.0
"""What open-attestation 6.9.7 took for the proofs when the target was set, on another machine."""


def rows() -> list[Row]:
    """Measure, and return the rows of the report."""
    key = ec.generate_private_key(ec.SECP256R1())
    signer = SoftwareSigner(key)
    documents = [_document(number) for number in range(DOCUMENTS)]
    digests = _sign(documents, signer)
    leaves = [leaf_hash(digest) for digest in digests]
    message, algorithm = digests[0] * 40, ec.ECDSA(SHA256())
    found = durations(
        {
            "all": lambda: _prove(_sign(documents, signer)),
            "prove": lambda: _prove(digests),
            "search": lambda: _prove_by_search(leaves),
            "rebuild": lambda: _prove_by_rebuilding(leaves[:REBUILT]),
            "signatures": lambda: [key.sign(message, algorithm) for _ in range(DOCUMENTS)],
        },
        rounds=ROUNDS,
        clock=CPU,
    )
    rebuilt = found["rebuild"] * (DOCUMENTS / REBUILT) ** 2
    name, proofs = f"sign, wrap, prove {DOCUMENTS:,}", f"prove {DOCUMENTS:,}"
    return [
        Row(
            name,
            Unit.SECONDS,
            found["all"],
            Mark("open-attestation", PEER_SECONDS, measured=False),
            Mark("the bare signatures", found["signatures"]),
            Mark("", TARGET_SECONDS),
        ),
        Row(
            proofs,
            Unit.SECONDS,
            found["prove"],
            Mark("one search a proof", found["search"]),
        ),
        Row(
            proofs,
            Unit.SECONDS,
            found["prove"],
            Mark(f"one tree a proof, scaled from {REBUILT}", rebuilt),
        ),
    ]


def _document(number: int) -> tuple[dict[str, Any], dict[str, str]]:
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


def _sign(
    documents: list[tuple[dict[str, Any], dict[str, str]]], signer: SoftwareSigner
) -> list[bytes]:
    return [
        sd_jwt.issue(clear, disclosable=claims, signer=signer).digest for clear, claims in documents
    ]


def _prove(digests: list[bytes]) -> list[Receipt]:
    return receipts_of(
        digests, department="11330000MB1234567X", chain_id=1, contract=bytes(20), block=1
    )


def _prove_by_search(leaves: list[bytes]) -> list[tuple[bytes, ...]]:
    tree = MerkleTree(leaves)
    return [tree.proof(leaves.index(leaf)) for leaf in leaves]


def _prove_by_rebuilding(leaves: list[bytes]) -> list[tuple[bytes, ...]]:
    return [MerkleTree(leaves).proof(index) for index in range(len(leaves))]
