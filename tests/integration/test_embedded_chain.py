"""The embedded chain keeps what it persisted through any crash, and knows what it lost."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount

from ecert.errors import EcertError, MalformedError, UnavailableError
from networks.embedded import EmbeddedChain, endpoint
from networks.rpc import LoopbackRpc
from networks.snapshot import BlockRef, Snapshot, write_durably

pytestmark = pytest.mark.usefixtures("anvil")

STORE_BLOCK_NUMBER = "0x4360005560016000526001601ff3"
"""Init code that writes the block's number to slot 0 and leaves one byte of code."""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "chain"


@pytest.fixture
def running(directory: Path) -> Iterator[EmbeddedChain]:
    with EmbeddedChain(directory) as chain:
        yield chain


def rpc(chain: EmbeddedChain) -> LoopbackRpc:
    return LoopbackRpc(chain.rpc_url)


def deploy(
    chain: EmbeddedChain, account: LocalAccount, nonce: int, init_code: str = STORE_BLOCK_NUMBER
) -> dict:
    """Create a contract and return its receipt."""
    transaction = {
        "nonce": nonce,
        "gasPrice": 0,
        "gas": 200_000,
        "value": 0,
        "data": init_code,
        "chainId": chain.chain_id,
    }
    node = rpc(chain)
    raw = account.sign_transaction(transaction).raw_transaction
    sent = node.call("eth_sendRawTransaction", "0x" + raw.hex())
    for _ in range(500):
        if receipt := node.call("eth_getTransactionReceipt", sent):
            return receipt
        time.sleep(0.005)
    raise AssertionError("not mined")


def head(chain: EmbeddedChain) -> BlockRef:
    return BlockRef.from_rpc(rpc(chain).call("eth_getBlockByNumber", "latest", False))


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc here")


@needs_proc
def test_it_has_no_account_of_its_own_and_listens_on_loopback_only(running: EmbeddedChain) -> None:
    assert rpc(running).call("eth_accounts") == []
    assert int(rpc(running).call("eth_gasPrice"), 16) == 0
    host, port = running.rpc_url.removeprefix("http://").split(":")
    assert host.startswith("127.")
    address = f"{int.from_bytes(socket.inet_aton(host), sys.byteorder):08X}:{int(port):04X}"
    listening = Path(f"/proc/{running.pid}/net/tcp").read_text().splitlines()[1:]
    local = [line.split()[1] for line in listening if line.split()[3] == "0A"]
    assert [one for one in local if one.endswith(address[-5:])] == [address]


@needs_proc
def test_no_page_on_the_web_guesses_its_address(running: EmbeddedChain, directory: Path) -> None:
    with EmbeddedChain(directory.with_name("other")) as other:
        hosts = {chain.rpc_url.rpartition(":")[0] for chain in (running, other)}
    assert len(hosts) == 2
    assert "http://127.0.0.1" not in hosts
    assert endpoint(directory) == running.rpc_url


def test_its_address_stays_the_same_while_this_machine_has_it(directory: Path) -> None:
    urls = []
    for _ in range(2):
        with EmbeddedChain(directory) as chain:
            urls.append(chain.rpc_url)
    assert urls[0] == urls[1]
    for foreign in ("http://192.0.2.1:9", "nonsense"):
        (directory / "endpoint.json").write_text(json.dumps({"url": foreign, "port": 9}))
        with EmbeddedChain(directory) as chain:
            assert chain.rpc_url.startswith("http://127.")


def test_an_unfunded_account_deploys_at_no_price(running: EmbeddedChain) -> None:
    receipt = deploy(running, Account.create(), 0)
    assert int(receipt["status"], 16) == 1
    assert int(receipt["effectiveGasPrice"], 16) == 0


def test_kill_after_persist_keeps_the_block_and_loses_what_came_after(directory: Path) -> None:
    account = Account.create()
    with EmbeddedChain(directory) as chain:
        contract = deploy(chain, account, 0)["contractAddress"]
        final = chain.persist()
        assert final == head(chain) == chain.final
        assert chain.snapshot_bytes == (directory / "state.json").stat().st_size > 0
        stored = rpc(chain).call("eth_getStorageAt", contract, "0x0", "latest")
        late = deploy(chain, account, 1)
        url = chain.rpc_url
        os.kill(chain.pid, signal.SIGKILL)
    time.sleep(2.5)

    with EmbeddedChain(directory) as chain:
        assert chain.rpc_url == url == endpoint(directory)
        assert chain.final == head(chain) == final
        assert rpc(chain).call("eth_getStorageAt", contract, "0x0", "latest") == stored
        logs = rpc(chain).call("eth_getTransactionReceipt", late["transactionHash"])
        assert logs is None
        assert int(deploy(chain, account, 1)["status"], 16) == 1  # sent again, it succeeds
        after = head(chain)
        assert after.number == final.number + 1
        assert abs(after.timestamp - time.time()) < 2  # the clock did not stand while it was down


