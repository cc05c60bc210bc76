"""A trust file as text: what a member must look at before signing, and who has signed."""

from collections.abc import Iterator
from hashlib import sha256

from ecert.fields import hex_text, time_text
from ecert.trust import PinnedBlock, TrustFile, UnverifiedTrust


def line(file: TrustFile) -> str:
    """Return a file's version, chain and end."""
    until = time_text(file.expires)
    return f"version {file.version}, chain {file.chain_id}, until {until}"


def describe(file: TrustFile) -> str:
    """Return all that a file says."""
    return "\n".join(_lines(file))


def differences(old: TrustFile, new: TrustFile) -> str:
    """Return what a file says other than the one in use: ``-`` no longer, ``+`` from now on."""
    before, after = list(_lines(old)), list(_lines(new))
    return "\n".join(
        (
            f"与现行第 {old.version} 版的差别 what differs from version {old.version} in use:",
            *(f"- {text}" for text in before if text not in after),
            *(f"+ {text}" for text in after if text not in before),
        )
    )


def signatures(found: UnverifiedTrust, old: TrustFile | None) -> str:
    """Return how many of its own council signed a file, and of the one before where that counts."""
    file = found.file
    text = f"签名 signatures of its council: {len(found.signers(file.council))} / {file.threshold}"
    if old is not None and old != file:
        text += f"; of the council before: {len(found.signers(old.council))} / {old.threshold}"
    return text


def _lines(file: TrustFile) -> Iterator[str]:
    yield f"版本 {line(file)}"
    yield f"链 chain: {file.engine}, genesis {hex_text(file.genesis_hash)}"
    if file.epoch_length is not None:
        yield f"投票周期 epoch length: {file.epoch_length}"
    yield f"检查点 checkpoint: {_block(file.checkpoint)}"
    yield from (
        f"  验证节点 validator {hex_text(address)}" for address in file.checkpoint.validators
    )
    yield f"先前检查点 earlier checkpoints: {len(file.history)}"
    yield from (f"  {_block(block)}" for block in file.history)
    yield f"理事会 council: {file.threshold} / {len(file.council)}"
    yield from (f"  理事会成员 member {key.kid}" for key in file.council)
    yield f"运营者 operators: {len(file.operators)}"
    yield from (f"  运营者 operator {key.kid}" for key in file.operators)
    for name, contract in file.contracts.items():
        code = hex_text(contract.code_hash)
        yield f"合约 {name}: {hex_text(contract.address)}, code {code}"
    yield f"目录 catalogue: {hex_text(file.catalogue_hash)}"
    yield f"登记服务 registries: {', '.join(file.registries) or '–'}"
    yield f"时间戳机构 timestamp authorities: {len(file.timestamp_authorities)}"
    yield from (f"  SHA-256 {sha256(der).hexdigest()}" for der in file.timestamp_authorities)


def _block(block: PinnedBlock) -> str:
    return f"block {block.number}, {hex_text(block.hash)}, state {hex_text(block.state_root)}"
