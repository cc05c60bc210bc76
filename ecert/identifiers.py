"""Identifiers of people, organisations and certificates: form, meaning, check character.

=========================  ==========================  ==========================================
identifier                 standard                    check character
=========================  ==========================  ==========================================
resident ID number         GB 11643                    ISO 7064 MOD 11-2 over 17 digits
unified social credit code GB 32100                    weighted sum modulo 31 over 17 characters
certificate identifier     GB/T 36904                  ISO 7064 MOD 37,36 over all its parts
=========================  ==========================  ==========================================

All three algorithms catch every change of a single character; the first two also every swap of
two neighbours. What is accepted is exactly the standard's written form: ASCII, upper case, no
blanks. Tolerance for what people type belongs to whoever reads their input (the importer), since
what is signed must have one spelling.

An error never repeats the identifier: it is personal. Positions count from 1.
"""

import datetime as dt
import re
from dataclasses import dataclass
from functools import lru_cache
from operator import mul
from typing import Literal

from stdnum import numdb

from ecert.errors import IdentifierError

CERTIFICATE_ROOT = "1.2.156.3005.2."
"""The object identifier under which GB/T 36904 puts all electronic certificates."""

_RESIDENT_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_RESIDENT_CHECKS = "10X98765432"
_RESIDENT_LAST = frozenset(_RESIDENT_CHECKS)
_CREDIT_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_CREDIT_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
_CREDIT_CHARS = frozenset(_CREDIT_ALPHABET)
# Value of each character; for digits the same in both algorithms.
_VALUES = bytes(max(_CREDIT_ALPHABET.find(chr(code)), 0) for code in range(256))
_ALNUM = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_UPPER_ALNUM = frozenset(_ALNUM)
_DIGITS = frozenset("0123456789")

# ISO/IEC 7064 MOD 37,36: what a check so far becomes with a character of each value.
_ALNUM_VALUES = bytes(max(_ALNUM.find(chr(code)), 0) for code in range(256))
_MOD_37_36 = [[((check or 36) * 2 % 37 + value) % 36 for value in range(36)] for check in range(36)]
_CREDIT_AUTHORITIES = frozenset("123456789ANY")
# Residents from Hong Kong, Macao and Taiwan: codes of their residence permits, the last of which
# is not a division of GB/T 2260.
_PERMIT_DIVISIONS = {"810000": "香港特别行政区", "820000": "澳门特别行政区", "830000": "台湾"}

_LENGTH = 18
_CERTIFICATE_PARTS = 5
_TYPE_LENGTH = 21
_DIVISION_LENGTH = 6
_VERSION = re.compile(r"[0-9]{3}\Z")
MAX_SERIAL_CHARS = 64
MAX_CERTIFICATE_IDENTIFIER_CHARS = 160
"""Length in characters, root included: 15 + 21 + 18 + 64 + 3 + 1 and the dots between."""


@dataclass(frozen=True, slots=True)
class ResidentId:
    """A resident ID number (GB 11643) whose form and check digit are right."""

    text: str
    division: str
    """Six-digit division code (GB/T 2260) where the number was given out."""
    birth_date: dt.date
    sequence: str
    sex: Literal["male", "female"]
    """Odd sequence numbers are given to men, even ones to women."""


@dataclass(frozen=True, slots=True)
class CreditCode:
    """A unified social credit code (GB 32100) whose form and check character are right."""

    text: str
    authority: str
    """The registering authority's character, e.g. 1 for public bodies, 9 for enterprises."""
    entity_type: str
    division: str
    organisation: str
    """The organisation code (GB 11714), characters 9 to 17."""


@dataclass(frozen=True, slots=True)
class CertificateIdentifier:
    """A certificate identifier (GB/T 36904) whose form and check character are right."""

    text: str
    """The canonical text, with the root."""
    type_code: str
    """Credit code of the body that defined the type, and three characters."""
    issuer: str
    """Credit code of the issuer, or a six-digit division code."""
    serial: str
    version: str
    check: str


