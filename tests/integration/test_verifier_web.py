"""What the verifier's web service answers: reports to programs, pages to people."""

import html
import io
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
import segno
from PIL import Image

from ecert import card, sd_jwt
from ecert.encoding import b64url_decode
from ecert.fields import time_text
from ecert.signing import SoftwareSigner
from tests.fakes.world import POLICE, RESIDENT, World
from tests.integration.web_service import HTML, first, paper, serving_world
from verifier.web import challenges
from verifier.web.schemas import REPORT_EXAMPLE, ReportsBody


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def client(world: World) -> Iterator[httpx.Client]:
    with serving_world(world) as opened:
        yield opened


def whole_face(world: World) -> str:
    """The text of a card that is printed, with its receipt."""
    issued = world.issue_card("full", holder=None)
    (receipt,) = world.anchor(issued.digest)
    return card.with_receipt(issued.text, receipt.compact())


def picture(*texts: str) -> bytes:
    """A PNG with a QR code for each text, side by side."""
    codes = []
    for text in texts:
        file = io.BytesIO()
        segno.make(text, error="m").save(file, kind="png", scale=4, border=6)
        codes.append(Image.open(file).convert("L"))
    sheet = Image.new("L", (sum(c.width for c in codes), max(c.height for c in codes)), 255)
    left = 0
    for code in codes:
        sheet.paste(code, (left, 0))
        left += code.width
    file = io.BytesIO()
    sheet.save(file, "PNG")
    return file.getvalue()


def words(page: str) -> str:
    """The page's text."""
    return html.unescape(re.sub(r"<[^>]*>", " ", page))


# -- what programs get


def test_a_document_is_checked_whatever_way_it_is_sent(world: World, client: httpx.Client) -> None:
    data = paper(world)
    for kind in ("application/octet-stream", "application/x-www-form-urlencoded", "text/plain", ""):
        answer = client.post("/v1/verify", content=data, headers={"content-type": kind})
        assert first(answer)["verdict"] == "valid"
    for part in ({"file": data}, {"photo": data}, {"text": (None, data)}):
        assert first(client.post("/v1/verify", files=part))["verdict"] == "valid"
    report = first(answer)
    assert report["document"]["claims"] == RESIDENT
    assert report["as_of"] == time_text(int(world.now.timestamp()))
    ReportsBody.model_validate(answer.json())


def test_every_verdict_is_an_answer_not_an_error(world: World, client: httpx.Client) -> None:
    data = paper(world)
    unread = client.post("/v1/verify", content=b"hello")
    assert first(unread)["verdict"] == "unreadable"
    assert unread.json()["reports"][0]["document"] is None
    ReportsBody.model_validate(unread.json())
    world.statuses[POLICE, 1, 7] = 1
    assert first(client.post("/v1/verify", content=data))["verdict"] == "revoked"
    world.down = True
    undecided = client.post("/v1/verify", content=data)
    assert (first(undecided)["verdict"], first(undecided)["as_of"]) == ("undecided", None)
    ReportsBody.model_validate(undecided.json())


def test_a_picture_of_two_cards_gives_two_reports(world: World, client: httpx.Client) -> None:
    data = picture(whole_face(world), whole_face(world))
    answer = client.post("/v1/verify", files={"photo": data})
    assert [report["verdict"] for report in answer.json()["reports"]] == ["valid", "valid"]
    page = client.post("/", files={"photo": data}, headers=HTML).text
    assert "Document 2 of 2" in words(page)
    assert page.count('id="result"') == 1


def test_spaces_in_a_cards_text_count(world: World, client: httpx.Client) -> None:
    text = whole_face(world)
    while "  " not in text:
        text = whole_face(world)
    sent = client.post("/v1/verify", files={"text": (None, f"\r\n{text}\r\n")})
    assert first(sent)["verdict"] == "valid"
    collapsed = client.post("/v1/verify", files={"text": (None, text.replace("  ", " "))})
    assert first(collapsed)["verdict"] == "unreadable"


def test_the_interface_describes_itself(client: httpx.Client) -> None:
    described = client.get("/openapi.json").json()
    assert set(described["paths"]) == {"/v1/verify", "/v1/challenges", "/health"}
    verify = described["paths"]["/v1/verify"]["post"]
    example = verify["responses"]["200"]["content"]["application/json"]["example"]
    assert example == REPORT_EXAMPLE
    ReportsBody.model_validate(example)
    assert set(verify["responses"]) == {"200", "400", "408", "409", "413", "429", "503"}
    form = verify["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"]
    assert set(form) == {
        *("file", "photo", "text", "audience", "nonce", "challenge", "require_holder")
    }
    for page in ("/docs", "/redoc"):
        assert client.get(page).status_code == 404


