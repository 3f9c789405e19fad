"""The ASGI application: one CRM per folder, faults, rate limits, and the control endpoints.

A CRM is a subclass of ``Crm`` in a module of its own. It answers from the vendor's fact sheet; everything that
the vendors have in common happens before it is asked: delays, faults, authentication, rate limits, counting.

Control, all JSON, under ``/control/<crm>``: POST ``faults`` (see ``crm_simulator.faults``), DELETE ``faults``,
POST ``day``, POST ``reset`` ({"seed", "size"}), POST ``limits`` ({"class": [[requests, seconds], ...]}), GET ``stats``.
"""

# ruff: noqa: ANN401 - what a CRM is told is up to it

from __future__ import annotations

import abc
import asyncio
import email.utils
import json
import typing as t
from collections import Counter

from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from crm_simulator.faults import Fault
from crm_simulator.limiting import RateLimiter, Rule
from crm_simulator.world import World

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Crm(abc.ABC):
    """One simulated CRM.

    Attributes:
        name: Name of the CRM: its folder.
        rules: Request rates by limit class.
        default_size: How many records the main collection has, if nobody says otherwise.
        options: What this one was made with beyond seed, size and start: switches of its own.
    """

    name: t.ClassVar[str]
    rules: t.ClassVar[Mapping[str, Sequence[Rule]]] = {}
    default_size: t.ClassVar[int] = 500

    def __init__(
        self, *, seed: int = 1, size: int | None = None, start: datetime | None = None, **options: t.Any
    ) -> None:
        self._start = start
        self.options = options
        self.limiter = RateLimiter(self.rules)
        self.reset(seed=seed, size=size)

    def reset(self, *, seed: int = 1, size: int | None = None) -> None:
        """Begin anew: fresh data, no faults, nothing counted."""
        self.world = World(seed) if self._start is None else World(seed, self._start)
        self.faults: list[Fault] = []
        self.requests: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.expired: set[str] = set()
        self.limiter = RateLimiter(self.limiter.rules)
        self.populate(self.default_size if size is None else size)

    @abc.abstractmethod
    def populate(self, size: int) -> None:
        """Make the collections."""

    @abc.abstractmethod
    def routes(self) -> Sequence[Route]:
        """Return the endpoints, with paths below the CRM's folder."""

    @abc.abstractmethod
    def pass_a_day(self) -> dict[str, dict[str, int]]:
        """Let a day happen to the records; the clock has been put forward. Returns what happened, by stream."""

    @abc.abstractmethod
    def authenticate(self, request: Request) -> Response | None:
        """Return the vendor's answer to wrong credentials, None if they are right."""

    def tap_settings(self, url: str) -> dict[str, t.Any]:  # noqa: ARG002 - for vendors
        """Return the settings that lead the tap of this CRM here, by name.

        Args:
            url: Address of this CRM's folder.
        """
        return {}

    def next_day(self) -> dict[str, dict[str, int]]:
        """Put the clock forward by a day and let it happen; returns what happened, by stream."""
        self.world.days += 1
        return self.pass_a_day()

    def lift_limits(self) -> None:
        """Answer any number of requests."""
        self.limiter.rules.clear()

    def credentials_of(self, request: Request) -> str:
        """Return what identifies the caller, for the fault ``expired_token``."""
        return request.headers.get("Authorization", "")

    def needs_credentials(self, request: Request) -> bool:  # noqa: ARG002 - for vendors
        """Tell whether a request is authenticated and counted against the rates at all; a token address is not."""
        return True

    def limit_of(self, request: Request) -> str:  # noqa: ARG002 - for vendors
        """Return the limit class of a request."""
        return "default"

    def page_of(self, request: Request) -> int | None:
        """Return the page that a request asks for, for faults on a page."""
        page = request.query_params.get("page", "")
        return int(page) if page.isdigit() else None

    def too_many(self, rule: Rule, seconds: float) -> Response:
        """Return the vendor's answer to too many requests."""
        return JSONResponse(
            {"message": f"more than {rule.requests} requests in {rule.seconds:g} s ({seconds:.1f})"}, 429
        )

    def refuse(self, status: int) -> Response:
        """Return the vendor's answer for a status that a fault asks for."""
        return JSONResponse({"message": f"simulated {status}"}, status)

    def rate_headers(self, name: str) -> dict[str, str]:  # noqa: ARG002 - for vendors
        """Return the headers that tell how much of the rate is used."""
        return {}


