"""The gas of OpenAttestation's ``document-store``, from the bytecode that its npm package ships."""

import json
import re

from eth_abi.abi import encode
from eth_hash.auto import keccak

from benchmarks.deployment import Deployed
from benchmarks.installed import package
from benchmarks.table import Mark
from registry.chain.accounts import LocalAccount
from registry.chain.calls import ContractCall

PACKAGE = "@govtechsg/document-store"
_FACTORY = "dist/contracts/factories/contracts/DocumentStore__factory.js"
_CONTRACT = "DocumentStore"


class DocumentStore:
    """A deployed store whose owner may issue.

    Args:
        deployed: The chain that it goes to.

    Raises:
        NotInstalledError: The package is not there.
    """

    def __init__(self, deployed: Deployed) -> None:
        folder = package(PACKAGE)
        self.version = json.loads((folder / "package.json").read_text("utf-8"))["version"]
        found = re.search(r'_bytecode = "0x([0-9a-f]+)"', (folder / _FACTORY).read_text("utf-8"))
        if found is None:
            raise RuntimeError(f"{PACKAGE} {self.version} has no bytecode where it was")
        self._deployed, self._owner = deployed, LocalAccount.generate()
        arguments = encode(["string", "address"], ["Store", self._owner.address])
        creation = ContractCall(_CONTRACT, "", None, bytes.fromhex(found[1]) + arguments)
        self._address = deployed.execute(self._owner, creation).created

    def issue(self, roots: list[bytes]) -> Mark:
        """Issue roots in one call; return the gas of each."""
        if len(roots) == 1:
            data = _call("issue(bytes32)", "bytes32", roots[0])
        else:
            data = _call("bulkIssue(bytes32[])", "bytes32[]", roots)
        call = ContractCall(_CONTRACT, "issue", self._address, data)
        mined = self._deployed.execute(self._owner, call)
        if not mined.succeeded:
            raise RuntimeError(f"{PACKAGE} refused to issue")
        return Mark(f"document-store {self.version}", mined.gas_used / len(roots))


def _call(signature: str, kind: str, value: object) -> bytes:
    return keccak(signature.encode("ascii"))[:4] + encode([kind], [value])
