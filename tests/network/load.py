"""Officers who issue, suspend, reinstate and revoke without a pause, and note what was taken."""

import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Self

import httpx

from tests.integration.registry_world import table
from tests.network.office import Office

ROWS = 3
PAUSE_SECONDS = 0.4
"""Between two imports: a few documents a second."""

_SEEDS = count(1)
"""Rows are never the same again: the same application twice is refused."""

_TURN = (("valid", "revoke"), ("valid", "suspend"), ("suspended", "reinstate"))
_AFTER = {"revoke": "revoked", "suspend": "suspended", "reinstate": "valid"}


@dataclass
class Load:
    """A stream of work for one office; every request must be confirmed, whatever the chain does.

    Attributes:
        office: Whose web service is asked.
        accepted: The documents whose approval was confirmed.
        statuses: The status that each must have in the end, by what was confirmed.
        changes: How many changes of status were confirmed.
    """

    office: Office
    accepted: list[str] = field(default_factory=list)
    statuses: dict[str, str] = field(default_factory=dict)
    changes: int = 0

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self._failure: Exception | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the stream; raise what was not confirmed."""
        self._stop.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def states(self) -> dict[str, dict[str, Any]]:
        """What the registry says of each accepted document."""
        with self.office.client("clerk") as clerk:
            found = self.office.documents(clerk)
        return {row: found[row] for row in list(self.accepted)}

    def anchored(self) -> int:
        """How many of the accepted documents the registry calls anchored."""
        return sum(row["state"] == "anchored" for row in self.states().values())

    def _work(self) -> None:
        try:
            with ExitStack() as stack:
                clerk, approver = (
                    stack.enter_context(self.office.client(who)) for who in ("clerk", "approver")
                )
                for number in count():
                    if self._stop.wait(PAUSE_SECONDS):
                        return
                    self._issue(clerk, approver)
                    if number % 2:
                        self._change(approver, *_TURN[number // 2 % len(_TURN)])
        except Exception as error:  # noqa: BLE001 - raised again where the stream is ended
            self._failure = error

    def _issue(self, clerk: httpx.Client, approver: httpx.Client) -> None:
        rows = table("resident-id", ROWS, seed=next(_SEEDS))
        files = {"file": ("rows.csv", rows, "text/csv")}
        job = _confirmed(clerk.post("/v1/imports", files=files, data={"kind": "resident-id"}))
        assert job["good"] == ROWS, job
        body = {"import_id": job["id"]}
        approved = _confirmed(approver.post("/v1/documents/approve", json=body))
        assert approved == {"approved": ROWS}
        page = _confirmed(clerk.get("/v1/documents", params={"import_id": job["id"]}))
        ids = [row["id"] for row in page["documents"]]
        assert len(ids) == ROWS
        self.accepted += ids
        self.statuses |= dict.fromkeys(ids, "valid")

    def _change(self, approver: httpx.Client, status: str, act: str) -> None:
        """Change the status of the oldest document that has this one, whether anchored or not."""
        for document, found in self.statuses.items():
            if found == status:
                url = f"/v1/documents/{document}"
                state = _confirmed(approver.get(url))["state"]
                if state == "anchored":
                    _confirmed(approver.post(f"{url}/{act}", json={"reason": "test"}))
                    self.statuses[document] = _AFTER[act]
                    self.changes += 1
                return


def _confirmed(answer: httpx.Response) -> Any:
    answer.raise_for_status()
    return answer.json()
