"""The real contracts on a chain: what a call costs, and a verifier's view of it."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from ecert.chain.node import Nodes
from ecert.chain.qbft import Extra
from ecert.checkpoint import Checkpoint
from ecert.kinds.catalogue import Catalogue
from ecert.signing import PublicKey, SoftwareSigner
from ecert.status import Status
from ecert.trust import EPOCH_LENGTH, PinnedBlock, TrustFile, TrustStore
from networks.embedded import EmbeddedChain
from registry.chain.accounts import LocalAccount
from registry.chain.calls import COUNCIL, ContractCall, Role
from registry.chain.deploy import deploy
from registry.chain.nonces import MemoryNonces
from registry.chain.rpc import RpcPool
from registry.chain.sender import Sender
from registry.chain.transactions import Mined
from registry.trust.drafting import contracts_of

_DAY = 86_400


class Deployed:
    """Contracts and a branch of departments, one under the other.

    Args:
        directory: Where the chain lives.
        departments: Codes, the top-level department first.
        kind: The kind that all of them may issue.
        stack: Ends the chain.
        urls: Nodes of a network that runs already, on which to deploy instead.

    Attributes:
        chain: The chain, where it is an embedded one.
        urls: The chain's nodes.
        chain_id: Its id.
        gas: What all transactions so far have used.
    """

    def __init__(
        self,
        directory: Path,
        departments: list[str],
        kind: str,
        stack: ExitStack,
        *,
        urls: Sequence[str] = (),
    ) -> None:
        self._embedded = not urls
        if self._embedded:
            self.chain = stack.enter_context(EmbeddedChain(directory))
        self.urls = list(urls) or [self.chain.rpc_url]
        self.chain_id = Nodes(self.urls).chain_id()
        self.gas = 0
        self._sender = Sender(RpcPool(self.urls, self.chain_id))
        self._nonces = MemoryNonces()
        self._council, self._admin = LocalAccount.generate(), LocalAccount.generate()
        self._contracts = deploy(
            self._sender, LocalAccount.generate(), council=self._council.address, delay=0
        )
        self._operator, self._signer = SoftwareSigner.generate(), SoftwareSigner.generate()
        parent = COUNCIL
        for code in departments:
            self.admit(parent, code, kind)
            parent = code

    def admit(self, parent: str | None, code: str, kind: str) -> None:
        """Admit a department and give its account the roles of its work."""
        calls, admin = self._contracts.departments, self._admin.address
        admission = calls.admit(
            parent, code, department_kind="PS", name="某市公安局", kinds=[kind], admin=admin
        )
        self._send(admission, self._council if parent is COUNCIL else self._admin)
        for role in (Role.ANCHOR, Role.STATUS):
            self._send(calls.grant_role(code, code, role, admin))

    def register_key(self, department: str, key: PublicKey) -> None:
        """Register a department's signing key."""
        self._send(self._contracts.departments.register_key(department, key))

    def anchor(self, department: str, root: bytes, size: int) -> tuple[Mined, bytes]:
        """Anchor a root; return also the call's data."""
        call = self._contracts.anchors.anchor(department, root, size)
        return self._send(call), call.data

    def anchor_many(self, department: str, roots: list[tuple[bytes, int]]) -> tuple[Mined, bytes]:
        """Anchor many roots; return also the call's data."""
        call = self._contracts.anchors.anchor_many(department, roots)
        return self._send(call), call.data

    def revoke(self, department: str, status_list: int, indices: list[int]) -> Mined:
        """Revoke entries of a status list."""
        return self._send(
            self._contracts.status.set_status(
                department, department, status_list, indices, Status.REVOKED
            )
        )

    def execute(self, account: LocalAccount, call: ContractCall) -> Mined:
        """Make any call, or create a contract, by any account."""
        return self._send(call, account)

    @property
    def addresses(self) -> list[str]:
        """The contracts whose events make the records."""
        found = self._contracts
        return [calls.address for calls in (found.departments, found.anchors, found.status)]

    @property
    def anchors(self) -> bytes:
        """The AnchorRegistry's address."""
        return bytes.fromhex(self._contracts.anchors.address[2:])

    def trust(self) -> TrustStore:
        """Return the trust roots of a verifier."""
        return TrustStore(self.trust_file(), Catalogue.load(), now=datetime.now(UTC))

    def trust_file(self) -> bytes:
        """Return the trust file that they are read from."""
        genesis = Nodes(self.urls).header(0)
        file = TrustFile(
            version=1,
            expires=int(time.time()) + _DAY,
            council=(self._signer.public_key,),
            threshold=1,
            chain_id=self.chain_id,
            genesis_hash=genesis.hash,
            engine="anvil" if self._embedded else "quorum",
            operators=(self._operator.public_key,),
            checkpoint=PinnedBlock(0, genesis.hash, genesis.state_root, self._validators()),
            epoch_length=None if self._embedded else EPOCH_LENGTH,
            contracts=contracts_of(self._contracts),
            catalogue_hash=Catalogue.load().hash,
        )
        return file.sign([self._signer])

    def checkpoint(self) -> bytes:
        """Put the chain on disk; return the operator's word that it is final."""
        block = self.chain.persist()
        word = Checkpoint(
            self.chain_id, block.number, block.hash, block.state_root, int(time.time())
        )
        return word.sign(self._operator)

    def _validators(self) -> tuple[bytes, ...]:
        """Return who seals from the first block on; nobody on an embedded chain."""
        if self._embedded:
            return ()
        return Extra.decode(Nodes(self.urls).block_header(0).extra).validators

    def _send(self, call: ContractCall, account: LocalAccount | None = None) -> Mined:
        mined = self._sender.execute(account or self._admin, call, self._nonces)
        self.gas += mined.gas_used
        return mined
