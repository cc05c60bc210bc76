"""How the validators changed: real networks are followed, and no change that was made up."""

from collections.abc import Callable, Iterable

import pytest
from qbft_vectors import NETWORKS, Recorded, recorded

from ecert import limits
from ecert.chain.header import BlockHeader
from ecert.chain.qbft import Extra, Vote
from ecert.chain.validators import Following, Handover, VotingRules, deciding, follow
from ecert.errors import ProofError
from tests.fakes.qbft_chain import QbftChain

QUORUM = VotingRules(30_000, in_epoch_blocks=True)


def refusal(act: Callable[[], object]) -> tuple[str, object]:
    with pytest.raises(ProofError) as error:
        act()
    return error.value.code, error.value.details.get("reason")


def handover_at(headers: tuple[bytes, ...] | list[bytes], first: int) -> Handover:
    """Return the change at a block, with the newest votes for it."""
    read = [BlockHeader.decode(header) for header in headers[: first + 1]]
    before, after = (Extra.decode(h.extra).validators for h in read[-2:])
    (recipient,) = set(before) ^ set(after)
    wanted = Vote(recipient, add=recipient in after)
    votes: dict[bytes, bytes] = {}
    for header in reversed(read[:-1]):
        if Extra.decode(header.extra).vote == wanted and len(votes) < deciding(len(before)):
            votes.setdefault(header.coinbase, header.encoded)
    return Handover(tuple(reversed(votes.values())), headers[first])


def test_more_than_half() -> None:
    assert [deciding(n) for n in range(1, 8)] == [1, 2, 2, 3, 3, 4, 4]


@pytest.mark.parametrize("network", NETWORKS)
def test_a_real_network_is_followed(network: str) -> None:
    real = recorded(network)
    rules = VotingRules(real.epoch, in_epoch_blocks=True)
    changes = [b for b in range(1, len(real.sets)) if real.sets[b] != real.sets[b - 1]]
    assert len(changes) == 2
    following = Following(0, real.sets[0], rules)
    for block in changes:
        following.take(handover_at(real.headers, block))
        assert (following.since, following.validators) == (block, real.sets[block])
    for block, header in enumerate(real.headers[1:], 1):
        assert following.at(block) == real.sets[block]
        following.check(BlockHeader.decode(header))


def first_change(network: str) -> tuple[Recorded, int]:
    real = recorded(network)
    return real, next(b for b in range(1, len(real.sets)) if real.sets[b] != real.sets[b - 1])


def test_an_epoch_block_that_two_engines_see_differently() -> None:
    real, change = first_change("goquorum-epoch-3")
    handover = handover_at(real.headers, change)
    assert any(BlockHeader.decode(vote).number % 3 == 0 for vote in handover.votes)
    besu = Following(0, real.sets[0], VotingRules(3, in_epoch_blocks=False))
    assert refusal(lambda: besu.take(handover)) == ("handover_invalid", "epoch")


@pytest.mark.parametrize("network", ["goquorum-epoch-3", "goquorum-epoch-8"])
def test_votes_that_lapsed_on_a_real_network(network: str) -> None:
    """As many proposers had voted before the epoch block, but the node did not count them."""
    real, change = first_change(network)
    wanted = Extra.decode(BlockHeader.decode(real.headers[change - 1]).extra).vote
    votes: dict[bytes, bytes] = {}
    for header in map(BlockHeader.decode, real.headers[: change - 1]):
        if Extra.decode(header.extra).vote == wanted:
            votes.setdefault(header.coinbase, header.encoded)
    last = BlockHeader.decode(real.headers[change - 1])
    votes = {proposer: header for proposer, header in votes.items() if proposer != last.coinbase}
    early = tuple(votes.values())[:2]
    assert BlockHeader.decode(early[0]).number // real.epoch < last.number // real.epoch
    following = Following(0, real.sets[0], VotingRules(real.epoch, in_epoch_blocks=True))
    handover = Handover((*early, last.encoded), real.headers[change])
    assert refusal(lambda: following.take(handover)) == ("handover_invalid", "epoch")


