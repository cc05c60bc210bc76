"""The chain's part: gas of anchoring, calls and time of one check, online and from a snapshot."""

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from benchmarks.counting import CountingProxy
from benchmarks.deployment import Deployed
from benchmarks.document_store import DocumentStore
from benchmarks.documents import AUDIENCE, DEPARTMENT, KIND, NONCE, Document
from benchmarks.measure import WALL, rates
from benchmarks.table import Mark, Row, Unit
from ecert import sd_jwt
from ecert.artefact import Expectation
from ecert.chain.finality import FinalWhenSigned
from ecert.chain.proven_reader import ProvenReader
from ecert.chain.reader import ChainReader
from ecert.chain.rpc import RpcNode
from ecert.client.proofs import prover
from ecert.document import DocumentFile
from ecert.errors import UnavailableError
from ecert.evidence import check_evidence, make_evidence
from ecert.facts import Basis, FactSource
from ecert.receipt import receipts_of
from ecert.report import Verdict
from ecert.verification import Verifier
from networks.qbft.goquorum import find_geth
from networks.qbft.hosts import default_hosts
from networks.qbft.making import Plan, make_network
from networks.qbft.network import Network
from verifier.snapshot import Snapshot
from verifier.sync import sync

BRANCH = [*(f"11430000{level:09d}X" for level in range(4)), DEPARTMENT]
"""Province, city, county, township, and the issuing department."""
LEAVES = 1_024
FEW, MANY = 20, 1_024

ONE_ROOT_GAS, LEVEL_GAS, MANY_ROOTS_GAS = 62_000, 2_400, 30_000
PEER_CALLS = Mark("one call a fact", 18, measured=False)

# What Ethereum's berlin rules charge whoever does this (EIP-2028, EIP-2929).
TRANSACTION_GAS, BYTE_GAS, ZERO_BYTE_GAS = 21_000, 16, 4
NEW_SLOT_GAS, CHANGED_SLOT_GAS = 22_100, 5_000

EXPECTATION = Expectation(audience=AUDIENCE, nonce=NONCE)


MAX_PACKAGE = 64 * 1024
"""Bytes that one document's package stays below."""