def test_health_says_whether_documents_can_be_checked(world: World, client: httpx.Client) -> None:
    assert client.get("/health").json() == {"status": "ok"}
    world.now += timedelta(days=60)
    answer = client.get("/health")
    assert (answer.status_code, answer.json()["code"]) == (503, "trust_expired")
    refused = client.post("/v1/verify", content=paper(world))
    assert (refused.status_code, refused.json()["code"]) == (503, "trust_expired")
    assert "retry-after" not in refused.headers


# -- challenges


def ask(client: httpx.Client) -> dict[str, str]:
    answer = client.post("/v1/challenges")
    assert answer.status_code == 201
    made = answer.json()
    return {name: made[name] for name in ("audience", "nonce", "challenge")}


def presented(world: World, asked: dict[str, str], *, nonce: str | None = None) -> bytes:
    holder = SoftwareSigner.generate()
    issued = world.issue(holder=holder.public_key)
    (receipt,) = world.anchor(issued.digest)
    shown = sd_jwt.present(
        issued.text,
        ("name",),
        holder=holder,
        audience=asked["audience"],
        nonce=nonce or asked["nonce"],
        now=world.now,
    )
    return world.file(shown, receipt)


def send(client: httpx.Client, data: bytes, asked: dict[str, str]) -> httpx.Response:
    fields = {name: (None, value) for name, value in asked.items()}
    return client.post("/v1/verify", files={"file": data, **fields})


def test_a_challenge_of_this_service_is_taken_once(world: World, client: httpx.Client) -> None:
    asked = ask(client)
    assert asked["audience"] == str(client.base_url).rstrip("/")
    data = presented(world, asked)
    report = first(send(client, data, asked))
    assert (report["verdict"], report["steps"][8]["outcome"]) == ("valid", "passed")
    again = send(client, data, asked)
    assert (again.status_code, again.json()["code"]) == (409, "challenge_used")
    assert "reports" not in again.json()
    assert ask(client)["nonce"] != asked["nonce"]


def test_a_challenge_is_used_up_by_a_proof_that_holds_alone(
    world: World, client: httpx.Client
) -> None:
    asked = ask(client)
    other = presented(world, asked, nonce="another-nonce")
    assert first(send(client, other, asked))["verdict"] == "holder_not_proven"
    assert first(send(client, b"a wrong file", asked))["verdict"] == "unreadable"
    assert first(send(client, presented(world, asked), asked))["verdict"] == "valid"


def test_a_challenge_too_old_or_of_another_service_is_refused(
    world: World, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ask(client)
    with serving_world(world) as other:
        answer = send(other, presented(world, asked), asked)
        assert (answer.status_code, answer.json()["code"]) == (409, "challenge_unknown")
    monkeypatch.setattr(challenges, "CHALLENGE_SECONDS", 0)
    answer = send(client, presented(world, asked), asked)
    assert (answer.status_code, answer.json()["code"]) == (409, "challenge_expired")


def test_a_callers_own_nonce_is_the_callers_to_watch(world: World, client: httpx.Client) -> None:
    asked = {"audience": "https://school.example", "nonce": "n-0S6_WzA2Mj"}
    data = presented(world, asked)
    for _ in range(2):
        assert first(send(client, data, asked))["steps"][8]["outcome"] == "passed"
    half = send(client, data, {"nonce": "n-0S6_WzA2Mj"})
    assert (half.status_code, half.json()["code"]) == (400, "asked_incomplete")


def test_a_card_answers_the_same_challenge(world: World, client: httpx.Client) -> None:
    holder = SoftwareSigner.generate()
    issued = world.issue_card(holder=holder.public_key)
    (receipt,) = world.anchor(issued.digest)
    text = card.with_receipt(issued.text, receipt.compact())
    asked = ask(client)
    challenge = b64url_decode(asked["challenge"])
    shown = card.with_proof(text, holder=holder, now=world.now, challenge=challenge)
    report = first(send(client, shown.encode(), {"challenge": asked["challenge"]}))
    assert (report["verdict"], report["document"]["claims"]) == ("valid", {"over_18": True})
    again = send(client, shown.encode(), {"challenge": asked["challenge"]})
    assert again.json()["code"] == "challenge_used"


def test_the_page_keeps_its_challenge_in_the_form(world: World, client: httpx.Client) -> None:
    page = client.get("/challenge", headers=HTML).text
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page))
    assert fields.pop("require_holder") == "1"
    assert set(fields) == {"audience", "nonce", "challenge"}
    assert page.count(fields["nonce"]) >= 3  # to copy, and in the fields
    data = presented(world, fields)
    parts = {"file": data, **{name: (None, value) for name, value in fields.items()}}
    assert "Valid" in words(client.post("/", files=parts, headers=HTML).text)
    refused = client.post("/", files=parts, headers=HTML)
    assert refused.status_code == 409
    assert "answered already" in words(refused.text)
    assert 'class="banner refused"' in refused.text


# -- what people see