@pytest.mark.parametrize("size", [1, 2, 3, 4, 6, 7])
def test_adding_and_dropping(size: int) -> None:
    chain = QbftChain(size)
    following = Following(0, chain.sets[0], QUORUM)
    new = chain.new_key()
    chain.change((new, True))
    chain.block()
    following.take(handover_at(chain.headers, chain.height))
    assert following.validators == chain.validators
    assert len(following.validators) == size + 1
    chain.change((chain.validators[0], False))
    chain.block()
    following.take(handover_at(chain.headers, chain.height))
    assert following.validators == chain.validators


class Change:
    """A chain whose validators are about to add one, and what a forger may make of it."""

    def __init__(self, *, epoch: int = 30_000, before: int = 2) -> None:
        self.chain = QbftChain(4, epoch=epoch)
        self.chain.extend(before)
        self.old = self.chain.validators
        self.new = self.chain.new_key()
        self.after = tuple(sorted((*self.old, self.new)))
        self.vote = (self.new, True)
        self.rules = VotingRules(epoch, in_epoch_blocks=True)

    def votes(self, *proposers: bytes, vote: tuple[bytes, bool] | None = None) -> tuple[bytes, ...]:
        return tuple(self.chain.block(vote or self.vote, proposer=p) for p in proposers)

    def first(self, validators: tuple[bytes, ...] | None = None) -> bytes:
        return self.chain.header(self.chain.height + 1, validators or self.after)

    def refusal(self, handover: Handover) -> tuple[str, object]:
        following = Following(0, self.old, self.rules)
        found = refusal(lambda: following.take(handover))
        assert following.validators == self.old
        return found


def test_the_change_that_the_others_are_made_of() -> None:
    change = Change()
    handover = Handover(change.votes(*change.old[:3]), change.first())
    following = Following(0, change.old, change.rules)
    following.take(handover)
    assert following.validators == change.after == change.chain.validators


def test_votes_of_too_few() -> None:
    change = Change()
    votes = change.votes(*change.old[:2])
    assert change.refusal(Handover(votes, change.first()))[0] == "votes_too_few"
    assert change.refusal(Handover((), change.first()))[0] == "votes_too_few"


def test_votes_of_one_proposer_twice() -> None:
    change = Change()
    a, b, _, _ = change.old
    votes = change.votes(a, b, a)
    assert change.refusal(Handover(votes, change.first()))[0] == "votes_too_few"


def test_votes_of_a_stranger() -> None:
    change = Change()
    a, b, _, _ = change.old
    votes = change.votes(a, b, change.chain.new_key())
    assert change.refusal(Handover(votes, change.first())) == ("handover_invalid", "proposer")


def test_votes_that_an_epoch_block_had_ended() -> None:
    change = Change(epoch=5)  # blocks 3, 4 | 5
    votes = change.votes(*change.old[:3])
    assert change.refusal(Handover(votes, change.first())) == ("handover_invalid", "epoch")


def test_votes_on_another_candidate() -> None:
    change = Change()
    a, b, c, _ = change.old
    votes = (*change.votes(a, b), *change.votes(c, vote=(change.chain.new_key(), True)))
    assert change.refusal(Handover(votes, change.first())) == ("handover_invalid", "vote")


def test_votes_for_the_contrary() -> None:
    change = Change()
    a, b, c, _ = change.old
    votes = (*change.votes(a, b), *change.votes(c, vote=(change.new, False)))
    assert change.refusal(Handover(votes, change.first())) == ("handover_invalid", "vote")
    plain = (*votes[:2], change.chain.block())
    assert change.refusal(Handover(plain, change.first())) == ("handover_invalid", "vote")


def test_two_changes_at_once() -> None:
    change = Change()
    votes = change.votes(*change.old[:3])
    for after in (
        tuple(sorted((*change.after, change.chain.new_key()))),
        tuple(sorted((*change.old[1:], change.new))),
        change.old,
    ):
        first = change.first(after)
        assert change.refusal(Handover(votes, first)) == ("handover_invalid", "change")