class Front:
    """Everything that happens to a request before and after the CRM itself answers."""

    def __init__(self, crm: Crm, app: ASGIApp) -> None:
        self._crm = crm
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        from starlette.requests import Request  # noqa: PLC0415 - a type everywhere else

        request = Request(scope, receive)
        crm = self._crm
        path = request.url.path.removeprefix(scope.get("root_path", ""))
        crm.requests[f"{request.method} {path}"] += 1
        struck = {fault.kind: fault for fault in crm.faults if fault.strikes(path, crm.page_of(request))}
        if delay := sum(fault.seconds for fault in crm.faults if struck.get(fault.kind) is fault):
            await asyncio.sleep(delay)
        limit = crm.limit_of(request)
        refusal = self._refusal(request, struck, limit)

        async def finish(message: Message) -> None:
            if message["type"] == "http.response.start":
                crm.statuses[message["status"]] += 1
                date = email.utils.format_datetime(crm.world.now, usegmt=True)
                extra = {"Date": date} | crm.rate_headers(limit)
                message["headers"] = [
                    *message["headers"],
                    *((k.lower().encode(), v.encode()) for k, v in extra.items()),
                ]
            if "cut" in struck and message["type"] == "http.response.body":
                # The length in the header is that of the whole body; the server then closes the connection.
                body = message["body"]
                message = {"type": message["type"], "body": body[: len(body) // 2], "more_body": True}
            await send(message)

        await (refusal or self._app)(scope, receive, finish)

    def _refusal(self, request: Request, struck: dict[str, Fault], limit: str) -> Response | None:
        crm = self._crm
        answer = _struck_answer(crm, struck)
        if answer is not None or not crm.needs_credentials(request):
            return answer
        if "expired_token" in struck:
            crm.expired.add(crm.credentials_of(request))
        if crm.credentials_of(request) in crm.expired:
            return crm.refuse(401)
        broken = crm.limiter.admit(limit)
        return crm.too_many(*broken) if broken is not None else crm.authenticate(request)


def _struck_answer(crm: Crm, struck: dict[str, Fault]) -> Response | None:
    """Return the answer that a fault puts in place of the CRM's."""
    if "not_json" in struck:
        return Response('{"results": [', media_type="application/json")
    if "wrong_type" in struck:
        return Response("<html><body>We will be back soon.</body></html>", media_type="text/html")
    if "forbidden" in struck:
        return crm.refuse(403)
    fault = struck.get("storm") or struck.get("error")
    if fault is None:
        return None
    answer = crm.too_many(Rule(0, 0, "storm"), 0) if fault.kind == "storm" else crm.refuse(fault.status)
    if fault.retry_after is not None:
        answer.headers["Retry-After"] = str(fault.retry_after)
    elif "Retry-After" in answer.headers:
        del answer.headers["Retry-After"]
    return answer


def make_application(crms: Sequence[Crm]) -> Starlette:
    """Return the application for some CRMs."""
    mounts = [Mount(f"/{crm.name}", app=Front(crm, Starlette(routes=list(crm.routes())))) for crm in crms]
    return Starlette(routes=[Mount(f"/control/{crm.name}", routes=_control(crm)) for crm in crms] + mounts)


def _control(crm: Crm) -> list[Route]:
    async def faults(request: Request) -> Response:
        if request.method == "DELETE":
            crm.faults.clear()
            return JSONResponse({"faults": 0})
        try:
            crm.faults.append(Fault.from_json(await request.json()))
        except (ValueError, TypeError) as error:
            return JSONResponse({"error": str(error)}, 400)
        return JSONResponse({"faults": len(crm.faults)})

    async def day(_: Request) -> Response:
        return JSONResponse(crm.next_day())

    async def reset(request: Request) -> Response:
        values = json.loads(await request.body() or b"{}")
        crm.reset(seed=values.get("seed", 1), size=values.get("size"))
        return JSONResponse({"now": crm.world.now.isoformat()})

    async def limits(request: Request) -> Response:
        for name, rules in (await request.json()).items():
            crm.limiter.rules[name] = [Rule(int(count), float(seconds)) for count, seconds in rules]
        return JSONResponse({name: len(rules) for name, rules in crm.limiter.rules.items()})

    async def stats(_: Request) -> Response:
        return JSONResponse(
            {
                "requests": dict(crm.requests),
                "statuses": {str(status): count for status, count in crm.statuses.items()},
                "rate_violations": crm.limiter.violations,
                "now": crm.world.now.isoformat(),
            }
        )

    return [
        Route("/faults", faults, methods=["POST", "DELETE"]),
        Route("/day", day, methods=["POST"]),
        Route("/reset", reset, methods=["POST"]),
        Route("/limits", limits, methods=["POST"]),
        Route("/stats", stats),
    ]
