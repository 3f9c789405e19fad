"""The CRM as the simulator plays it."""

from __future__ import annotations

import typing as t
from datetime import datetime, timedelta

from crm_simulator.application import Crm
from crm_simulator.limiting import Rule
from crm_simulator.world import Collection
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from typing_extensions import override

if t.TYPE_CHECKING:
    import random

    from starlette.requests import Request

STEP = timedelta(seconds=10)


class ExampleCrm(Crm):
    name = "example"
    rules: t.ClassVar = {"default": [Rule(10_000, 1)], "search": [Rule(10_000, 1)]}

    @override
    def populate(self, size: int) -> None:
        self.cap: int = self.options.get("cap", 100)
        self.lag: timedelta = self.options.get("lag", timedelta(0))
        self.counts_pages: bool = self.options.get("counts_pages", True)
        accounts: int = self.options.get("accounts", 3)
        crowd: range = self.options.get("crowd", range(0))
        self.tokens = 0
        self.valid = "good"
        self.items = Collection(self.world, "items", size, self._item)
        self.events = Collection(self.world, "events", size, self._event, crowd=crowd)
        self.accounts = [{"id": f"A{number}", "name": f"Account {number}"} for number in range(accounts)]

    @override
    def routes(self) -> list[Route]:
        return [
            Route("/items", self.list_items),
            Route("/events", self.list_events),
            Route("/events/search", self.search_events, methods=["POST"]),
            Route("/events/notes", self.notes, methods=["POST"]),
            Route("/accounts", self.list_accounts),
            Route("/accounts/{account}/members", self.list_members),
            Route("/token", self.token, methods=["POST"]),
        ]

    @override
    def pass_a_day(self) -> dict[str, dict[str, int]]:
        return {"events": self.events.pass_a_day(lambda rng, _: {"amount": f"${rng.randrange(1000)}.00"})}

    @override
    def authenticate(self, request: Request) -> Response | None:
        return None if request.headers.get("Authorization") == f"Bearer {self.valid}" else self.refuse(401)

    @override
    def needs_credentials(self, request: Request) -> bool:
        return not request.url.path.endswith("/token")

    @override
    def limit_of(self, request: Request) -> str:
        return "search" if request.url.path.endswith("/search") else "default"

    def _item(self, rng: random.Random, index: int) -> dict[str, t.Any]:
        return {"id": index, "name": f"Item {rng.randrange(10_000)}", "price": f"${rng.randrange(1, 9999)}.50"}

    def _event(self, rng: random.Random, index: int) -> dict[str, t.Any]:
        return {"id": str(index), "amount": f"${rng.randrange(1000)}.00", "detail": {"kind": rng.choice("abc")}}

    def _row(self, index: int) -> dict[str, t.Any]:
        times = {"modified": self.events.modified_at(index).isoformat(timespec="milliseconds").replace("+00:00", "Z")}
        if index in self.events.archived:
            times["archivedAt"] = self.events.archived[index].isoformat()
        return self.events.record(index) | times

    async def token(self, _: Request) -> Response:
        self.tokens += 1
        self.valid = f"token-{self.tokens}"
        return JSONResponse({"access_token": self.valid, "expires_in": 1800})

    async def list_items(self, request: Request) -> Response:
        page, size = int(request.query_params["page"]), int(request.query_params["per_page"])
        rows = [self.items.record(index) for index in range((page - 1) * size, min(page * size, self.items.size))]
        pages = {"total_pages": -(-self.items.size // size)} if self.counts_pages else {}
        return JSONResponse({"items": rows, "page": page} | pages)

    async def list_events(self, request: Request) -> Response:
        after, size = int(request.query_params.get("after", -1)), int(request.query_params.get("limit", 10))
        if request.query_params.get("archived") == "true":
            indexes = [index for index in sorted(self.events.archived) if index > after][: size + 1]
        else:
            indexes = [index for _, index in zip(range(size + 1), self.events.live(after + 1), strict=False)]
        return JSONResponse(self._page(indexes, size, next_of=str(indexes[size - 1]) if len(indexes) > size else None))

    async def search_events(self, request: Request) -> Response:
        asked = await request.json()
        start, end = (datetime.fromisoformat(asked[name]) for name in ("from", "to"))
        indexes = list(self.events.between(start, min(end, self.world.now - self.lag)))
        if "beyond" in asked:
            indexes = sorted(index for index in indexes if index > int(asked["beyond"]))
        offset, size = int(asked.get("after", 0)), int(asked["limit"])
        if offset + size > self.cap:
            return JSONResponse({"message": "after is beyond the cap"}, 400)
        following = str(offset + size) if offset + size < len(indexes) else None
        return JSONResponse(self._page(indexes[offset:][: size + 1], size, next_of=following) | {"total": len(indexes)})

    def _page(self, indexes: list[int], size: int, *, next_of: str | None) -> dict[str, t.Any]:
        paging = {} if next_of is None else {"paging": {"next": {"after": next_of}}}
        return {"results": [self._row(index) for index in indexes[:size]]} | paging

    async def notes(self, request: Request) -> Response:
        asked = await request.json()
        return JSONResponse(
            {"notes": [{"event": event, "id": f"N{event}", "text": "a note"} for event in asked["ids"]]}
        )

    async def list_accounts(self, _: Request) -> Response:
        return JSONResponse(self.accounts)

    async def list_members(self, request: Request) -> Response:
        account, start = request.path_params["account"], int(request.query_params.get("start", 0))
        rows = [
            {"id": f"{account}-{number}", "joined": "2025-03-09 01:30:00"} for number in range(start, min(start + 2, 5))
        ]
        link = f"/example/accounts/{account}/members?start={start + 2}" if start + 2 < 5 else None
        return JSONResponse({"members": rows, "next_page": link})
