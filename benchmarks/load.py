"""The verifier's service under load: ``python -m benchmarks.load [SECONDS]``.

A registry on a real chain issues documents, their holders claim them, and ``verifier serve`` is
asked to check presentations at constant rates: three of four are SD-JWTs with key binding, the
fourth a card with its holder's proof, each answering a challenge of its own that this service made.
Offline it answers from a snapshot, online it asks the node once for each document.

Beside it, in the same run: what bare verification of the same presentations takes in one process,
what the other parts of an answer take, and what the load generator could reach at most.
"""

import json
import math
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from benchmarks.load_world import (
    AUDIENCE,
    FORM_TYPE,
    LoadWorld,
    Service,
    form_request,
    served,
)
from benchmarks.measure import rates
from benchmarks.open_loop import Load, write_requests
from benchmarks.table import Mark, Row, Unit
from ecert.artefact import Expectation
from ecert.card import MemoryReplayCache
from ecert.encoding import b64url_decode, json_plain
from ecert.kinds.catalogue import Catalogue
from ecert.report import Report, Verdict
from ecert.verification import Verifier
from verifier.checker import SNAPSHOT
from verifier.snapshot import Snapshot
from verifier.web.submission import read_submission

RATES = (100, 300, 1_000)
SECONDS = 2.0
"""How long each rate is held in ``make bench``."""
DOCUMENTS = 64
CARD_EVERY = 4
TOGETHER = ("--processes", "2")
MODES = {"offline": ("--offline",), "offline, 2 processes": ("--offline", *TOGETHER), "online": ()}
ALL_MODES = {**MODES, "online, 2 processes": TOGETHER}
CEILING_RATE, CEILING_SECONDS = 20_000, 1.0
"""More than any server here could answer."""

ENOUGH = 0.98
"""Share of the requests that a service must answer rightly: the last ones have no time left."""

BARE = "bare verification"

VALID = '{"reports":[{"verdict":"valid","exit_code":0,'
"""How the body of every good answer begins."""


@dataclass(frozen=True, slots=True)
class Run:
    """One rate, held against one service.

    Attributes:
        name: Which service.
        load: What its clients saw.
        cpu: Processor time of the service a request, seconds.
    """

    name: str
    load: Load
    cpu: float = math.nan


@dataclass(frozen=True, slots=True)
class Found:
    """What a whole measurement found.

    Attributes:
        bare: Seconds that verifying one of the same presentations takes in one process, chain's
            records included.
        parts: Seconds of processor time that parts of an answer take, by name.
        ceiling: The generator against a server that does nothing.
        runs: Each service at each rate.
    """

    bare: float
    parts: dict[str, float]
    ceiling: tuple[Run, ...]
    runs: tuple[Run, ...]


def rows() -> list[Row]:
    """Measure, and return the rows of the report."""
    found = measure(SECONDS, MODES)
    limit = Mark("bare verification", 1 / found.bare)
    made: list[Row] = []
    for run in found.runs:
        name = f"verify over HTTP, {run.name}, {run.load.asked:,.0f}/s"
        asked = Mark("98 % of those asked", ENOUGH * run.load.asked)
        made += [
            Row(name, Unit.RATE, run.load.reached, limit=limit, target=asked),
            Row(f"{name}: p99", Unit.MILLISECONDS, run.load.p99),
        ]
    return made


def measure(seconds: float, modes: Mapping[str, Sequence[str]]) -> Found:
    """Hold every rate for some seconds against each service."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="ecert-load-")))
        world = LoadWorld(directory, stack, DOCUMENTS)
        runs: list[Run] = []
        for name, options in modes.items():
            with served(world.home, *options) as service:
                _run(world, service, directory, 100, 0.5)  # what is made once, is made now
                runs += [
                    _run(world, service, directory, rate, seconds, name=name) for rate in RATES
                ]
        found = _parts(world)
        return Found(found.pop(BARE), found, _ceiling(world, directory), tuple(runs))


def _run(
    world: LoadWorld,
    service: Service,
    directory: Path,
    rate: float,
    seconds: float,
    *,
    name: str = "",
) -> Run:
    count = int(rate * seconds)
    requests = directory / "requests"
    write_requests(requests, list(_requests(world, service.challenges(count))))
    before = service.cpu_seconds()
    load = generate(service.port, rate, requests)
    return Run(name, load, (service.cpu_seconds() - before) / count)


def _requests(world: LoadWorld, nonces: Sequence[str]) -> Iterator[bytes]:
    for number, nonce in enumerate(nonces):
        held = world.held[number % len(world.held)]
        if number % CARD_EVERY:
            fields = {"audience": AUDIENCE, "nonce": nonce, "require_holder": "1"}
            yield form_request(number, held.shown(nonce), fields)
        else:
            fields = {"challenge": nonce, "require_holder": "1"}
            yield form_request(number, held.card_shown(nonce), fields)


def generate(port: int, rate: float, requests: Path, wanted: str = VALID) -> Load:
    """Run the generator in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.open_loop", str(port), str(rate), wanted]
    done = subprocess.run([*command, str(requests)], stdout=subprocess.PIPE, check=True)
    return Load(**json.loads(done.stdout))


