"""What a report says in one language: the verdict first, then who, when, why, and what not."""

from collections.abc import Iterator

from ecert.chain import qbft
from ecert.errors import Language
from ecert.facts import Basis
from ecert.fields import hex_text
from ecert.report import Outcome, Subject, Verdict
from verifier.evidence.report.blocks import Block, Bullets, Part, Rows, Section, Table, Text
from verifier.evidence.report.by_hand import by_hand
from verifier.evidence.report.exhibit import Exhibit
from verifier.evidence.report.words import moment, say
from verifier.text import ISSUING_AUTHORITY
from verifier.web.result import Result, present

SPECIFICATIONS = (
    *("package", "sd_jwt", "card", "tree", "hashes"),
    *("layout", "proof", "rlp", "seals", "timestamp"),
)
"""Public rules by which everything can be checked again."""


def part(exhibit: Exhibit, language: Language) -> Part:
    """Return the whole report in one language."""
    return _Part(exhibit, language).made()


class _Part:
    def __init__(self, exhibit: Exhibit, language: Language) -> None:
        self.exhibit = exhibit
        self.language = language
        self.evidence = exhibit.report
        self.report = exhibit.report.report
        self.result: Result = present(self.report, language, exhibit.catalogue)

    def made(self) -> Part:
        return Part(
            language=self.language,
            title=self.say("title"),
            tone=self.result.tone,
            sign=self.result.sign,
            word=self.result.word,
            warning=self.warning(),
            caution=self.caution(),
            sentences=tuple(self.sentences()),
            sections=(
                Section(self.say("what"), tuple(self.what())),
                Section(self.say("when"), (Rows(tuple(self.when())),)),
                Section(self.say("steps"), (Text(self.say("steps_about")), self.steps())),
                Section(self.say("basis"), tuple(self.basis())),
                Section(self.say("proves"), tuple(self.proves())),
                Section(self.say("files"), (Rows(tuple(self.files())),)),
                *by_hand(self.exhibit, self.language),
                Section(self.say("specifications"), (Bullets(self.specifications()),)),
            ),
        )

    def say(self, key: str, **values: object) -> str:
        return say(key, self.language, **values)

    def moment(self, seconds: int) -> str:
        return moment(seconds, self.language)

    def sentence(self, code: str) -> str:
        """Return a sentence on what is proved or not, its times as people read them."""
        return self.evidence.sentence(code, self.language, self.moment)

    def warning(self) -> str:
        """Return that this is no proof of validity, where it is none."""
        verdict = self.report.verdict
        if verdict is Verdict.VALID:
            return ""
        return self.say("not_decided" if verdict.exit_code == 2 else "not_valid")

    def caution(self) -> str:
        operator = self.evidence.block.basis is Basis.OPERATOR
        return self.say("one_operator") if operator else ""

    def sentences(self) -> Iterator[str]:
        block = self.evidence.block
        yield self.report.headline(self.language)
        if self.report.verdict is not Verdict.VALID and self.result.reason:
            yield self.result.reason
        yield self.say("as_of", block=block.number, time=self.moment(block.time))
        if self.exhibit.asked is not None:
            yield self.say("asked_about", time=self.moment(self.evidence.asked))

    def what(self) -> Iterator[Block]:
        subject = self.report.subject
        if subject is None:
            yield Text(self.say("unread"))
            return
        yield Rows(tuple(self.parties(subject)))
        yield Text(self.result.content_heading)
        if subject.claims:
            yield Rows(tuple((fact.label, fact.value) for fact in self.result.content), large=True)
            yield Text(self.say("only_disclosed"))
        else:
            yield Text(self.say("no_content"))

    def parties(self, subject: Subject) -> Iterator[tuple[str, str]]:
        kind = self.exhibit.catalogue.kind(subject.kind)
        yield self.say("kind"), f"{kind.names[self.language]} ({kind.vct})"
        if self.report.verdict is not Verdict.VALID:
            yield self.say("standing"), f"{self.result.word} · {self.warning()}"
        yield self.say("issuer"), subject.department
        name = subject.claims.get(ISSUING_AUTHORITY)
        yield self.say("issuer_name"), self.say("not_named") if name is None else str(name)
        shown = [claim for claim in (kind.subject.name, kind.subject.id) if claim in subject.claims]
        holder = self.say("comma").join(
            kind.value_text(claim, subject.claims[claim], self.language) for claim in shown
        )
        yield self.say("holder"), holder or self.say("not_named")

    def when(self) -> Iterator[tuple[str, str]]:
        subject, evidence = self.report.subject, self.evidence
        facts, block = evidence.facts, evidence.block
        if subject is not None:
            yield self.say("issued"), self.moment(subject.issued_at)
        if facts is not None:
            anchor = facts.anchor
            yield (
                self.say("anchored"),
                self.say("not_anchored")
                if anchor is None
                else self.say("in_block", block=anchor.block, time=self.moment(anchor.time)),
            )
        yield (
            self.say("state"),
            self.say("in_block", block=block.number, time=self.moment(block.time)),
        )
        yield self.say("asked"), self.moment(evidence.asked)
        if subject is not None:
            yield self.say("from"), self.moment(subject.not_before)
            permanent = subject.expires is None
            yield (
                self.say("until"),
                self.say("permanent") if permanent else self.moment(subject.expires or 0),
            )
        yield self.say("timestamp"), self.timestamp()
        yield self.say("made"), self.moment(int(self.exhibit.made_at.timestamp()))

    def timestamp(self) -> str:
        stamp = self.evidence.timestamp
        if stamp is not None:
            return self.say("stamped", time=self.moment(stamp.time), authority=stamp.authority)
        return self.say("stamp_unchecked" if self.evidence.stamped else "unstamped")

    def steps(self) -> Table:
        head = (self.say("number"), self.say("check"), self.say("outcome"), self.say("found"))
        rows = tuple(
            (str(row.number), row.name, row.outcome_said, row.sentence) for row in self.result.rows
        )
        failed = tuple(step.number for step in self.report.steps if step.outcome is Outcome.FAILED)
        return Table(head, rows, (1, 4, 2, 10), failed)

    def basis(self) -> Iterator[Block]:
        evidence, file = self.evidence, self.exhibit.file
        block = evidence.block
        yield Text(evidence.sentence(evidence.rests, self.language))
        if block.basis is Basis.OPERATOR:
            yield Rows((*((self.say("operator"), key.kid) for key in file.operators),))
            return
        total = len(block.validators)
        rows = [
            (self.say("engine"), file.engine),
            (
                self.say("sealed"),
                self.say("pinned_itself")
                if block.pinned
                else self.say(
                    "sealed_by", found=len(block.sealers), n=total, needed=qbft.quorum(total)
                ),
            ),
            (self.say("handovers"), self.say("changes", count=evidence.handovers)),
            (self.say("pins"), "; ".join(str(pin.number) for pin in file.pins)),
        ]
        yield Rows(tuple(rows))
        unsealed = self.say("seal_unneeded" if block.pinned else "has_not_sealed")
        marks = {True: self.say("has_sealed"), False: unsealed}
        yield Table(
            (self.say("number"), self.say("validator"), self.say("seal")),
            tuple(
                (str(number), hex_text(address), marks[address in block.sealers])
                for number, address in enumerate(block.validators, 1)
            ),
            (1, 9, 4),
        )

    def proves(self) -> Iterator[Block]:
        evidence = self.evidence
        proved = tuple(self.sentence(code) for code in evidence.proves)
        if proved:
            yield Text(self.say("proved"))
            yield Bullets(proved)
        else:
            yield Text(self.say("nothing_proved"))
        yield Text(self.say("limits"))
        yield Bullets(tuple(self.sentence(code) for code in evidence.limits))

    def files(self) -> Iterator[tuple[str, str]]:
        exhibit, file, block = self.exhibit, self.exhibit.file, self.evidence.block
        size = f"{self.evidence.size:,}"
        yield self.say("package"), self.say("bytes", name=exhibit.package.name, size=size)
        yield self.say("package_hash"), exhibit.package.sha256
        size = f"{len(exhibit.trust.data):,}"
        yield self.say("trust"), self.say("bytes", name=exhibit.trust.name, size=size)
        yield self.say("trust_hash"), exhibit.trust.sha256
        yield (
            self.say("trust_version"),
            self.say("version", version=file.version, expires=self.moment(file.expires)),
        )
        if self.exhibit.artefact is not None:
            yield self.say("digest"), hex_text(self.exhibit.artefact.digest)
        if exhibit.receipt is not None:
            yield self.say("root"), hex_text(exhibit.receipt.root)
        yield self.say("contract"), hex_text(file.contracts["anchors"].address)
        yield self.say("chain"), str(file.chain_id)
        yield self.say("genesis"), hex_text(file.genesis_hash)
        yield self.say("block_number"), str(block.number)
        yield self.say("block_hash"), hex_text(block.hash)
        yield self.say("state_root"), hex_text(block.state_root)

    def specifications(self) -> tuple[str, ...]:
        return tuple(self.say(f"spec_{name}") for name in SPECIFICATIONS)
