"""Every bound on what is parsed, in one place, each with its unit.

A bound is named where it is applied, so that an error can say which limit was met.
"""

KIB = 1024
MIB = 1024 * KIB

MAX_JSON_DEPTH = 16
"""Nesting levels of objects and arrays in any JSON that is parsed."""

MAX_SD_JWT_BYTES = 128 * KIB
"""An SD-JWT with all its disclosures and key binding, as text."""

MAX_DISCLOSURES = 256
"""Disclosures in one SD-JWT, decoys in ``_sd`` not counted."""

MAX_DIGESTS = 1024
"""Digests (real and decoy) referenced by one SD-JWT."""

MAX_CARD_CHARS = 3 * KIB
"""A card's text; QR version 25-L holds 1,853 alphanumeric characters."""

MAX_DOCUMENT_FILE_BYTES = 1 * MIB
"""A ``.ecert.json`` file."""

MAX_PDF_BYTES = 16 * MIB
"""A PDF given to the verifier."""

MAX_PDF_ATTACHMENT_BYTES = 1 * MIB
"""One attachment of a PDF after decompression."""

MAX_IMAGE_BYTES = 16 * MIB
"""A PNG or JPG given to the verifier."""

MAX_IMAGE_PIXELS = 40_000_000
"""Width times height of an image before it is decoded."""

MAX_IMPORT_BYTES = 32 * MIB
"""A CSV or Excel file given to the registry."""

MAX_IMPORT_UNZIPPED_BYTES = 256 * MIB
"""An Excel file's content after decompression."""

MAX_IMPORT_ROWS = 100_000
"""Rows in one CSV or Excel file."""

MAX_IMPORT_RECORD_CHARS = 8 * MIB
"""One row of a CSV file as text: 64 columns, each as long as the csv module takes."""

MAX_STREAM_BYTES = 16 * 1024 * MIB
"""A CSV file that the registry's command line reads as a stream."""

MAX_STREAM_ROWS = 20_000_000
"""Rows in such a file."""

MAX_FIELD_CHARS = 1_000
"""One text field of a row or claim."""

MAX_TRUST_FILE_BYTES = 256 * KIB
"""A trust file."""

MAX_SNAPSHOT_BYTES = 1024 * MIB
"""An offline snapshot's database."""

MAX_RPC_BYTES = 16 * MIB
"""One answer of a JSON-RPC node."""

MAX_LOGS_BYTES = 64 * MIB
"""One range of the contracts' events, as a JSON-RPC node answers it; a full block fits."""

MAX_PROOF_NODES = 4_096
"""Trie nodes that prove what the contracts hold about one document."""

MAX_PROOF_WORDS = 1_024
"""Storage words of one contract that are proved for one document; nodes answer no more at once."""

MAX_VALIDATORS = 128
"""Validators of a network, and seals in a header."""

MAX_HEADER_BYTES = 16 * KIB
"""A block's header: 833 bytes with four validators, some 12 KiB with the most."""

MAX_HANDOVERS = 64
"""Changes of the set of validators between a certain block and one that is proved from it."""

MAX_SCANNED_HEADERS = 1 << 18
"""Headers asked for to find the votes behind such changes: several epochs of 30,000 blocks."""

MAX_TREE_SIZE = 1 << 20
"""Leaves in one Merkle tree."""

CARD_TREE_SIZE = 1 << 10
"""Leaves in a batch that has cards: a path of 320 bytes still fits a QR code."""

MAX_LINEAGE = 16
"""A department and its ancestors."""

STATUS_LIST_SIZE = 1 << 17
"""Entries in a status list, the least for herd privacy (DESIGN section 6)."""

MAX_STATUS_INDEX = (1 << 20) - 1
"""Largest index the StatusRegistry contract takes."""

MAX_CARD_DEPTH = 6
"""Nesting levels of arrays, maps and tags in a card."""

MAX_CARD_CLAIMS = 32
"""Claims of one card."""

MAX_CARD_TEXT_CHARS = 500
"""One text claim of a card."""

MAX_CARD_CHALLENGE_BYTES = 32
"""A verifier's challenge in a card holder's proof."""

CARD_PROOF_SECONDS = 60
"""How long a card holder's proof is valid."""

CARD_PROOF_AHEAD_SECONDS = 5
"""How far ahead of the verifier's clock a proof's time may lie."""

REPLAY_CACHE_SECONDS = 120
"""How long a verifier remembers a proof it accepted; more than a proof's life on both sides."""

REPLAY_CACHE_ENTRIES = 250_000
"""Proofs remembered at once: two thousand a second."""

MAX_KIND_FILE_BYTES = 64 * KIB
"""A kind's data file in the catalogue."""

MAX_IMPORT_COLUMNS = 64
"""Columns in a CSV or Excel file."""

MAX_IMPORT_CELLS = 2_000_000
"""Cells in an Excel file, all its sheets together."""

MAX_IMPORT_TEXT_CHARS = 64 * MIB
"""Text in an Excel file's cells: a short shared string may stand in a million of them."""

MAX_IMPORT_PARTS = 1_000
"""Parts (zip entries) in an Excel file."""

MAX_IMPORT_ERRORS = 10_000
"""Errors of one file that are listed; the rest are counted."""

MAX_EVIDENCE_BYTES = 256 * KIB
"""An evidence package; one document's is below 64 KiB."""

MAX_TIMESTAMP_BYTES = 32 * KIB
"""A timestamping authority's answer, its certificates included."""