def rows() -> list[Row]:
    """Measure, and return the rows of the report."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="ecert-bench-")))
        deployed = Deployed(directory / "chain", BRANCH, KIND, stack)
        found = [*_gas(deployed), *_checks(deployed, directory, stack)]
        return [*found, *_proved_checks(directory, stack)]


def _gas(deployed: Deployed) -> list[Row]:
    roots, store = _roots(), DocumentStore(deployed)
    found: list[Row] = []
    for ancestors in (0, len(BRANCH) - 1):
        mined, data = deployed.anchor(BRANCH[ancestors], next(roots), LEAVES)
        found.append(
            Row(
                f"anchor one root, {ancestors} ancestors",
                Unit.GAS,
                mined.gas_used,
                store.issue([next(roots)]),
                Mark("slot and head", _least_gas(data, 1)),
                Mark("", ONE_ROOT_GAS + LEVEL_GAS * ancestors),
            )
        )
    for count in (FEW, MANY):
        mined, data = deployed.anchor_many(
            DEPARTMENT, [(root, LEAVES) for root in islice(roots, count)]
        )
        found.append(
            Row(
                f"each of {count:,} roots at once, {len(BRANCH) - 1} ancestors",
                Unit.GAS,
                mined.gas_used / count,
                store.issue(list(islice(roots, count))),
                Mark("slots and head", _least_gas(data, count) / count),
                Mark("", MANY_ROOTS_GAS),
            )
        )
    return found


def _checks(deployed: Deployed, directory: Path, stack: ExitStack) -> list[Row]:
    document = Document()
    deployed.register_key(DEPARTMENT, document.issuer.public_key)
    data = anchored(deployed, document)
    checkpoint, trust = deployed.checkpoint(), deployed.trust()
    finality = FinalWhenSigned(trust, lambda: checkpoint)
    proxy = stack.enter_context(CountingProxy(deployed.chain.rpc_url))
    snapshot_path = directory / "snapshot.db"
    sync(snapshot_path, trust, [deployed.chain.rpc_url], fetch_checkpoint=lambda: checkpoint)
    snapshot = stack.enter_context(Snapshot.open(snapshot_path, trust))

    def check(source: FactSource) -> None:
        report = Verifier(trust, source).verify(data, now=document.now, expect=EXPECTATION)
        if report.verdict is not Verdict.VALID:
            raise RuntimeError(f"the document to be checked is {report.verdict}")

    counted = []
    for source in (ChainReader(trust, [proxy.url], finality=finality), snapshot):
        before = proxy.calls
        check(source)
        counted.append(proxy.calls - before)

    reader = ChainReader(trust, [deployed.chain.rpc_url], finality=finality)
    node = RpcNode(deployed.chain.rpc_url)
    key, algorithm = ec.generate_private_key(ec.SECP256R1()), ec.ECDSA(SHA256())
    message = document.sd_jwt().partition("~")[0].encode("ascii")
    signature, public_key = key.sign(message, algorithm), key.public_key()
    found = rates(
        {
            "online": lambda: check(reader),
            "offline": lambda: check(snapshot),
            "call": lambda: node.call("eth_blockNumber", []),
            "check": lambda: public_key.verify(signature, message, algorithm),
        },
        clock=WALL,
    )
    seconds = {name: 1 / rate for name, rate in found.items()}
    two = 2 * seconds["check"]
    calls = int(PEER_CALLS.value)
    return [
        Row(
            "calls for one check, online",
            Unit.CALLS,
            counted[0],
            PEER_CALLS,
            Mark("", 1),
            Mark("", 1),
        ),
        Row(
            "calls for one check, snapshot", Unit.CALLS, counted[1], None, Mark("", 0), Mark("", 0)
        ),
        Row(
            "time of one check, online",
            Unit.MILLISECONDS,
            seconds["online"],
            Mark(f"{calls} smallest calls alone", calls * seconds["call"]),
            Mark("one call, two checks", seconds["call"] + two),
        ),
        Row(
            "time of one check, snapshot",
            Unit.MILLISECONDS,
            seconds["offline"],
            limit=Mark("two P-256 checks", two),
        ),
    ]


def _proved_checks(directory: Path, stack: ExitStack) -> list[Row]:
    """Check a document on a network of four validators, where its program has been built."""
    try:
        find_geth()
    except UnavailableError as error:
        print(f"no network of validators: {error}")
        return []
    plan = Plan(engine="quorum", hosts=default_hosts(), block_seconds=1, timeout_seconds=2)
    make_network(directory / "network", plan)
    network = Network(directory / "network")
    stack.callback(network.down)
    network.up()
    deployed = Deployed(directory, BRANCH, KIND, stack, urls=network.urls)
    document = Document()
    deployed.register_key(DEPARTMENT, document.issuer.public_key)
    data, trust = anchored(deployed, document), deployed.trust()
    proxy = stack.enter_context(CountingProxy(network.urls[0]))

    def check(source: FactSource) -> None:
        report = Verifier(trust, source).verify(data, now=document.now, expect=EXPECTATION)
        if (report.verdict, report.basis) != (Verdict.VALID, Basis.VALIDATORS):
            raise RuntimeError(f"the document to be checked is {report.verdict}")

    check(ProvenReader(trust, [proxy.url]))
    reader, node = ProvenReader(trust, network.urls), RpcNode(network.urls[0])
    package, _ = make_evidence(data, trust, prover(trust, network.urls), now=document.now)

    def check_package() -> None:
        report = check_evidence(package, trust.data, trust.catalogue, now=document.now)
        if (report.verdict, report.report.basis) != (Verdict.VALID, Basis.VALIDATORS):
            raise RuntimeError(f"the package to be checked is {report.verdict}")

    found = rates(
        {
            "proved": lambda: check(reader),
            "package": check_package,
            "call": lambda: node.call("eth_blockNumber", []),
        },
        clock=WALL,
    )
    return [
        Row(
            "exchanges for one proved check, network",
            Unit.CALLS,
            proxy.exchanges,
            PEER_CALLS,
            Mark("", 2),
            Mark("", 2),
        ),
        Row("calls in them", Unit.CALLS, proxy.calls),
        Row(
            "time of one proved check, network",
            Unit.MILLISECONDS,
            1 / found["proved"],
            Mark(f"{int(PEER_CALLS.value)} smallest calls alone", PEER_CALLS.value / found["call"]),
            Mark("two calls", 2 / found["call"]),
        ),
        Row("an evidence package", Unit.BYTES, len(package), None, None, Mark("", MAX_PACKAGE)),
        Row("time of checking it, no network", Unit.MILLISECONDS, 1 / found["package"]),
    ]


def anchored(deployed: Deployed, document: Document) -> bytes:
    """Return a document file, shown to the verifier, whose batch is on the chain."""
    text = document.sd_jwt()
    digest = sd_jwt.parse(text).digest
    others = [hashlib.sha256(number.to_bytes(4)).digest() for number in range(LEAVES - 1)]
    receipts = receipts_of(
        [digest, *others],
        department=DEPARTMENT,
        chain_id=deployed.chain_id,
        contract=deployed.anchors,
        block=0,
    )
    mined, _ = deployed.anchor(DEPARTMENT, receipts[0].root, LEAVES)
    receipt = replace(receipts[0], block=mined.block_number)
    return DocumentFile(document.presentation(text), receipt).to_bytes()


def _roots() -> Iterator[bytes]:
    """Yield roots without zero bytes, which would be cheaper and which real ones rarely have."""
    number = 0
    while True:
        root = hashlib.sha256(number.to_bytes(4)).digest()
        if 0 not in root:
            yield root
        number += 1


def _least_gas(data: bytes, roots: int) -> int:
    """Return what the rules charge for this call, a new slot for each root and a changed head."""
    zeros = data.count(0)
    call = TRANSACTION_GAS + zeros * ZERO_BYTE_GAS + (len(data) - zeros) * BYTE_GAS
    return call + roots * NEW_SLOT_GAS + CHANGED_SLOT_GAS