def check_resident_id(text: str) -> ResidentId:
    """Check a resident ID number (GB 11643).

    The division must be one that GB/T 2260 has ever listed: a number keeps the code of the place
    and time where it was given out, which may be long after the birth and before a later reform.

    Args:
        text: Eighteen characters, the last of them a digit or X.

    Returns:
        The number and its parts.

    Raises:
        IdentifierError: ``identifier_not_text``, ``resident_id_length``, ``resident_id_alphabet``,
            ``resident_id_division_unknown``, ``resident_id_birth_date``,
            ``resident_id_check_character``.
    """
    _check_characters(text, "resident_id", _DIGITS, last=_RESIDENT_LAST)
    if text[-1] != _resident_check(text[:-1]):
        raise IdentifierError("resident_id_check_character")
    if division_name(text[:6]) is None:
        raise IdentifierError("resident_id_division_unknown")
    try:
        birth = dt.date(int(text[6:10]), int(text[10:12]), int(text[12:14]))
    except ValueError as error:
        raise IdentifierError("resident_id_birth_date") from error
    sex: Literal["male", "female"] = "male" if int(text[16]) % 2 else "female"
    return ResidentId(text, text[:6], birth, text[14:17], sex)


def check_credit_code(text: str) -> CreditCode:
    """Check a unified social credit code (GB 32100).

    The division is checked as six digits only: registries also use codes of development zones
    that GB/T 2260 does not list.

    Raises:
        IdentifierError: ``identifier_not_text``, ``credit_code_length``, ``credit_code_alphabet``,
            ``credit_code_authority_unknown``, ``credit_code_division``,
            ``credit_code_check_character``.
    """
    _check_characters(text, "credit_code", _CREDIT_CHARS)
    if text[-1] != _credit_check(text[:-1]):
        raise IdentifierError("credit_code_check_character")
    if text[0] not in _CREDIT_AUTHORITIES or text[1] not in _DIGITS - {"0"}:
        raise IdentifierError("credit_code_authority_unknown")
    if not _DIGITS.issuperset(text[2:8]):
        raise IdentifierError("credit_code_division")
    return CreditCode(text, text[0], text[1], text[2:8], text[8:17])


def check_certificate_identifier(text: str) -> CertificateIdentifier:
    """Check a certificate identifier (GB/T 36904), with or without its root.

    Args:
        text: ``[1.2.156.3005.2.]<type 21>.<issuer 18 or 6>.<serial>.<version 3>.<check>``.

    Returns:
        The parts, and the canonical text with the root.

    Raises:
        IdentifierError: ``identifier_not_text``, ``certificate_identifier_length``,
            ``certificate_identifier_structure``, ``certificate_identifier_alphabet``,
            ``certificate_identifier_type``, ``certificate_identifier_issuer``,
            ``certificate_identifier_version``, ``certificate_identifier_check_character``.
    """
    if not isinstance(text, str):
        raise IdentifierError("identifier_not_text", found=type(text).__name__)
    if len(text) > MAX_CERTIFICATE_IDENTIFIER_CHARS:
        limit = MAX_CERTIFICATE_IDENTIFIER_CHARS
        raise IdentifierError("certificate_identifier_length", limit=limit)
    bare = text.removeprefix(CERTIFICATE_ROOT)
    parts = bare.split(".")
    if len(parts) != _CERTIFICATE_PARTS or len(parts[-1]) != 1:
        raise IdentifierError("certificate_identifier_structure")
    type_code, issuer, serial, version, check = parts
    _check_certificate_parts(type_code, issuer, serial, version)
    if check not in _UPPER_ALNUM:
        raise IdentifierError("certificate_identifier_alphabet", part="check")
    if check != _mod_37_36(type_code + issuer + serial + version):
        raise IdentifierError("certificate_identifier_check_character")
    return CertificateIdentifier(CERTIFICATE_ROOT + bare, type_code, issuer, serial, version, check)


def make_certificate_identifier(type_code: str, issuer: str, serial: str, version: str) -> str:
    """Build a certificate identifier (GB/T 36904) with its root and check character.

    Raises:
        IdentifierError: As ``check_certificate_identifier``, for a part of wrong form.
    """
    for part in (type_code, issuer, serial, version):
        if not isinstance(part, str):
            raise IdentifierError("identifier_not_text", found=type(part).__name__)
    _check_certificate_parts(type_code, issuer, serial, version)
    check = _mod_37_36(type_code + issuer + serial + version)
    return f"{CERTIFICATE_ROOT}{type_code}.{issuer}.{serial}.{version}.{check}"


