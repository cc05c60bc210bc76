"""What the commands share: the folder, the nodes, the languages."""

from enum import StrEnum
from pathlib import Path

from ecert.client.home import Home
from ecert.errors import Language


class Shown(StrEnum):
    """Languages to print."""

    ZH = "zh"
    EN = "en"
    BOTH = "both"

    @property
    def languages(self) -> tuple[Language, ...]:
        """The languages in order."""
        return ("zh", "en") if self is Shown.BOTH else ("zh",) if self is Shown.ZH else ("en",)


class Options:
    """Set by the root command."""

    home = Home(Path.home() / ".ecert" / "verifier")
    nodes: tuple[str, ...] = ()
