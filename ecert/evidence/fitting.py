"""Is a package that proves nothing by a trust file false, or is it another registry's?

Asked only of what has failed, so that no package is ever believed for what is found here. Whoever
forges one may well make it look like another registry's: then nothing is decided by this trust
file, as of any file that is none of its chain.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from ecert.chain.header import BlockHeader
from ecert.chain.proof import ProofNodes
from ecert.chain.records import CONTRACTS
from ecert.chain.state_proof import StateProof
from ecert.checkpoint import Checkpoint
from ecert.document import DocumentFile
from ecert.errors import EcertError, ProofError, TrustError, UnavailableError
from ecert.evidence.package import Evidence
from ecert.trust import TrustFile


@contextmanager
def fitting(evidence: Evidence, file: TrustFile) -> Iterator[None]:
    """Let what fails within count as "cannot be decided" where it is of another registry.

    Raises:
        UnavailableError: ``evidence_other_registry``.
    """
    try:
        yield
    except (ProofError, TrustError) as error:
        if not _of_another(evidence, file):
            raise
        raise UnavailableError("evidence_other_registry", reason=error.code) from error


def _of_another(evidence: Evidence, file: TrustFile) -> bool:
    """Tell whether its engine, its receipt's chain or contract, or all its contracts are others."""
    state = evidence.proof.state
    sealed, signed = state.block.header is not None, state.block.checkpoint is not None
    if sealed != signed and sealed == (file.engine == "anvil"):
        return True
    try:
        return _receipt_differs(evidence.document, file) or _proves_others(state, file)
    except EcertError:  # it cannot be read: that is what is wrong with it
        return False


def _receipt_differs(document: bytes, file: TrustFile) -> bool:
    if not document.startswith(b"{"):  # a card's receipt names neither
        return False
    receipt = DocumentFile.from_bytes(document).receipt
    contract = file.contracts["anchors"].address
    return receipt is not None and (
        (receipt.chain_id, receipt.contract) != (file.chain_id, contract)
    )


def _proves_others(state: StateProof, file: TrustFile) -> bool:
    """Tell whether the state's root was given, and none of the trust file's contracts below it."""
    proof, root = ProofNodes(state.nodes), _state_root(state)
    return root in proof and not any(
        _has(proof, root, file.contracts[name].address) for name in CONTRACTS
    )


def _has(proof: ProofNodes, root: bytes, address: bytes) -> bool:
    try:
        proof.account(root, address)
    except ProofError:
        return False
    return True


def _state_root(state: StateProof) -> bytes:
    """Return the state root that the block names, whoever sealed or signed it."""
    if state.block.header is not None:
        return BlockHeader.decode(state.block.header).state_root
    return Checkpoint.unverified(state.block.checkpoint or b"").state_root
