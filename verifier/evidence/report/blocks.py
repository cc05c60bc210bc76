"""What a report consists of, whatever it is laid out as. All texts are data, never markup."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from ecert.errors import Language

Tone = Literal["good", "bad", "warn", "open", "none"]


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph."""

    text: str
    form: ClassVar[str] = "text"


@dataclass(frozen=True, slots=True)
class Rows:
    """Names and values.

    Attributes:
        rows: Each name with its value.
        large: Whether the values are what a reader compares: a certificate's content.
    """

    rows: tuple[tuple[str, str], ...]
    large: bool = False
    form: ClassVar[str] = "rows"


@dataclass(frozen=True, slots=True)
class Bullets:
    """Sentences that stand beside each other."""

    items: tuple[str, ...]
    form: ClassVar[str] = "bullets"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a head; the first cell of each names it.

    Attributes:
        head: What the columns hold.
        rows: Cells.
        widths: Each column's share of the width.
        strong: Positions of the rows that must not be overlooked.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    widths: tuple[int, ...]
    strong: tuple[int, ...] = ()
    form: ClassVar[str] = "table"


@dataclass(frozen=True, slots=True)
class Commands:
    """Lines to type on a terminal."""

    lines: tuple[str, ...]
    form: ClassVar[str] = "commands"


Block = Text | Rows | Bullets | Table | Commands


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it.

    Attributes:
        heading: The heading.
        blocks: What stands under it.
        level: 2, or 3 within the section before.
    """

    heading: str
    blocks: tuple[Block, ...]
    level: int = 2


@dataclass(frozen=True, slots=True)
class Part:
    """The whole report in one language.

    Attributes:
        language: Of all that is said.
        title: What this is.
        tone: How the verdict is shown: ``good`` for valid alone.
        sign: The shape beside the verdict.
        word: The verdict.
        warning: That this certifies no validity; "" where it does.
        caution: That one operator stands for it alone; "" where more do.
        sentences: The verdict's sentence, and what must be read with it.
        sections: All else.
    """

    language: Language
    title: str
    tone: str
    sign: str
    word: str
    warning: str
    caution: str
    sentences: tuple[str, ...]
    sections: tuple[Section, ...]
