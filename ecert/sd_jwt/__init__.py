"""SD-JWT VC: the native form of a document.

RFC 9901 (Selective Disclosure for JWTs) in compact serialization, SHA-256, profiled by
draft-ietf-oauth-sd-jwt-vc. The way through: ``issue`` (department), ``present`` (holder),
``verify`` (verifier); ``parse``, ``verify_issuer`` and ``verify_key_binding`` are the steps of
``verify`` for those who need what lies between them.
"""

from ecert.sd_jwt.issuing import Disclosable, IssuedSdJwt, issue
from ecert.sd_jwt.names import KEY_BINDING_MAX_AGE_SECONDS, ClaimPath
from ecert.sd_jwt.parsing import UnverifiedSdJwt, parse
from ecert.sd_jwt.presenting import disclosable_paths, disclose, present
from ecert.sd_jwt.times import check_validity
from ecert.sd_jwt.verifying import VerifiedSdJwt, verify, verify_issuer, verify_key_binding

__all__ = [
    "KEY_BINDING_MAX_AGE_SECONDS",
    "ClaimPath",
    "Disclosable",
    "IssuedSdJwt",
    "UnverifiedSdJwt",
    "VerifiedSdJwt",
    "check_validity",
    "disclosable_paths",
    "disclose",
    "issue",
    "parse",
    "present",
    "verify",
    "verify_issuer",
    "verify_key_binding",
]
