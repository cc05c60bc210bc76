"""Commands that find a report's values without this program, by tools that others make.

Lines as they are copied from a page of paper's width: none is longer than ``COLUMNS``, begins with
a space, or ends in a space or a hyphen, since readers of PDF drop those. What is one command ends
each line but its last within quotes, or with a backslash.
"""

from collections.abc import Iterable, Mapping, Sequence

from ecert.typesetting.text import text_width

COLUMNS = 92
"""Half-widths in a line of commands, at most."""

PACKAGES = ("cbor2", "rlp", "trie", "eth-keys", "eth-hash[pycryptodome]")
"""Libraries of the Python Package Index that the programs take."""

INSTALL = (
    "python3 -m venv again",
    ". again/bin/activate",
    f"pip install {' '.join(PACKAGES[:-1])} '{PACKAGES[-1]}'",
)
"""What installs them, apart from all else that the machine has."""

SEALS = (
    "python3 -c '",
    "import rlp",
    "from eth_hash.auto import keccak",
    "from eth_keys.datatypes import Signature",
    'header = rlp.decode(open("header", "rb").read())',
    "extra = rlp.decode(header[12])",
    "seals, extra[4] = extra[4], []",
    "header[12] = rlp.encode(extra)",
    "signed = keccak(rlp.encode(header))",
    'extra[3] = b""',
    "header[12] = rlp.encode(extra)",
    'print("state root", header[3].hex())',
    'print("block hash", keccak(rlp.encode(header)).hex())',
    'print("seal hash", signed.hex())',
    "def signer(seal): return Signature(seal).recover_public_key_from_msg_hash(signed)",
    "for seal in seals: print(signer(seal).to_address(), seal.hex())",
    "'",
)
"""Prints a header's state root and hashes, and each seal after the address of who made it."""

AUTHORITIES = (
    "python3 -c '",
    "import base64, json, ssl, sys",
    'listed = json.load(open(sys.argv[1]))["signed"]["timestamp_authorities"]',
    'def pem(text): return ssl.DER_cert_to_PEM_cert(base64.urlsafe_b64decode(text + "=="))',
    'open("authority.pem", "w").write("".join(map(pem, listed)))',
    '\' "$trust"',
)
"""Writes a trust file's timestamping authorities."""


def assigned(name: str, value: str) -> tuple[str, ...]:
    """Return lines that give a shell's variable a value of any length."""
    pieces = [""]
    for char in value:
        if text_width(_quoted(pieces[-1] + char)) > COLUMNS - len(name) - len("=\\"):
            pieces.append("")
        pieces[-1] += char
    lines = [_quoted(piece) for piece in pieces]
    lines[0] = f"{name}={lines[0]}"
    return (*(line + "\\" for line in lines[:-1]), lines[-1])


def parted(parts: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Return a program that writes parts of the package to files.

    Args:
        parts: Each file's name with where the part lies, in ``package`` or ``proof``.
    """
    return (
        "python3 -c '",
        "import cbor2, sys",
        'package = cbor2.loads(open(sys.argv[1], "rb").read())',
        "proof = cbor2.loads(package[4])",
        'def write(name, part): open(name, "wb").write(part)',
        *(f'write("{name}", {where})' for name, where in parts),
        '\' "$package"',
    )


def slots(given: Mapping[str, bytes], wanted: Mapping[str, str]) -> tuple[str, ...]:
    """Return a program that prints slots of storage.

    Args:
        given: Values by the names that ``wanted`` uses.
        wanted: What is printed, by its name: terms of ``k``, ``n``, ``plus`` and the names given.
    """
    return (
        "python3 -c '",
        "from eth_hash.auto import keccak",
        'def n(number): return number.to_bytes(32, "big")',
        'def k(*words): return keccak(b"".join(words))',
        'def plus(word, number): return n(int.from_bytes(word, "big") + number)',
        *(f'{name} = bytes.fromhex("{value.hex()}")' for name, value in given.items()),
        *(f'print("{name}", {term}.hex())' for name, term in wanted.items()),
        "'",
    )


def words(
    state_root: bytes, contracts: Iterable[tuple[str, bytes, Sequence[int]]]
) -> tuple[str, ...]:
    """Return a program that prints accounts and words of storage from the proof's nodes.

    Args:
        state_root: The state that they lie in.
        contracts: Each contract's name and address, with the slots that are asked for.
    """
    lines = []
    for name, address, asked in contracts:
        lines += [
            f'account = leaf(state, "{address.hex()}")',
            f'print("{name}", account[2].hex(), account[3].hex())',
            *(f'word("{slot:064x}")' for slot in asked),
        ]
    return (
        "python3 -c '",
        "import cbor2, rlp",
        "from eth_hash.auto import keccak",
        "from trie import HexaryTrie",
        'nodes = cbor2.loads(open("proof", "rb").read())[4]',
        "nodes = {keccak(node): node for node in nodes}",
        "def found(root, key): return HexaryTrie(nodes, root)[keccak(bytes.fromhex(key))]",
        'def leaf(root, key): return rlp.decode(found(root, key) or b"\\x80")',
        "def word(slot): print(leaf(account[2], slot).hex().zfill(64))",
        f'state = bytes.fromhex("{state_root.hex()}")',
        *lines,
        "'",
    )


def _quoted(text: str) -> str:
    """Return a text for a shell, in quotes always, so that nothing but a quote ends it."""
    return "'" + text.replace("'", "'\"'\"'") + "'"
