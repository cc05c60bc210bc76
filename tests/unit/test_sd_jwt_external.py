"""The 17 specifications of sd-jwt-python (``!sd`` marks what is disclosable), both ways.

Each is issued here and by that library, disclosed by the rules of its own file, and must come out
of ``verify`` as its file expects. The two that differ only in JSON serialization are refused by
name: compact form is the one that is accepted.
"""

from datetime import UTC, datetime

import pytest
import yaml
from jwcrypto.jwk import JWK
from sd_jwt.common import SDObj
from sd_jwt.holder import SDJWTHolder
from sd_jwt.issuer import SDJWTIssuer

from ecert import sd_jwt
from ecert.encoding import b64url_decode
from ecert.errors import MalformedError
from ecert.sd_jwt import Disclosable
from ecert.signing import ES256, SoftwareSigner

CASES = [
    "array_data_types",
    "array_full_sd",
    "array_in_sd",
    "array_nested_in_plain",
    "array_none_disclosed",
    "array_of_nulls",
    "array_of_objects",
    "array_of_scalars",
    "array_recursive_sd",
    "array_recursive_sd_some_disclosed",
    "header_mod",
    "json_serialization_flattened",
    "json_serialization_general",
    "key_binding",
    "no_sd",
    "object_data_types",
    "recursions",
]


class Loader(yaml.SafeLoader):
    """Reads ``!sd``."""


def _marked(loader, node):
    if isinstance(node, yaml.MappingNode):
        return SDObj(loader.construct_mapping(node, deep=True))
    if isinstance(node, yaml.SequenceNode):
        return SDObj(loader.construct_sequence(node, deep=True))
    return SDObj(loader.construct_object(yaml.ScalarNode(_tag(loader, node), node.value)))


def _tag(loader, node):
    return loader.resolve(yaml.ScalarNode, node.value, (node.style is None, False))


Loader.add_constructor("!sd", _marked)


def load(path):
    return yaml.load(path.read_text("utf-8"), Loader)


def own(value):
    """Put this project's markers where the file has ``!sd``."""
    if isinstance(value, SDObj):
        return Disclosable(own(value.value))
    if isinstance(value, list):
        return [own(item) for item in value]
    if isinstance(value, dict):
        members = {}
        for name, item in value.items():
            marked = isinstance(name, SDObj)
            members[name.value if marked else name] = (
                Disclosable(own(item)) if marked else own(item)
            )
        return members
    return value


@pytest.fixture(scope="session")
def settings(vectors):
    return yaml.safe_load((vectors / "sd-jwt" / "settings.yml").read_text("utf-8"))


@pytest.fixture(scope="session")
def keys(settings):
    secrets = settings["key_settings"]
    jwks = {"issuer": secrets["issuer_keys"][0], "holder": secrets["holder_key"]}
    return {name: (jwk, signer_of(jwk)) for name, jwk in jwks.items()}


def signer_of(jwk):
    signer = SoftwareSigner.from_private_bytes(ES256, b64url_decode(jwk["d"]))
    assert signer.public_key.jwk["x"] == jwk["x"]
    return signer


@pytest.fixture(params=CASES)
def case(request, vectors):
    folder = vectors / "sd-jwt"
    assert sorted(path.parent.name for path in folder.glob("*/specification.yml")) == CASES
    return load(folder / request.param / "specification.yml")


def standard(settings):
    return {
        "iss": settings["identifiers"]["issuer"],
        "iat": settings["iat"],
        "exp": settings["exp"],
    }


def expected(case, settings, keys, *, bound):
    claims = standard(settings) | case["expect_verified_user_claims"]
    public = {name: value for name, value in keys["holder"][0].items() if name != "d"}
    return claims | ({"cnf": {"jwk": public}} if bound else {})


def verify(text, settings, keys, *, bound):
    return sd_jwt.verify(
        text,
        issuer_jwk=keys["issuer"][1].public_key.jwk,
        audience=settings["identifiers"]["verifier"],
        nonce=settings["key_binding_nonce"],
        now=datetime.now(UTC),
        require_key_binding=bound,
    ).claims


def from_library(case, settings, keys, *, bound, serialization):
    """Issue and present with sd-jwt-python."""
    holder = JWK(**keys["holder"][0]) if bound else None
    issuer = SDJWTIssuer(
        standard(settings) | case["user_claims"],
        JWK(**keys["issuer"][0]),
        holder,
        serialization_format=serialization,
        add_decoy_claims=True,
        extra_header_parameters={"typ": "dc+sd-jwt"} | case.get("extra_header_parameters", {}),
    )
    wallet = SDJWTHolder(issuer.sd_jwt_issuance, serialization_format=serialization)
    wallet.create_presentation(
        case["holder_disclosed_claims"],
        settings["key_binding_nonce"] if bound else None,
        settings["identifiers"]["verifier"] if bound else None,
        holder,
    )
    return wallet.sd_jwt_presentation


def test_what_the_library_presents_verifies_as_specified(case, settings, keys):
    bound = case.get("key_binding", False)
    serialization = case.get("serialization_format", "compact")
    text = from_library(case, settings, keys, bound=bound, serialization=serialization)
    if serialization == "json":
        with pytest.raises(MalformedError) as raised:
            sd_jwt.parse(text)
        assert raised.value.code == "sd_jwt_malformed"
        text = from_library(case, settings, keys, bound=bound, serialization="compact")
    claims = verify(text, settings, keys, bound=bound)
    assert claims == expected(case, settings, keys, bound=bound)


def test_what_is_issued_and_presented_here_verifies_as_specified(case, settings, keys):
    bound = case.get("key_binding", False)
    clear, hidden = standard(settings), {}
    if bound:
        clear["cnf"] = {"jwk": keys["holder"][1].public_key.jwk}
    for name, value in own(case["user_claims"]).items():
        if isinstance(value, Disclosable):
            hidden[name] = value.value
        else:
            clear[name] = value
    issued = sd_jwt.issue(clear, disclosable=hidden, signer=keys["issuer"][1])
    presented = sd_jwt.present(
        issued.text,
        [path for path in sd_jwt.disclosable_paths(issued.text) if wanted(case, path)],
        holder=keys["holder"][1] if bound else None,
        audience=settings["identifiers"]["verifier"],
        nonce=settings["key_binding_nonce"],
        now=datetime.now(UTC),
    )
    claims = verify(presented, settings, keys, bound=bound)
    assert claims == expected(case, settings, keys, bound=bound)


def wanted(case, path):
    """Whether the file discloses ``path`` (its tree says it by position)."""
    node = case["holder_disclosed_claims"]
    for part in path:
        try:
            node = node[part]
        except (LookupError, TypeError):
            return False
    return node not in (False, None)
