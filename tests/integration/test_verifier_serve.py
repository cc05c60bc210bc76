"""The verifier's service as its command starts it."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from api_world import ApiWorld

from tests.fakes.console import run_command
from tests.integration.web_service import wait_for
from verifier.cli import app
from verifier.web.submission import MAX_ASKED_CHARS

AUDIENCE = "https://verifier.example"
COMMAND = "from verifier.cli import main; main()"


@pytest.fixture(scope="module")
def home(api: ApiWorld, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verifier")
    settings = api.registry.settings
    trust = str(settings.directory / "trust.json")
    done = run_command(app, "--home", str(folder), "--rpc", str(settings.rpc_url), "trust", trust)
    assert (done.code, done.err) == (0, "")
    return folder


@contextmanager
def served(home: Path, *options: str) -> Iterator[httpx.Client]:
    command = [sys.executable, "-c", COMMAND, "--home", str(home), "serve", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as service:
        try:
            assert service.stdout is not None
            address = service.stdout.readline().strip()
            with httpx.Client(base_url=address, timeout=30, trust_env=False) as client:
                wait_for(lambda: client.get("/health").status_code == 200)
                yield client
        finally:
            service.terminate()


def asked(client: httpx.Client) -> str:
    """Whom a holder is told to sign for, when the request names another host."""
    answer = client.post("/v1/challenges", headers={"host": "elsewhere.example"})
    assert answer.status_code in (200, 201), answer.text
    audience: str = answer.json()["audience"]
    return audience


def test_challenges_are_made_in_the_name_that_was_given(home: Path) -> None:
    with served(home, "--audience", AUDIENCE) as client:
        assert asked(client) == AUDIENCE
    with served(home) as client:
        assert asked(client) == "http://elsewhere.example"


@pytest.mark.parametrize("audience", ["", " ", "a\n", " a", "x" * (MAX_ASKED_CHARS + 1)])
def test_a_name_that_nobody_could_repeat_is_refused(home: Path, audience: str) -> None:
    done = run_command(app, "--home", str(home), "serve", "--port", "0", f"--audience={audience}")
    assert done.out == ""
    assert done.err.splitlines()[0] == "audience_invalid"
    assert done.code not in (0, 1)


def test_clients_that_leave_before_they_are_answered_end_nothing(home: Path) -> None:
    with served(home) as client:
        address = ("127.0.0.1", client.base_url.port or 0)
        for _ in range(20):
            with socket.create_connection(address, 10) as connection:
                connection.sendall(b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n")
        assert client.get("/health").status_code == 200
