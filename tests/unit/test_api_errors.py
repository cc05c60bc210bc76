"""Every error of the project has an answer of its own, and no answer says too much."""

import json
from collections.abc import Iterator

import pytest

import registry.errors
from ecert import errors
from ecert.asgi import PROBLEM
from ecert.errors import EcertError
from ecert.rates import RateLimitedError
from registry.api.errors import problem, status_of

OWN_FAULT = {
    errors.KeystoreError, errors.TrustError, errors.AnchorError, errors.AuthorityError,
    errors.ProofError, errors.StatusError, errors.HolderBindingError,
    registry.errors.SettingsError, registry.errors.ReconciliationError,
}  # fmt: skip
"""What no request can cause: when it happens here, the registry is at fault."""


def classes(base: type[EcertError]) -> Iterator[type[EcertError]]:
    for found in base.__subclasses__():
        if found.__module__ in ("ecert.errors", "registry.errors"):
            yield found
        yield from classes(found)


@pytest.mark.parametrize("kind", sorted(set(classes(EcertError)), key=lambda kind: kind.__name__))
def test_each_class_of_error_is_the_callers_or_the_registrys_own(kind: type[EcertError]) -> None:
    status = status_of(kind("too_deep"))
    if kind in OWN_FAULT or kind is registry.errors.RegistryError:
        assert status == 500
    elif kind is errors.UnavailableError:
        assert status == 503
    else:
        assert 400 <= status < 500


def test_size_and_rate_have_their_own_status() -> None:
    assert status_of(errors.MalformedError("too_large", where="x", size=2, limit=1)) == 413
    assert status_of(RateLimitedError(3)) == 429


def test_a_problem_says_what_happened_in_both_languages() -> None:
    answer = problem(404, registry.errors.NotFoundError("document_unknown", id="0" * 32))
    body = json.loads(bytes(answer.body))
    assert answer.media_type == PROBLEM == "application/problem+json"
    assert body["title"] == "Not Found"
    assert body["details"] == {"id": "0" * 32}
    assert body["zh"] == registry.errors.NotFoundError("document_unknown", id="0" * 32).message(
        "zh"
    )