def test_the_page_works_without_script(world: World, client: httpx.Client) -> None:
    page = client.get("/", headers=HTML).text
    assert 'method="post" enctype="multipart/form-data"' in page
    assert 'type="file" id="photo" name="photo" accept="image/*" capture="environment"' in page
    # As a browser sends it: all parts, those not filled in empty.
    empty = ("", b"")
    parts: dict[str, Any] = {
        "photo": empty,
        "file": ("id.ecert.json", paper(world)),
        **dict.fromkeys(("text", "audience", "nonce", "challenge"), (None, "")),
    }
    answer = client.post("/?lang=en", files=parts)
    shown = words(answer.text)
    assert "<title>Valid · " in answer.text
    for label, value in (("Name", "林晓雨"), ("Resident ID number", "11010519491231002X")):
        assert label in shown
        assert value in shown
    assert answer.text.count('<tr class="passed">') == 2 * 9  # in either language
    assert "compare the person" in shown
    nothing = client.post("/?lang=en", files={"file": empty, "text": (None, " ")})
    assert nothing.status_code == 400
    assert "nothing to check yet" in words(nothing.text)


def test_what_a_document_says_is_text_never_markup(world: World, client: httpx.Client) -> None:
    name = "<script>alert(1)</script>  \"'><img src=x on=y>"
    page = client.post("/", files={"file": paper(world, claims={**RESIDENT, "name": name})}).text
    assert html.escape(name).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in page
    assert re.findall(r"<script[^>]*>", page) == ['<script src="/static/enhance.js" defer>']
    assert "<img" not in page


@pytest.mark.parametrize("path", ["/", "/challenge", "/nowhere"])
def test_pages_carry_no_inline_code_and_load_nothing_from_elsewhere(
    client: httpx.Client, path: str
) -> None:
    page = client.get(path).text
    assert not re.search(r"<[^>]+\s(style|on[a-z]+)\s*=", page)
    loaded = re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="([^"]*)"', page)
    assert loaded
    assert all(address.startswith("/static/") for address in loaded)
    for address in loaded:
        assert client.get(address).status_code == 200


def test_signs_differ_where_people_must_act_differently(world: World, client: httpx.Client) -> None:
    def sign(data: bytes) -> tuple[str, str, str]:
        page = client.post("/", files={"file": data}, headers=HTML).text
        match = re.search(
            r'class="banner (\w+)">\s*<svg class="sign".*?>(.*?)</svg>.*?<h1[^>]*>(.*?)</h1>',
            page,
            re.DOTALL,
        )
        assert match
        return match[1], match[2].strip(), match[3]

    other = SoftwareSigner.generate()
    good = paper(world, index=1)
    seen = {
        "valid": sign(good),
        "expired": sign(paper(world, clear={"exp": int(world.now.timestamp()) - 5})),
        "unknown issuer": sign(paper(world, signer=other)),
        "tampered": sign(tampered(good)),
        "unreadable": sign(b"hello"),
    }
    world.statuses |= {(POLICE, 1, 2): 1, (POLICE, 1, 3): 2}
    seen["revoked"] = sign(paper(world, index=2))
    seen["suspended"] = sign(paper(world, index=3))
    world.down = True
    seen["network"] = sign(good)
    for part in (1, 2):  # shape and word; the colour besides
        assert len({found[part] for found in seen.values()}) == len(seen)
    tones = {name: found[0] for name, found in seen.items()}
    assert {tones[name] for name in ("revoked", "unknown issuer", "tampered")} == {"bad"}
    assert {tones["expired"], tones["suspended"]} == {"warn"}
    assert (tones["valid"], tones["network"], tones["unreadable"]) == ("good", "open", "none")


def tampered(data: bytes) -> bytes:
    """The document with one character of its signature changed."""
    at = data.index(b"~") - 20
    return data[:at] + (b"A" if data[at : at + 1] != b"A" else b"B") + data[at + 1 :]


def test_the_visitors_language(world: World, client: httpx.Client) -> None:
    for accept, language in (
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"),
        ("en-GB,zh;q=0.5", "en"),
        ("fr, en;q=0.1", "en"),
        ("fr", "zh-CN"),
        ("en;q=x, zh;q=0.1", "zh-CN"),
    ):
        page = client.get("/", headers={"accept-language": accept}).text
        assert f'<html lang="{language}">' in page
    assert '<html lang="en">' in client.get("/?lang=en", headers={"accept-language": "zh"}).text
    # A result cannot be fetched again, so it holds both.
    page = client.post("/?lang=en", files={"file": paper(world)}).text
    assert '<html lang="en">' in page
    assert "Valid" in words(page)
    assert "有效" in words(page)
    assert "出生日期" in words(page)


def test_a_form_that_is_refused_keeps_what_was_typed(client: httpx.Client) -> None:
    text = "\n  EC1:A  B\n"
    parts = {"text": (None, text), "challenge": (None, 'not base64url <">')}
    answer = client.post("/?lang=en", files=parts)
    assert answer.status_code == 400
    # The parser of HTML drops the first newline after the tag.
    assert f'wrap="soft">\n{text}</textarea>' in answer.text
    assert 'value="not base64url &lt;&#34;&gt;"' in answer.text