def _parts(world: LoadWorld) -> dict[str, float]:
    """Return what parts of an answer take without a service: the same mixture and snapshot."""
    trust = world.home.trust(Catalogue.load(), now=datetime.now(UTC))
    nonce = "bm9uY2U"
    requests = [request.partition(b"\r\n\r\n")[2] for request in _requests(world, [nonce] * 64)]
    shown = [
        held.shown(nonce) if number % CARD_EVERY else held.card_shown(nonce)
        for number, held in enumerate(world.held)
    ]
    expect = Expectation(
        audience=AUDIENCE, nonce=nonce, challenge=b64url_decode(nonce), required=True
    )
    key, algorithm = ec.generate_private_key(ec.SECP256R1()), ec.ECDSA(SHA256())
    signature, public_key = key.sign(nonce.encode(), algorithm), key.public_key()
    with Snapshot.open(world.home.directory / SNAPSHOT, trust) as snapshot:

        def check_all() -> list[Report]:
            # A memory of its own: the same proofs are checked again and again here.
            verifier = Verifier(trust, snapshot, replay=MemoryReplayCache())
            now = datetime.now(UTC)
            reports = [verifier.verify(data, now=now, expect=expect) for data in shown]
            for report in reports:
                if report.verdict is not Verdict.VALID:
                    raise RuntimeError(f"a document to be checked is {report.verdict}")
            return reports

        reports = check_all()
        found = rates(
            {
                BARE: check_all,
                "two bare P-256 checks": lambda: [
                    public_key.verify(signature, nonce.encode(), algorithm)
                    for _ in range(2 * len(shown))
                ],
                "reading the form": lambda: [read_submission(body, FORM_TYPE) for body in requests],
                "the report as JSON": lambda: [
                    json_plain({"reports": [report.to_json()]}) for report in reports
                ],
            }
        )
    return {name: 1 / (rate * len(shown)) for name, rate in found.items()}


def _ceiling(world: LoadWorld, directory: Path) -> tuple[Run, ...]:
    """Measure the generator alone, by a server that does nothing with requests of that size."""
    path = directory / "requests"
    nonces = ["bm9uY2U"] * len(world.held)
    requests = list(_requests(world, nonces))
    with _nothing_served() as port:
        runs = []
        for rate, seconds in ((RATES[-1], SECONDS), (CEILING_RATE, CEILING_SECONDS)):
            times = -(-int(rate * seconds) // len(requests))
            write_requests(path, requests * times)
            runs.append(Run("generator", generate(port, rate, path)))
        return tuple(runs)


@contextmanager
def _nothing_served() -> Iterator[int]:
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.nothing_server", VALID],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.terminate()


def main() -> None:
    """Print what was found as tables."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    found = measure(seconds, ALL_MODES)
    print("| service | asked | reached | p50 | p99 | p99.9 | longest | other answers | CPU each |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for run in (*found.ceiling, *found.runs):
        load = run.load
        times = (load.p50, load.p99, load.p999, load.longest)
        cells = (
            run.name,
            f"{load.asked:,.0f}/s",
            f"{load.reached:,.0f}/s",
            *(f"{1000 * value:.1f} ms" for value in times),
            str(sum(load.others.values())),
            f"{1e6 * run.cpu:,.0f} µs",
        )
        print(f"| {' | '.join(cells)} |")
        for name, count in load.others.items():
            print(f"    {count} x {name}")
    print(f"\nbare verification: {1 / found.bare:,.0f}/s in one process, {1e6 * found.bare:.0f} µs")
    for name, part in found.parts.items():
        print(f"  {name}: {1e6 * part:.0f} µs")


if __name__ == "__main__":
    main()
