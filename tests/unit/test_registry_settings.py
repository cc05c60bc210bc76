"""Settings: production by default, no secret by default, and none in an error."""

from pathlib import Path

import pytest

from registry.errors import SettingsError
from registry.settings import load_settings

ORIGIN = "https://registry.example"


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DIRECTORY", "ORIGIN", "PASSPHRASE", "PASSPHRASE_FILE"):
        monkeypatch.delenv(f"REGISTRY_{name}", raising=False)


def test_production_is_the_default_and_waits_48_hours(tmp_path: Path) -> None:
    settings = load_settings(directory=tmp_path, origin=ORIGIN)
    assert settings.environment == "production"
    assert settings.council_delay == 48 * 3600
    with pytest.raises(SettingsError, match="passphrase_missing"):
        settings.read_passphrase()


def test_production_demands_https(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="origin_not_https") as caught:
        load_settings(directory=tmp_path, origin="http://registry.example")
    for told in (caught.value.message("zh"), caught.value.message("en")):
        assert "--origin" in told
        assert "--development" in told
        assert "http://registry.example" in told
    development = load_settings(
        directory=tmp_path, origin="http://127.0.0.1:8480", environment="development"
    )
    assert development.origin == "http://127.0.0.1:8480"


@pytest.mark.parametrize(
    "origin", ["https://registry.example/", "https://registry.example/v1", "registry.example", ""]
)
def test_an_origin_is_bare(tmp_path: Path, origin: str) -> None:
    with pytest.raises(SettingsError, match="origin"):
        load_settings(directory=tmp_path, origin=origin)


def test_settings_come_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTRY_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("REGISTRY_ORIGIN", ORIGIN)
    monkeypatch.setenv("REGISTRY_BATCH_SECONDS", "7")
    assert load_settings().batch_seconds == 7
    monkeypatch.setenv("REGISTRY_BATCH_SECONDS", "soon")
    with pytest.raises(SettingsError, match="batch_seconds"):
        load_settings()


def test_a_passphrase_comes_from_a_file_and_stays_out_of_sight(tmp_path: Path) -> None:
    secret = tmp_path / "passphrase"
    secret.write_text("a long enough passphrase\n", "utf-8")
    settings = load_settings(directory=tmp_path, origin=ORIGIN, passphrase_file=secret)
    assert settings.read_passphrase() == "a long enough passphrase"
    settings = load_settings(directory=tmp_path, origin=ORIGIN, passphrase="hidden in here")
    assert "hidden" not in repr(settings)
    with pytest.raises(SettingsError) as caught:
        load_settings(directory=tmp_path, origin=ORIGIN, passphrase=["hidden in here"])
    assert "hidden" not in f"{caught.value!r} {caught.value}"


def test_a_passphrase_must_be_there_and_long(tmp_path: Path) -> None:
    absent = load_settings(directory=tmp_path, origin=ORIGIN, passphrase_file=tmp_path / "absent")
    with pytest.raises(SettingsError, match="passphrase_unreadable"):
        absent.read_passphrase()
    short = load_settings(directory=tmp_path, origin=ORIGIN, passphrase="short")
    with pytest.raises(SettingsError, match="passphrase_short"):
        short.read_passphrase()


@pytest.mark.parametrize(
    ("urls", "again"),
    [
        ("http://a.example:8545,http://a.example:8545", 2),
        ("https://a.example/key,https://b.example/key,https://A.example:443/key/", 3),
    ],
)
def test_a_node_counts_once(tmp_path: Path, urls: str, again: int) -> None:
    with pytest.raises(SettingsError, match="rpc_urls_repeated") as caught:
        load_settings(directory=tmp_path, origin=ORIGIN, rpc_urls=urls)
    assert caught.value.details == {"first": 1, "again": again}
    assert "example" not in str(caught.value)  # an address may hold a credential


def test_nodes_of_one_host_are_told_apart(tmp_path: Path) -> None:
    urls = "https://a.example/one,https://a.example/two,https://a.example:8545/one"
    assert len(load_settings(directory=tmp_path, origin=ORIGIN, rpc_urls=urls).nodes) == 3
