"""The tables of docs/scale.md, made from the model and from what was measured."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.scale import constants
from benchmarks.scale.growth import GAS_A_SECOND, OFFICE_SECONDS, Growth
from benchmarks.scale.one_by_one import OneByOne
from benchmarks.scale.steps import PROVINCE, STEPS
from ecert.limits import CARD_TREE_SIZE, MAX_TREE_SIZE

PAGE = Path(__file__).parents[2] / "docs" / "scale.md"

_BLOCK = re.compile(r"(<!-- made by benchmarks\.scale: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_UNITS = ("bytes", "KB", "MB", "GB", "TB", "PB")

_WINDOWS = (3, 60, 600, 3_600, 21_600)

Line = tuple[str, Callable[[Growth], str]]


def filled(page: str) -> str:
    """Return a page with its tables made anew."""
    found = constants.load()
    made = {"constants": _constants(found), "machine": _machine(found)}
    made |= {"onebyone": _one_by_one(found), "capacity": _capacity(found)}
    made |= {name: _steps(lines, found) for name, lines in _TABLES.items()}
    return _BLOCK.sub(lambda match: f"{match[1]}{made[match[2]]}\n{match[3]}", page)


def size(value: float) -> str:
    """Write a number of bytes, of which a thousand are a KB, with three digits."""
    unit = 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value /= 1000
        unit += 1
    return f"{_digits(value)} {_UNITS[unit]}"


def number(value: float) -> str:
    """Write a number, with three digits where it is not small."""
    for power, name in ((1e9, "billion"), (1e6, "million")):
        if value >= power * 0.9995:
            return f"{_digits(value / power)} {name}"
    return f"{value:,.0f}"


def duration(seconds: float) -> str:
    """Write a time."""
    for length, name in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * length:
            return f"{_digits(seconds / length)} {name}"
    return f"{_digits(seconds)} s"


def _digits(value: float) -> str:
    places = 0 if value >= 99.95 else 1 if value >= 9.995 else 2
    text = f"{value:,.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"


def _table(rows: list[list[str]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], f"| {' | '.join('---' for _ in rows[0])} |", *lines[1:]])


def _steps(lines: list[Line], found: dict[str, Any]) -> str:
    growths = [Growth(step, found) for step in STEPS]
    head = ["", *(growth.workload.name for growth in growths)]
    return _table([head, *([name, *map(text, growths)] for name, text in lines)])


def _one_by_one(found: dict[str, Any]) -> str:
    growth = Growth(PROVINCE, found)
    head = ["`batch_seconds`", "roots", "random leaves", "gas of anchoring", "PostgreSQL"]
    rows = [[*head, "verifier's snapshot"]]
    rows.append(
        [
            "imported, full trees",
            number(growth.roots),
            "0",
            number(growth.anchor_gas),
            size(growth.database("postgresql").all),
            size(growth.verifier_bytes),
        ]
    )
    for seconds in _WINDOWS:
        case = OneByOne(growth, seconds)
        rows.append(
            [
                f"{seconds:,}",
                number(case.batches),
                number(case.padding),
                number(case.gas),
                size(case.database_bytes("postgresql")),
                size(case.verifier_bytes),
            ]
        )
    return _table(rows)


def _capacity(found: dict[str, Any]) -> str:
    costs = found["chain"]
    roots = GAS_A_SECOND / costs["root"]["gas"]
    rows = [["of", "in a second"], ["gas", number(GAS_A_SECOND)]]
    rows += [
        [name, number(value)]
        for name, value in (
            ("roots, 100 in a call", roots),
            ("roots, each in a call of its own", GAS_A_SECOND / costs["root alone"]["gas"]),
            (f"leaves in trees of {CARD_TREE_SIZE:,}", roots * CARD_TREE_SIZE),
            (f"leaves in trees of {MAX_TREE_SIZE:,}", roots * MAX_TREE_SIZE),
            ("revocations, each in a new word", GAS_A_SECOND / costs["word"]["gas"]),
        )
    ]
    return _table(rows)


def _machine(found: dict[str, Any]) -> str:
    measured = found["measured"]
    return (
        f"Measured on {measured['on']}: {measured['machine']}, Python {measured['python']}, "
        f"SQLite {measured['sqlite']}, PostgreSQL {measured['postgresql']}, "
        f"anvil {measured['anvil']}, cryptography {measured['cryptography']}."
    )


def _constants(found: dict[str, Any]) -> str:
    return "\n\n".join((_database(found), _chain(found), _texts(found)))


def _database(found: dict[str, Any]) -> str:
    rows = [["one more", "SQLite: tables", "indexes", "PostgreSQL: tables", "indexes"]]
    engines = [found["database"][name] for name in ("sqlite", "postgresql")]
    for thing, name in (
        ("record", "record without card"),
        ("certificate", "certificate with paper card"),
        ("certificate, not yet vacuumed", "the same, before a vacuum"),
        ("certificate alone", "certificate issued alone, 62 random leaves"),
        ("claim", "claim by a wallet, all its artefacts"),
        ("revocation", "revocation of a certificate, claimed or not"),
    ):
        sums = [
            sum(sizes[place] for sizes in engine[thing].values())
            for engine in engines
            for place in (0, 1)
        ]
        rows.append([name, *(f"{value:,.0f}" for value in sums)])
    return _table(rows)


def _chain(found: dict[str, Any]) -> str:
    names = {
        "gas": "gas",
        "logs": "event",
        "embedded": "embedded chain",
        "synced": "sync, read",
        "verifier": "verifier keeps",
        "seconds": "sync, µs",
    }
    rows = [["one more", *names.values()]]
    for thing, label in (
        ("root", "root, 100 in a call"),
        ("root alone", "root, alone in a call"),
        ("word", "revoked entry, first of its word"),
        ("entry", "revoked entry, another of its word"),
        ("department", "department with two roles"),
        ("key", "signing key"),
    ):
        costs = found["chain"][thing]
        if thing == "root alone":  # how it was sent does not show there; few measure it badly
            costs = costs | {"verifier": found["chain"]["root"]["verifier"]}
        cells = [1e6 * costs[name] if name == "seconds" else costs[name] for name in names]
        rows.append([label, *(f"{cell:,.0f}" for cell in cells)])
    return _table(rows)


def _texts(found: dict[str, Any]) -> str:
    rows = [["kind", "SD-JWT, characters", "paper card, characters"]]
    for kind, forms in sorted(found["database"]["texts"].items()):
        rows.append([f"`{kind}`", f"{forms['sd-jwt']:,}", f"{forms['card']:,}"])
    return _table(rows)


_NUMBERS: list[Line] = [
    ("records", lambda g: number(g.workload.records)),
    ("of them certificates with paper cards", lambda g: number(g.workload.certificates)),
    ("holders", lambda g: number(g.workload.holders)),
    ("departments", lambda g: number(g.workload.departments)),
    ("years", lambda g: f"{g.workload.years:g}"),
    ("leaves of a tree of records without cards", lambda g: f"{g.workload.stream_tree:,}"),
    ("claims by wallets", lambda g: number(g.claims)),
    ("leaves, each with a status entry", lambda g: number(g.leaves)),
    ("roots", lambda g: number(g.roots)),
    ("status lists", lambda g: number(g.status_lists)),
    ("revoked entries", lambda g: number(g.status_changes)),
    ("in so many words", lambda g: number(g.words)),
]
_DATABASE: list[Line] = [
    ("SQLite", lambda g: size(g.database("sqlite").all)),
    ("PostgreSQL, tables", lambda g: size(g.database("postgresql").tables)),
    ("PostgreSQL, indexes", lambda g: size(g.database("postgresql").indexes)),
    ("of it published leaves", lambda g: size(g.leaf_bytes)),
]
_CHAIN: list[Line] = [
    ("gas of anchoring", lambda g: number(g.anchor_gas)),
    ("gas of revoking", lambda g: number(g.status_gas)),
    ("gas of departments and keys", lambda g: number(g.rights_gas)),
    ("full blocks", lambda g: number(g.full_blocks)),
    ("share of a network's gas in these years", lambda g: _percent(g.gas_share)),
    ("anchoring transactions", lambda g: number(g.transactions)),
    ("events, topics and data", lambda g: size(g.event_bytes)),
    ("embedded chain's snapshot", lambda g: size(g.embedded_bytes)),
    ("node of a network: state, calls, events *", lambda g: size(g.node_bytes)),
    ("and its blocks, empty ones too *", lambda g: size(g.block_bytes)),
]
_VERIFIERS: list[Line] = [
    ("snapshot", lambda g: size(g.verifier_bytes)),
    ("first sync reads", lambda g: size(g.sync_bytes)),
    ("first sync takes", lambda g: duration(g.sync_seconds)),
    ("a daily sync reads", lambda g: size(g.sync_bytes / g.days)),
    ("a daily sync takes", lambda g: duration(g.sync_seconds / g.days)),
]
_PUBLIC: list[Line] = [
    ("all leaves as JSON", lambda g: size(g.leaves_json_bytes)),
    ("an auditor reads them, from one registry, in", lambda g: duration(g.leaves_seconds)),
    ("bits of a prefix", lambda g: str(g.prefix_bits)),
    ("batches touched by one look-up", lambda g: number(g.lookup_batches)),
    ("leaves read for one look-up", lambda g: size(g.lookup_bytes)),
]
_RATES: list[Line] = [
    ("records a second, day and night", lambda g: f"{g.records_a_second:.2f}"),
    ("in office hours (2,000 h a year)", lambda g: f"{_office_rate(g):.2f}"),
    ("cores that import, sign and seal then", lambda g: f"{_office_cores(g):.3f}"),
    ("roots a second then", lambda g: f"{_office(g, g.roots):.3f}"),
    ("gas a second then", lambda g: number(_office(g, g.gas))),
]
_TABLES = {
    "numbers": _NUMBERS,
    "database": _DATABASE,
    "chain": _CHAIN,
    "verifiers": _VERIFIERS,
    "public": _PUBLIC,
    "rates": _RATES,
}


def _office(growth: Growth, total: float) -> float:
    return total / (growth.workload.years * OFFICE_SECONDS)


def _office_rate(growth: Growth) -> float:
    return _office(growth, growth.workload.records)


def _office_cores(growth: Growth) -> float:
    return growth.cores * _office_rate(growth) / growth.records_a_second