def check_issuer(code: str) -> None:
    """Check that ``code`` can stand as the issuer in a certificate identifier (GB/T 36904).

    Args:
        code: A unified social credit code, or a six-digit division code.

    Raises:
        IdentifierError: ``certificate_identifier_issuer``.
    """
    if len(code) != _DIVISION_LENGTH or not _DIGITS.issuperset(code):
        _check_part_code(code, "certificate_identifier_issuer")


def resident_id_check_character(digits: str) -> str:
    """Return the check digit for the first 17 digits of a resident ID number.

    Raises:
        IdentifierError: ``identifier_not_text``, ``resident_id_length``, ``resident_id_alphabet``.
    """
    _check_characters(digits, "resident_id", _DIGITS, length=_LENGTH - 1)
    return _resident_check(digits)


def credit_code_check_character(body: str) -> str:
    """Return the check character for the first 17 characters of a credit code.

    Raises:
        IdentifierError: ``identifier_not_text``, ``credit_code_length``, ``credit_code_alphabet``.
    """
    _check_characters(body, "credit_code", _CREDIT_CHARS, length=_LENGTH - 1)
    return _credit_check(body)


@lru_cache(maxsize=8192)
def division_name(code: str) -> str | None:
    """Return the province and name of a division that GB/T 2260 lists or once listed.

    Returns:
        For instance ``北京市朝阳区``, or None for a code never given out. Where one code named
        several places over time, the latest name.
    """
    if code in _PERMIT_DIVISIONS:
        return _PERMIT_DIVISIONS[code]
    if len(code) != _DIVISION_LENGTH or not _DIGITS.issuperset(code):
        return None
    # The table names a province for any code that starts with its two digits, so the county's
    # own entry is what says whether the code exists.
    found: dict[str, str] = {}
    for _, properties in numdb.get("cn/loc").info(code):
        found.update(properties)
    county = found.get("county")
    if county is None:
        return None
    name = county.split(",")[-1].rpartition("]")[2]
    return name if name == found["province"] else found["province"] + name


def _check_characters(
    text: str,
    kind: str,
    alphabet: frozenset[str],
    *,
    length: int = _LENGTH,
    last: frozenset[str] | None = None,
) -> None:
    if not isinstance(text, str):
        raise IdentifierError("identifier_not_text", found=type(text).__name__)
    if len(text) != length:
        raise IdentifierError(f"{kind}_length", found=len(text), expected=length)
    if alphabet.issuperset(text[:-1]) and text[-1] in (last or alphabet):
        return
    for position, char in enumerate(text, start=1):
        allowed = last if last is not None and position == length else alphabet
        if char not in allowed:
            raise IdentifierError(f"{kind}_alphabet", position=position)


def _check_certificate_parts(type_code: str, issuer: str, serial: str, version: str) -> None:
    parts = {"type": type_code, "issuer": issuer, "serial": serial, "version": version}
    for name, part in parts.items():
        if not _UPPER_ALNUM.issuperset(part):
            raise IdentifierError("certificate_identifier_alphabet", part=name)
    if not 0 < len(serial) <= MAX_SERIAL_CHARS:
        raise IdentifierError("certificate_identifier_length", limit=MAX_SERIAL_CHARS)
    if _VERSION.match(version) is None:
        raise IdentifierError("certificate_identifier_version")
    if len(type_code) != _TYPE_LENGTH:
        raise IdentifierError("certificate_identifier_type")
    _check_part_code(type_code[:_LENGTH], "certificate_identifier_type")
    check_issuer(issuer)


@lru_cache(maxsize=1024)  # a department's documents share these two parts
def _check_part_code(code: str, error_code: str) -> None:
    try:
        check_credit_code(code)
    except IdentifierError as error:
        raise IdentifierError(error_code) from error


def _mod_37_36(text: str) -> str:
    """Return the check character of digits and capitals (ISO/IEC 7064 MOD 37,36)."""
    check = 18
    for value in text.encode("ascii").translate(_ALNUM_VALUES):
        check = _MOD_37_36[check][value]
    return _ALNUM[(1 - (check or 36) * 2 % 37) % 36]


def _resident_check(digits: str) -> str:
    values = digits.encode("ascii").translate(_VALUES)
    return _RESIDENT_CHECKS[sum(map(mul, values, _RESIDENT_WEIGHTS)) % 11]


def _credit_check(body: str) -> str:
    values = body.encode("ascii").translate(_VALUES)
    total = sum(map(mul, values, _CREDIT_WEIGHTS))
    return _CREDIT_ALPHABET[(31 - total) % 31]