def test_a_vote_too_many() -> None:
    change = Change()
    votes = change.votes(*change.old[:3])
    more = (*votes, change.chain.header(6, change.old, vote=change.vote, proposer=change.old[3]))
    assert change.refusal(Handover(more, change.first())) == ("handover_invalid", "surplus")


def test_votes_out_of_order() -> None:
    change = Change()
    a, b, c = change.votes(*change.old[:3])
    for votes in ((b, a, c), (a, c, b), (a, a, c)):
        assert change.refusal(Handover(votes, change.first()))[1] in ("order", "height")


def test_votes_without_a_quorum_of_seals() -> None:
    change = Change()
    a, b, c, d = change.old
    votes = change.votes(a, b)
    alone = change.chain.header(5, change.old, vote=change.vote, proposer=c, sealers=(c, d))
    first = change.chain.header(6, change.after, parent=parent_of(change, alone))
    assert change.refusal(Handover((*votes, alone), first))[0] == "seals_too_few"


def test_the_first_header_without_a_quorum_of_the_new_set() -> None:
    change = Change()
    votes = change.votes(*change.old[:3])
    number = change.chain.height + 1
    for sealers, code in (
        (change.after[:3], "seals_too_few"),
        ((*change.after[:3], change.chain.new_key()), "seal_of_stranger"),
        ((*change.after[:3], change.after[0]), "seal_doubled"),
    ):
        first = change.chain.header(number, change.after, sealers=sealers)
        assert change.refusal(Handover(votes, first))[0] == code


def test_the_first_header_is_the_next_after_the_last_vote() -> None:
    change = Change()
    votes = change.votes(*change.old[:3])
    number = change.chain.height + 1
    far = change.chain.header(number + 1, change.after, parent=change.chain.hash(number - 1))
    assert change.refusal(Handover(votes, far)) == ("handover_invalid", "height")
    near = change.chain.header(number - 1, change.after)
    assert change.refusal(Handover(votes, near)) == ("handover_invalid", "height")
    foreign = change.chain.header(number, change.after, parent=bytes(32))
    assert change.refusal(Handover(votes, foreign)) == ("handover_invalid", "parent")


def parent_of(change: Change, header: bytes) -> bytes:
    """Return the hash of a header that is not on the chain."""
    change.chain.headers.append(header)
    found = change.chain.hash(len(change.chain.headers) - 1)
    change.chain.headers.pop()
    return found


def two_changes() -> tuple[QbftChain, Handover, Handover]:
    chain = QbftChain(4)
    chain.extend(2)
    found = []
    for vote in ((chain.new_key(), True), (chain.validators[0], False)):
        chain.change(vote)
        chain.block()
        found.append(handover_at(chain.headers, chain.height))
    return chain, found[0], found[1]


def test_handovers_in_wrong_order_or_twice_or_one_left_out() -> None:
    chain, one, two = two_changes()
    good = Following(0, chain.sets[0], QUORUM)
    follow(good, (one, two))
    assert good.validators == chain.validators
    for wrong in ((two, one), (two,), (one, one), (one, two, two), (one, two, one)):
        following = Following(0, chain.sets[0], QUORUM)
        assert refusal(lambda f=following, w=wrong: follow(f, w))[0] in (
            *("handover_invalid", "votes_too_few", "validators_differ"),
        )


def test_handovers_without_end() -> None:
    chain, one, _ = two_changes()
    following = Following(0, chain.sets[0], QUORUM)
    many = (one,) * (limits.MAX_HANDOVERS + 1)
    assert refusal(lambda: follow(following, many))[0] == "handovers_too_many"


def test_a_vote_from_before_the_last_change_still_counts() -> None:
    """Its header is of the set before, which is known too."""
    chain = QbftChain(4)
    a, b, c, _ = chain.validators
    one, two = chain.new_key(), chain.new_key()
    chain.block((two, True), proposer=a)
    for proposer in (a, b, c):
        chain.block((one, True), proposer=proposer)
    assert len(chain.validators) == 5
    chain.block((two, True), proposer=b)
    chain.block((two, True), proposer=c)
    chain.block()
    assert len(Extra.decode(BlockHeader.decode(chain.headers[-1]).extra).validators) == 6
    following = Following(0, chain.sets[0], QUORUM)
    following.take(handover_at(chain.headers, 5))
    following.take(handover_at(chain.headers, 7))
    assert following.validators == chain.validators