def test_a_node_that_dies_under_its_owner_is_started_again_at_the_same_address(
    running: EmbeddedChain,
) -> None:
    account = Account.create()
    deploy(running, account, 0)
    final = running.persist()
    deploy(running, account, 1)
    url = running.rpc_url
    assert running.ensure_running() is False
    os.kill(running.pid, signal.SIGKILL)
    while running.alive():
        time.sleep(0.01)
    with pytest.raises(UnavailableError, match="rpc_unreachable"):
        running.persist()
    assert running.ensure_running() is True
    assert (running.rpc_url, head(running), running.final) == (url, final, final)


def test_the_genesis_block_survives_a_kill_before_anything_was_persisted(directory: Path) -> None:
    with EmbeddedChain(directory) as chain:
        genesis, chain_id = head(chain), chain.chain_id
        os.kill(chain.pid, signal.SIGKILL)
    with EmbeddedChain(directory) as chain:
        assert (head(chain), chain.chain_id) == (genesis, chain_id)


def test_two_owners_cannot_share_a_directory(running: EmbeddedChain) -> None:
    with pytest.raises(UnavailableError, match="chain_directory_locked"):
        EmbeddedChain(running.directory)
    assert running.alive()


def test_each_chain_has_its_own_id_and_keeps_it(directory: Path, running: EmbeddedChain) -> None:
    running.close()
    with pytest.raises(UnavailableError, match="chain_id_differs"):
        EmbeddedChain(directory, chain_id=running.chain_id + 1)
    with EmbeddedChain(directory.with_name("other")) as other:
        assert other.chain_id != running.chain_id


OWNER = """
import sys, time
from pathlib import Path
from networks.embedded import EmbeddedChain
chain = EmbeddedChain(Path(sys.argv[1]))
print(chain.pid, flush=True)
time.sleep(600)
"""


@needs_proc
def test_a_node_left_over_by_a_killed_owner_is_ended(directory: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(directory)], stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    left_over = int(owner.stdout.readline())
    owner.kill()
    owner.communicate()
    os.kill(left_over, 0)  # it outlives its owner
    with EmbeddedChain(directory) as chain:
        assert chain.pid != left_over
        stat = Path(f"/proc/{left_over}/stat")
        assert not stat.exists() or stat.read_text().rsplit(")", 1)[1].split()[0] == "Z"


def test_owners_killed_at_any_moment_leave_nothing_that_hinders_the_next(directory: Path) -> None:
    for delay in (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3):
        owner = subprocess.Popen(
            [sys.executable, "-c", OWNER, str(directory)], stdout=subprocess.DEVNULL
        )
        while not (directory / "owner.lock").exists():
            time.sleep(0.005)
        time.sleep(delay)
        owner.kill()
        owner.wait()
    with EmbeddedChain(directory) as chain:
        assert int(deploy(chain, Account.create(), 0)["status"], 16) == 1
        assert chain.persist().number == 1


BUSY_OWNER = """
import json, sys
from pathlib import Path
from eth_account import Account
from networks.embedded import EmbeddedChain
from networks.rpc import LoopbackRpc
chain = EmbeddedChain(Path(sys.argv[1]))
node = LoopbackRpc(chain.rpc_url)
account = Account.create()
nonce = 0
while True:
    for _ in range(5):
        raw = account.sign_transaction({
            "nonce": nonce, "gasPrice": 0, "gas": 100_000, "value": 0, "to": account.address,
            "data": bytes(2000), "chainId": chain.chain_id,
        }).raw_transaction
        node.call("eth_sendRawTransaction", "0x" + raw.hex())
        nonce += 1
    block = chain.persist()
    print(json.dumps([block.number, block.hash.hex()]), flush=True)
"""


def test_what_was_called_final_is_there_after_a_kill_at_any_moment(directory: Path) -> None:
    for delay in (0.0, 0.02, 0.05, 0.1):
        owner = subprocess.Popen(
            [sys.executable, "-c", BUSY_OWNER, str(directory)], stdout=subprocess.PIPE, text=True
        )
        assert owner.stdout is not None
        told = owner.stdout.readline()
        time.sleep(delay)
        owner.kill()
        told += owner.communicate()[0]
        number, digest = json.loads([line for line in told.splitlines() if line[-1:] == "]"][-1])
        with EmbeddedChain(directory) as chain:
            assert chain.final.number >= number
            block = rpc(chain).call("eth_getBlockByNumber", hex(number), False)
            assert block["hash"] == "0x" + digest
            assert chain.persist() == chain.final


