"""What the council has announced and neither made nor dropped yet."""

from collections.abc import Iterator
from dataclasses import dataclass

from ecert.chain.events import Scheduled, decode_log, topic_of
from ecert.chain.records import DEPARTMENTS
from ecert.chain.stored import CONTRACT_OF
from ecert.errors import MalformedError, messages
from ecert.fields import hex_text
from registry.chain.sender import Sender
from registry.council.chain import GRACE_SECONDS, CouncilView
from registry.council.wording import LANGUAGES, Words, describe, read_act


@dataclass(frozen=True, slots=True)
class Announcement:
    """An announced act.

    Attributes:
        words: What it will do.
        eta: The time from which it may be made, unix seconds.
        due: Whether that time has come.
    """

    words: Words
    eta: int
    due: bool


def announced(sender: Sender, view: CouncilView, *, now: int) -> Iterator[Announcement]:
    """Yield the acts that are announced and may still be made, the oldest first.

    Raises:
        UnavailableError: No node answers, or they do not agree.
    """
    contracts = {bytes.fromhex(address[2:]): name for address, name in view.contracts.items()}
    seen = set()
    topics = (topic_of(DEPARTMENTS, Scheduled),)
    for log in sender.logs(list(contracts), 0, sender.block_number(), topics=topics):
        event = decode_log(log, CONTRACT_OF[contracts[log.address]])
        if (log.address, event.act) in seen:
            continue
        seen.add((log.address, event.act))
        address = hex_text(log.address)
        eta = view.eta(address, event.call_data)
        if eta and now <= eta + GRACE_SECONDS:
            yield Announcement(_words(view, address, event.call_data), eta, now >= eta)


def _words(view: CouncilView, address: str, data: bytes) -> Words:
    try:
        return describe(read_act(view.contracts, address, data))
    except MalformedError:
        table = messages()["council_act_unknown"]  # announced with other tools
        return {
            language: table[language].format(data=hex_text(data[:68])) for language in LANGUAGES
        }