def left_and_returned() -> tuple[QbftChain, bytes, list[Handover], list[bytes]]:
    """A chain of four whose last left and came back within an epoch; and the votes to drop it."""
    chain = QbftChain(4)
    chain.extend(2)
    gone = chain.validators[3]
    found = []
    for vote in ((gone, False), (gone, True)):
        chain.change(vote)
        chain.block()
        found.append(handover_at(chain.headers, chain.height))
    return chain, gone, found, list(found[0].votes)


def dropped_again(chain: QbftChain, gone: bytes, votes: Iterable[bytes]) -> Handover:
    """What two thieves make of used votes and one of their own in a block that all sealed."""
    one, two, *_ = kept = tuple(key for key in chain.validators if key != gone)
    fresh = chain.block((gone, False), proposer=one)
    first = chain.header(chain.height + 1, kept, proposer=one, sealers=(one, two))
    return Handover((*votes, fresh), first)


def test_votes_of_a_change_that_was_undone_are_used_up() -> None:
    chain, gone, handovers, votes = left_and_returned()
    following = Following(0, chain.sets[0], QUORUM)
    follow(following, handovers)
    wrong = dropped_again(chain, gone, votes[1:])
    assert refusal(lambda: following.take(wrong)) == ("handover_invalid", "lapsed")
    chain.change((gone, False))  # by new votes it goes
    chain.block()
    following.take(handover_at(chain.headers, chain.height))
    assert following.validators == chain.validators


def test_votes_from_before_the_certain_block_are_not_known_to_count() -> None:
    chain, gone, _, votes = left_and_returned()
    following = Following(chain.height, chain.validators, QUORUM)
    wrong = dropped_again(chain, gone, votes[1:])
    assert refusal(lambda: following.take(wrong)) == ("handover_invalid", "lapsed")
    assert following.branch().validators == chain.sets[0]


def test_votes_of_a_validator_from_before_it_left_are_used_up() -> None:
    chain = QbftChain(4)
    a, b, c, d = chain.validators
    new = chain.new_key()
    early = chain.block((new, True), proposer=d)
    following = Following(0, chain.sets[0], QUORUM)
    for vote in ((d, False), (d, True)):
        chain.change(vote)
        chain.block()
        following.take(handover_at(chain.headers, chain.height))
    votes = [chain.block((new, True), proposer=proposer) for proposer in (a, b)]
    assert new not in chain.validators
    first = chain.header(chain.height + 1, tuple(sorted((a, b, c, d, new))))
    wrong = Handover((early, *votes), first)
    assert refusal(lambda: following.take(wrong)) == ("handover_invalid", "lapsed")


def test_only_those_count_who_are_validators_later_on() -> None:
    change = Change()
    votes = change.votes(*change.old[:3])
    handover = Handover(votes, change.first())
    kept = Following(0, change.old, change.rules, counted=frozenset(change.after))
    kept.take(handover)
    gone = frozenset(change.after) - {change.old[0]}
    following = Following(0, change.old, change.rules, counted=gone)
    assert refusal(lambda: following.take(handover))[0] == "validators_retired"


def test_every_flipped_byte_of_a_handover_is_noticed() -> None:
    real, change = first_change("goquorum")
    handover = handover_at(real.headers, change)
    rules = VotingRules(real.epoch, in_epoch_blocks=True)
    for number in range(len(handover.votes) + 1):
        parts = [*handover.votes, handover.first]
        for position in range(len(parts[number])):
            changed = bytearray(parts[number])
            changed[position] ^= 1
            wrong = [*parts[:number], bytes(changed), *parts[number + 1 :]]
            following = Following(0, real.sets[0], rules)
            with pytest.raises(ProofError):
                following.take(Handover(tuple(wrong[:-1]), wrong[-1]))