def test_snapshots_taken_under_load_are_whole(running: EmbeddedChain) -> None:
    accounts = [Account.create() for _ in range(3)]
    stop = threading.Event()
    failures: list[Exception] = []

    def load(account: LocalAccount) -> None:
        nonce = 0
        try:
            while not stop.is_set():
                deploy(running, account, nonce)
                nonce += 1
        except Exception as error:  # noqa: BLE001 - shown below
            failures.append(error)

    threads = [threading.Thread(target=load, args=(account,)) for account in accounts]
    for thread in threads:
        thread.start()
    numbers = []
    for _ in range(15):
        numbers.append(running.persist().number)
        saved = Snapshot.from_json((running.directory / "state.json").read_bytes(), where="test")
        assert saved.whole
        assert saved.number == numbers[-1]
    stop.set()
    for thread in threads:
        thread.join()
    assert not failures
    assert numbers == sorted(numbers)
    assert numbers[-1] > numbers[0]


def test_a_torn_dump_is_noticed(running: EmbeddedChain) -> None:
    """A dump whose accounts hold one transaction more than its blocks is not whole."""
    account = Account.create()
    deploy(running, account, 0)
    running.persist()
    text = (running.directory / "state.json").read_bytes()
    state = json.loads(text)
    state["accounts"][account.address.lower()]["nonce"] += 1
    assert Snapshot.from_json(text, where="test").whole
    assert not Snapshot.from_json(json.dumps(state).encode(), where="test").whole


@pytest.mark.parametrize(
    "init_code",
    [
        "0x",  # a contract without code
        "0x600060006000f000",  # one that creates another without code
        "0x33ff",  # one that destroys itself
        "0x60006000fd",  # one that fails
    ],
)
def test_contracts_without_code_do_not_hinder_snapshots(
    running: EmbeddedChain, init_code: str
) -> None:
    account = Account.create()
    deploy(running, account, 0, init_code)
    deploy(running, account, 1)
    assert running.persist() == head(running)


@pytest.mark.parametrize("cut", [0, 1, 100, -1])
def test_a_damaged_snapshot_is_refused_and_kept(directory: Path, cut: int) -> None:
    with EmbeddedChain(directory) as chain:
        deploy(chain, Account.create(), 0)
        chain.persist()
    path = directory / "state.json"
    damaged = path.read_bytes()[:cut]
    path.write_bytes(damaged)
    with pytest.raises(MalformedError, match="chain_snapshot_malformed"):
        EmbeddedChain(directory)
    assert path.read_bytes() == damaged


def test_a_full_disk_leaves_the_last_snapshot(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    write_durably(path, b"old")
    (tmp_path / "state.json.new").mkdir()  # nothing can be written beside it
    with pytest.raises(UnavailableError, match="chain_snapshot_not_written"):
        write_durably(path, b"new")
    assert path.read_bytes() == b"old"


def test_only_the_owner_reads_a_chains_files(directory: Path) -> None:
    directory.mkdir(mode=0o755)
    left = directory / "state.json.new"
    left.touch(0o644)  # by a crash
    before = os.umask(0o022)
    try:
        with EmbeddedChain(directory):
            modes = {path.name: path.stat().st_mode & 0o777 for path in directory.glob("*.*")}
    finally:
        os.umask(before)
    written = ("chain.json", "endpoint.json", "node.pid", "state.json")
    assert {name: modes[name] for name in written} == dict.fromkeys(written, 0o600)


@pytest.mark.parametrize("content", [None, "", "[]", '{"port": 1}'])
def test_an_unknown_endpoint_is_an_error_with_a_sentence(
    tmp_path: Path, content: str | None
) -> None:
    if content is not None:
        (tmp_path / "endpoint.json").write_text(content)
    with pytest.raises(EcertError) as raised:
        endpoint(tmp_path)
    assert raised.value.code == "chain_not_started"
    assert str(tmp_path) in raised.value.message("zh")


def test_a_missing_binary_is_an_error_that_says_what_to_do(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECERT_ANVIL", str(directory / "nothing"))
    with pytest.raises(UnavailableError, match="anvil_missing"):
        EmbeddedChain(directory)


def test_block_zero_stays_the_same_however_often_the_node_starts(running: EmbeddedChain) -> None:
    def saved() -> list[int]:
        state = json.loads((running.directory / "state.json").read_bytes())
        return sorted(int(block["header"]["number"], 16) for block in state["blocks"])

    running._rpc.call("evm_mine")
    genesis = running._block("0x0")["hash"]
    for _ in range(3):
        running.persist()
        assert saved() == list(range(len(saved())))
        time.sleep(1)  # a first block that the node makes itself has another time
        os.kill(running.pid or 0, signal.SIGKILL)
        running._process.wait()
        assert running.ensure_running()
        assert running._block("0x0")["hash"] == genesis
        running._rpc.call("evm_mine")
