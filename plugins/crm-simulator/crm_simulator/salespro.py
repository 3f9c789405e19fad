"""SalesPro: no API, but tables that are queried with AWS Athena, and CSV exports; both lie in S3.

Athena's JSON API is played at ``/athena``, S3 at ``/s3/<bucket>/<key>``, STS at ``/sts``, all with signature
version 4 and AWS's own errors. Queries are run by SQLite on made-up rows, after the words that only Athena knows were
translated. All values of a result are text; its file quotes every value that is there, and NULL is an empty cell.

The tables hold what trapped readers before: the text ``false``, empty amounts, rows without a key, several rows of
one lead result, customers that repeat, times that are NULL, form titles in every spelling.

Options: ``polls`` (how often a query is still running when it is asked for, 1), ``partitioned`` (whether the tables
have a partition column ``dt``, the day of the change), ``denied`` (tables that the user may not read), ``overrides``
(whether the workgroup has a result location of its own), ``columns_gone`` (columns that the tables do not have),
``keyless_user`` (whether a row of the export of users has no key).
"""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
import json
import re
import sqlite3
import tempfile
import typing as t
import weakref
from array import array
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, unquote
from xml.sax.saxutils import escape

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.routing import Route
from typing_extensions import override

from crm_simulator.application import Crm
from crm_simulator.aws import answer, failure, invalid, is_signed, xml_error
from crm_simulator.limiting import Rule
from crm_simulator.world import Collection

if t.TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator, Sequence

    from starlette.requests import Request

    Row: t.TypeAlias = dict[str, t.Any]

ACCESS_KEY_ID, SECRET_ACCESS_KEY = "AKIADEMOSALESPRO", "demo-secret-access-key"
ROLE_ARN, EXTERNAL_ID = "arn:aws:iam::123456789012:role/warehouse", "demo-external-id"
DATABASE, WORKGROUP, BUCKET = "leap", "primary", "demo-bucket"
OUTPUT_LOCATION = f"s3://{BUCKET}/athena-results/"
TABLES: t.Final[dict[str, dict[str, str]]] = {
    "customer": {
        "customer_id": "varchar",
        "estimate_id": "varchar",
        "company_id": "varchar",
        "company_name": "varchar",
        "customer_first_name": "varchar",
        "customer_last_name": "varchar",
        "crm_source": "varchar",
        "crm_source_id": "varchar",
        "created_at": "timestamp",
        "updated_at": "timestamp",
    },
    "credit_applications": {
        "leap_credit_app_id": "varchar",
        "company_id": "varchar",
        "company_name": "varchar",
        "sales_rep_id": "varchar",
        "customer_id": "varchar",
        "credit_app_vendor": "varchar",
        "credit_app_vendor_id": "varchar",
        "credit_app_amount": "decimal",
        "credit_app_status": "varchar",
        "credit_app_note": "varchar",
        "created_at": "timestamp",
        "updated_at": "timestamp",
    },
    "estimate": {
        "estimate_id": "varchar",
        "company_id": "varchar",
        "company_name": "varchar",
        "office_id": "varchar",
        "office_name": "varchar",
        "sales_rep_id": "varchar",
        "sales_rep_first_name": "varchar",
        "sales_rep_last_name": "varchar",
        "customer_id": "varchar",
        "customer_first_name": "varchar",
        "customer_last_name": "varchar",
        "street_address": "varchar",
        "city": "varchar",
        "state": "varchar",
        "zip_code": "varchar",
        "sale_amount": "decimal",
        "is_sale": "boolean",
        "job_type": "varchar",
        "finance_amount": "decimal",
        "bank_name": "varchar",
        "loan_name": "varchar",
        "down_payment": "decimal",
        "has_credit_app": "boolean",
        "document_count": "bigint",
        "created_at": "timestamp",
        "updated_at": "timestamp",
    },
    "lead_results": {
        "estimate_id": "varchar",
        "company_id": "varchar",
        "lead_results": "varchar",
        "created_at": "timestamp",
        "updated_at": "timestamp",
    },
}
FIRST_NAMES, LAST_NAMES = ("Sam", "Pat", "Alex", "Kim"), ("Sample", "Example", "Muster")
COLOURS = "Color Selection (Default Color in Parentheses) Shingles (Slate), Trim (White)"
CELL = re.compile(rb'(?:"((?:[^"]++|"")*+)")?(,|\n)')


def object_id(kind: str, number: int) -> str:
    """Return the identifier of an object: ten letters and digits."""
    return hashlib.sha256(f"{kind}{number}".encode()).hexdigest()[:10]


def printed(moment: datetime) -> str:
    """Write a moment as Athena does: milliseconds, and no zone."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ", timespec="milliseconds")


@dataclass
class Outcome:
    """How a query ends instead of well."""

    state: str
    reason: str
    retryable: bool = False


@dataclass
class Execution:
    """One query."""

    id: str
    sql: str
    location: str
    state: str = "QUEUED"
    reason: str | None = None
    retryable: bool = False
    polls: int = 0
    scanned: int = 0
    names: list[str] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    content: t.IO[bytes] | None = None
    offsets: array[int] = field(default_factory=lambda: array("Q"))

    @property
    def key(self) -> str:
        """Where its result lies in the bucket."""
        return self.location.removeprefix(f"s3://{BUCKET}/") + f"{self.id}.csv"


class SalesPro(Crm):
    """The simulated SalesPro."""

    name = "salespro"
    rules: t.ClassVar = {"start": [Rule(20, 1)], "get": [Rule(100, 1)]}
    default_size = 400

    @override
    def populate(self, size: int) -> None:
        self.polls: int = self.options.get("polls", 1)
        self.partitioned: bool = self.options.get("partitioned", False)
        self.denied: set[str] = set(self.options.get("denied", ()))
        self.overrides: bool = self.options.get("overrides", False)
        self.columns_gone: set[str] = set(self.options.get("columns_gone", ()))
        self.keyless_user: bool = self.options.get("keyless_user", False)
        self.executions: dict[str, Execution] = {}
        self.outcomes: list[Outcome] = []
        self.temporary: dict[str, tuple[str, str]] = {}
        self.assumed = 0
        self._service = "athena"
        self._tokens: dict[str, str] = {}
        step = timedelta(minutes=7)
        self.collections = {
            name: Collection(self.world, name, count, getattr(self, f"_{name}"), step=step)
            for name, count in {
                "customer": size,
                "credit_applications": size // 4,
                "estimate": size,
                "lead_results": size,
            }.items()
        }
        self.objects = {
            "exports/offices.csv": self._export(self._offices(min(4, size))),
            "exports/users.csv": self._export(self._users(min(30, size))),
            "exports/appointments.csv": self._export(self._appointments(size // 10)),
        }

    @override
    def routes(self) -> list[Route]:
        return [
            Route("/athena", self.athena, methods=["POST"]),
            Route("/sts", self.sts, methods=["POST"]),
            Route("/s3/{bucket}", self.list_objects, methods=["GET"]),
            Route("/s3/{bucket}/{key:path}", self.get_object, methods=["GET", "HEAD"]),
        ]

    @override
    def pass_a_day(self) -> dict[str, dict[str, int]]:
        edits: dict[str, Callable[[random.Random, int], Row]] = {
            "customer": lambda rng, _: {"customer_last_name": rng.choice(LAST_NAMES), "crm_source": "genius"},
            "credit_applications": lambda _, __: {"credit_app_status": "Approved"},
            "estimate": lambda rng, _: {"is_sale": "true", "sale_amount": f"{rng.randrange(1, 90000)}.50"},
            "lead_results": lambda rng, index: {"lead_results": _form(_answers(rng, index, changed=True))},
        }
        happened = {
            name: collection.pass_a_day(edits[name]) for name, collection in self.collections.items() if collection.size
        }
        for table, key in (("customer", "customer_id"), ("lead_results", "estimate_id")):
            self._delete_all_of_a_key(table, key)
        self.objects["exports/users.csv"] = self._export(self._users(30 + self.world.days))
        return happened

    def tap_settings(self, url: str) -> dict[str, t.Any]:
        """Return the settings that lead the tap here.

        Args:
            url: Address of this CRM's folder.
        """
        return {
            "database": DATABASE,
            "output_location": OUTPUT_LOCATION,
            "access_key_id": ACCESS_KEY_ID,
            "secret_access_key": SECRET_ACCESS_KEY,
            "endpoints": {name: f"{url}/{name}" for name in ("athena", "s3", "sts")},
            "files": {name: f"s3://{BUCKET}/exports/{name}.csv" for name in ("offices", "users", "appointments")},
        }

    def _delete_all_of_a_key(self, table: str, key: str) -> None:
        """Let no row live whose customer or estimate was deleted."""
        collection = self.collections[table]
        gone = {collection.record(index)[key]: moment for index, moment in collection.archived.items()}
        for index in list(collection.live()):
            found = collection.record(index)[key]
            if found and found in gone:
                collection.archive(index, gone[found])

    def rows(self, table: str) -> Iterator[Row]:
        """Yield the rows of a table as they are now."""
        collection = self.collections[table]
        for index in collection.live():
            row = collection.record(index)
            moment = None if index % 50 == 49 else printed(collection.modified_at(index))  # noqa: PLR2004 - see the module
            row["created_at"] = printed(self.world.start - timedelta(days=400) + timedelta(minutes=index))
            # What a test has put there stays.
            row.setdefault("updated_at", moment)
            if self.partitioned:
                row["dt"] = (moment or printed(self.world.start))[:10]
            yield {name: row.get(name) for name in self._columns(table)}

    def _columns(self, table: str) -> dict[str, str]:
        columns = {name: kind for name, kind in TABLES[table].items() if name not in self.columns_gone}
        return columns | ({"dt": "varchar"} if self.partitioned else {})

    # Credentials, limits and refusals

    @override
    def limit_of(self, request: Request) -> str:
        path = request.url.path.removeprefix(request.scope.get("root_path", ""))
        self._service = path.split("/")[1]
        if self._service != "athena":
            return self._service
        return "start" if request.headers.get("X-Amz-Target", "").endswith("StartQueryExecution") else "get"

    @override
    def too_many(self, rule: Rule, seconds: float) -> Response:
        if self._service == "athena":
            return failure("ThrottlingException", "Rate exceeded")
        return xml_error("SlowDown", "Please reduce your request rate.", 503)

    @override
    def refuse(self, status: int) -> Response:
        if self._service != "athena":
            names = {401: ("ExpiredToken", 400), 403: ("AccessDenied", 403), 404: ("NoSuchKey", 404)}
            code, status = names.get(status, ("InternalError", status))
            return xml_error(code, f"simulated {code}", status)
        code, status = {
            401: ("ExpiredTokenException", 400),
            403: ("AccessDeniedException", 400),
            500: ("InternalServerException", 500),
        }.get(status, ("InternalFailure", status))
        return failure(code, f"simulated {code}", status)

    @override
    def authenticate(self, request: Request) -> Response | None:
        """Check what can be checked without the body; the signature of a POST is checked with it."""
        key, token = self._key_of(request)
        secret = self._secret_of(key, token)
        wrong = secret is None or (request.method in ("GET", "HEAD") and not is_signed(request, secret, None))
        if not wrong:
            return None
        if self._service == "s3":
            code = "InvalidAccessKeyId" if secret is None else "SignatureDoesNotMatch"
            return xml_error(code, "The credentials are wrong.", 403)
        if self._service == "sts":
            return xml_error("InvalidClientTokenId", "The security token included in the request is invalid.", 403)
        return failure("UnrecognizedClientException", "The security token included in the request is invalid.")

    @override
    def credentials_of(self, request: Request) -> str:
        return self._key_of(request)[0]

    @staticmethod
    def _key_of(request: Request) -> tuple[str, str]:
        found = re.search(r"Credential=([^/]+)/", request.headers.get("Authorization", ""))
        return found.group(1) if found else "", request.headers.get("X-Amz-Security-Token", "")

    def _secret_of(self, key: str, token: str) -> str | None:
        if key == ACCESS_KEY_ID:
            return SECRET_ACCESS_KEY
        secret, expected = self.temporary.get(key, (None, None))
        return secret if token == expected else None

    def _check_body(self, request: Request, body: bytes) -> Response | None:
        if is_signed(request, t.cast("str", self._secret_of(*self._key_of(request))), body):
            return None
        text = "The request signature we calculated does not match the signature you provided."
        if self._service == "sts":
            return xml_error("SignatureDoesNotMatch", text, 403)
        return failure("InvalidSignatureException", text)

    async def sts(self, request: Request) -> Response:
        """Give keys of a role."""
        body = await request.body()
        if (refused := self._check_body(request, body)) is not None:
            return refused
        asked = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        if asked.get("RoleArn") != ROLE_ARN or asked.get("ExternalId") != EXTERNAL_ID:
            return xml_error(
                "AccessDenied", f"not authorized to perform: sts:AssumeRole on {asked.get('RoleArn')}", 403
            )
        self.assumed += 1
        key = f"ASIADEMO{self.assumed:08}"
        secret, token = f"demo-temporary-secret-{self.assumed}", f"demo-session-token-{self.assumed}"
        self.temporary[key] = (secret, token)
        until = (datetime.now(UTC) + timedelta(hours=1)).isoformat(timespec="seconds")
        return Response(
            '<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>'
            f"<AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>"
            f"<SessionToken>{token}</SessionToken><Expiration>{until}</Expiration></Credentials></AssumeRoleResult>"
            "</AssumeRoleResponse>",
            media_type="text/xml",
        )

    # Athena

    async def athena(self, request: Request) -> Response:
        """Answer one operation."""
        body = await request.body()
        if (refused := self._check_body(request, body)) is not None:
            return refused
        operation = request.headers.get("X-Amz-Target", "").rpartition(".")[2]
        self.requests[operation] += 1
        answers: dict[str, Callable[[Row], Response]] = {
            "StartQueryExecution": self.start,
            "GetQueryExecution": self.get_execution,
            "GetQueryResults": self.get_results,
            "StopQueryExecution": self.stop,
            "GetWorkGroup": self.get_work_group,
        }
        if operation not in answers:
            return failure("UnknownOperationException", "")
        return await run_in_threadpool(answers[operation], json.loads(body))

    def get_work_group(self, asked: Row) -> Response:
        """Describe a workgroup."""
        if asked.get("WorkGroup") != WORKGROUP:
            return invalid(f"WorkGroup {asked.get('WorkGroup')} is not found.")
        configuration: Row = {"EnforceWorkGroupConfiguration": self.overrides, "BytesScannedCutoffPerQuery": 10**12}
        if self.overrides:
            configuration["ResultConfiguration"] = {"OutputLocation": f"s3://{BUCKET}/enforced/"}
        return answer({"WorkGroup": {"Name": WORKGROUP, "State": "ENABLED", "Configuration": configuration}})

    def start(self, asked: Row) -> Response:
        """Start a query; the same token gives the same execution."""
        token = asked.get("ClientRequestToken", "")
        if token in self._tokens:
            return answer({"QueryExecutionId": self._tokens[token]})
        location = asked.get("ResultConfiguration", {}).get("OutputLocation") or ""
        location = f"s3://{BUCKET}/enforced/" if self.overrides else location
        number = len(self.executions)
        made = Execution(f"00000000-0000-4000-8000-{number:012}", asked["QueryString"], location, polls=self.polls)
        wrong = self._wrong_in(asked, made, token)
        if wrong is not None:
            return wrong
        self.executions[made.id] = made
        self._tokens[token] = made.id
        self._run(made, asked.get("QueryExecutionContext", {}))
        return answer({"QueryExecutionId": made.id})

    @staticmethod
    def _wrong_in(asked: Row, made: Execution, token: str) -> Response | None:
        if asked.get("WorkGroup", WORKGROUP) != WORKGROUP:
            return invalid(f"WorkGroup {asked['WorkGroup']} is not found.")
        if not 32 <= len(token) <= 128:  # noqa: PLR2004 - as documented
            return invalid("ClientRequestToken must have 32 to 128 characters")
        if not made.location:
            return invalid("No output location provided. An output location is required.")
        if not made.location.startswith(f"s3://{BUCKET}/") or not made.location.endswith("/"):
            return invalid(f"outputLocation is not a valid S3 path: {made.location}")
        if not re.match(r"\s*SELECT\s", made.sql, re.IGNORECASE):
            return invalid("line 1:1: mismatched input. Expecting: 'SELECT'", "MALFORMED_QUERY")
        return None

    def get_execution(self, asked: Row) -> Response:
        """Tell how a query stands."""
        made = self.executions.get(asked.get("QueryExecutionId", ""))
        if made is None:
            return invalid(f"QueryExecution {asked.get('QueryExecutionId')} was not found")
        state, status = made.state, dict[str, t.Any]()
        if made.polls > 0:
            made.polls -= 1
            state = "RUNNING" if made.polls else "QUEUED"
        else:
            status = {"StateChangeReason": made.reason} if made.reason else {}
            if state == "FAILED":
                status["AthenaError"] = {"ErrorCategory": 1, "ErrorType": 1, "Retryable": made.retryable}
        return answer(
            {
                "QueryExecution": {
                    "QueryExecutionId": made.id,
                    "Query": made.sql,
                    "StatementType": "DML",
                    "ResultConfiguration": {"OutputLocation": f"{made.location}{made.id}.csv"},
                    "Status": {"State": state, **status},
                    "Statistics": {"DataScannedInBytes": made.scanned, "EngineExecutionTimeInMillis": 500},
                    "WorkGroup": WORKGROUP,
                }
            }
        )

    def get_results(self, asked: Row) -> Response:
        """Give a page of a result; the first row of the first page is the header."""
        made = self.executions.get(asked.get("QueryExecutionId", ""))
        if made is None or made.content is None:
            return invalid("Query has not yet finished. Current state: RUNNING")
        most = asked.get("MaxResults", 1000)
        if not 1 <= most <= 1000:  # noqa: PLR2004 - as documented
            return invalid("MaxResults is not between 1 and 1000")
        start = int(asked.get("NextToken", "token-0").removeprefix("token-"))
        rows = [
            {"Data": [{} if value is None else {"VarCharValue": value} for value in self._row_at(made, place)]}
            for place in range(start, min(start + most, len(made.offsets)))
        ]
        info = [{"Name": n, "Type": kind} for n, kind in zip(made.names, made.types, strict=True)]
        following = {"NextToken": f"token-{start + most}"} if start + most < len(made.offsets) else {}
        return answer({"ResultSet": {"Rows": rows, "ResultSetMetadata": {"ColumnInfo": info}}, **following})

    def stop(self, asked: Row) -> Response:
        """Cancel a query."""
        made = self.executions[asked["QueryExecutionId"]]
        made.state, made.reason, made.polls = "CANCELLED", "Query cancelled by user", 0
        return answer({})

    def _run(self, made: Execution, context: Row) -> None:
        if self.outcomes:
            outcome = self.outcomes.pop(0)
            made.state, made.reason, made.retryable = outcome.state, outcome.reason, outcome.retryable
            return
        found = re.search(r'\bFROM\s+((?:"?\w+"?\.)*)"?(\w+)"?', made.sql, re.IGNORECASE)
        table = found.group(2) if found else ""
        qualified = [part.strip('"') for part in (found.group(1) if found else "").split(".") if part]
        database = qualified[-1] if qualified else context.get("Database", "default")
        catalog = context.get("Catalog", "AwsDataCatalog")
        made.state = "FAILED"
        if catalog != "AwsDataCatalog":
            made.reason = f"CATALOG_NOT_FOUND: line 1:15: Catalog '{catalog}' does not exist"
        elif database != DATABASE:
            made.reason = f"SCHEMA_NOT_FOUND: line 1:15: Schema '{database}' does not exist"
        elif table not in TABLES:
            made.reason = f"TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.{database}.{table}' does not exist"
        elif table in self.denied:
            made.reason = (
                "Insufficient permissions to execute the query. User is not authorized to perform: glue:GetTable on "
                f"resource: arn:aws:glue:us-east-1:123456789012:table/{database}/{table}"
            )
        else:
            try:
                self._select(made, table)
            except sqlite3.OperationalError as error:
                text = str(error)
                column = text.removeprefix("no such column: ")
                kind = f"COLUMN_NOT_FOUND: line 1:8: Column '{column}' cannot be resolved"
                made.reason = kind if column != text else f"SYNTAX_ERROR: line 1:8: {text}"

    def _select(self, made: Execution, table: str) -> None:
        columns = self._columns(table)
        with sqlite3.connect(":memory:") as database:
            database.execute(f"CREATE TABLE {table} ({', '.join(f'{n} {_affinity(k)}' for n, k in columns.items())})")
            places = ", ".join("?" * len(columns))
            database.executemany(
                f"INSERT INTO {table} VALUES ({places})", (tuple(row.values()) for row in self.rows(table))
            )
            cursor = database.execute(_translated(made.sql))
            made.names = [column[0] for column in cursor.description]
            made.types = [columns.get(name, "varchar") for name in made.names]
            content = tempfile.SpooledTemporaryFile(1 << 24)  # noqa: SIM115 - kept as long as the execution
            weakref.finalize(made, content.close)
            for row in itertools.chain([tuple(made.names)], cursor):
                made.offsets.append(content.tell())
                content.write(_line(row))
            scanned = self._scanned(database, made, table)
        made.content, made.state, made.scanned = content, "SUCCEEDED", scanned
        database.close()

    def _scanned(self, database: sqlite3.Connection, made: Execution, table: str) -> int:
        """Return the bytes that a column store reads: the columns that the query names, of the partitions it names."""
        named = set(re.findall(r"\w+", made.sql)) & set(self._columns(table))
        named = set(self._columns(table)) if "*" in made.sql.replace("(*)", "") else named
        bound = re.search(r'"?dt"?\s*>=\s*(\'[^\']+\')', made.sql)
        where = f"WHERE dt >= {bound.group(1)}" if bound else ""
        ((count,),) = database.execute(f"SELECT COUNT(*) FROM {table} {where}").fetchall()
        return int(count) * len(named) * 10

    def _row_at(self, made: Execution, place: int) -> list[str | None]:
        content = t.cast("t.IO[bytes]", made.content)
        content.seek(made.offsets[place])
        end = made.offsets[place + 1] if place + 1 < len(made.offsets) else None
        line = content.read() if end is None else content.read(end - made.offsets[place])
        cells = [match.group(1) for match in CELL.finditer(line)]
        return [None if cell is None else cell.replace(b'""', b'"').decode() for cell in cells]

    # S3

    def _object(self, key: str) -> bytes | None:
        if key in self.objects:
            return self.objects[key]
        for made in self.executions.values():
            if made.key == key and made.content is not None:
                made.content.seek(0)
                return made.content.read()
        return None

    async def get_object(self, request: Request) -> Response:
        """Give an object, or what there is to know about it."""
        content = self._object(unquote(request.path_params["key"])) if request.path_params["bucket"] == BUCKET else None
        if content is None:
            return xml_error("NoSuchKey", "The specified key does not exist.", 404)
        etag = f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
        headers = {"ETag": etag, "Accept-Ranges": "bytes", "Last-Modified": "Mon, 02 Jun 2025 12:00:00 GMT"}
        if request.headers.get("If-Match", etag) != etag:
            return xml_error("PreconditionFailed", "At least one of the pre-conditions did not hold", 412)
        if request.method == "HEAD":
            return Response(headers={**headers, "Content-Length": str(len(content))})
        found = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range", ""))
        if found is None:
            return Response(content, headers=headers, media_type="binary/octet-stream")
        begin = int(found.group(1))
        headers["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
        return Response(content[begin:], 206, headers=headers, media_type="binary/octet-stream")

    async def list_objects(self, request: Request) -> Response:
        """List the exports of a folder."""
        if request.path_params["bucket"] != BUCKET:
            return xml_error("NoSuchBucket", "The specified bucket does not exist", 404)
        prefix = request.query_params.get("prefix", "")
        found = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(content)}</Size>"
            f"<ETag>&quot;{hashlib.md5(content, usedforsecurity=False).hexdigest()}&quot;</ETag></Contents>"
            for key, content in sorted(self.objects.items())
            if key.startswith(prefix)
        )
        return Response(
            f'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>{BUCKET}</Name>'
            f"<IsTruncated>false</IsTruncated>{found}</ListBucketResult>",
            media_type="application/xml",
        )

    # Records

    def _customer(self, rng: random.Random, index: int) -> Row:
        # Every ninth customer is there twice, with another estimate; every hundredth row has no key.
        number = index - 1 if index % 9 == 8 else index  # noqa: PLR2004 - see above
        key: str | None = object_id("customer", number)
        if index % 100 == 50:  # noqa: PLR2004 - see above
            key = rng.choice(["", None])
        return {
            "customer_id": key,
            "estimate_id": object_id("estimate", index),
            "company_id": "C1",
            "company_name": 'Demo "Roofs", Inc.',
            "customer_first_name": rng.choice(FIRST_NAMES),
            "customer_last_name": rng.choice(LAST_NAMES),
            "crm_source": rng.choice(["", None, "hubspot"]),
            "crm_source_id": None,
        }

    def _credit_applications(self, rng: random.Random, index: int) -> Row:
        return {
            "leap_credit_app_id": object_id("credit", index),
            "company_id": "C1",
            "company_name": "Demo Roofs",
            "sales_rep_id": object_id("user", index % 30),
            "customer_id": object_id("customer", index) if index % 3 else None,
            "credit_app_vendor": "Demo Bank",
            "credit_app_vendor_id": str(index),
            "credit_app_amount": f"{rng.randrange(1000, 90000)}.{index % 100:02}" if index % 4 else None,
            "credit_app_status": "Pending",
            "credit_app_note": "two\nlines, with a comma" if index % 5 == 0 else "",
        }

    def _estimate(self, rng: random.Random, index: int) -> Row:
        return {
            "estimate_id": object_id("estimate", index),
            "company_id": "C1",
            "company_name": "Demo Roofs",
            "office_id": object_id("office", index % 4),
            "office_name": f"Office {index % 4}",
            "sales_rep_id": object_id("user", index % 30),
            "sales_rep_first_name": rng.choice(FIRST_NAMES),
            "sales_rep_last_name": rng.choice(LAST_NAMES),
            "customer_id": object_id("customer", index),
            "customer_first_name": rng.choice(FIRST_NAMES),
            "customer_last_name": rng.choice(LAST_NAMES),
            "street_address": f"{index} Example Street",
            "city": "Springfield",
            "state": "IL",
            "zip_code": f"0{2000 + index % 1000}",
            # An unsold estimate has no amount; it is a record all the same.
            "sale_amount": f"{rng.randrange(1000, 90000)}.10" if index % 3 else None,
            "is_sale": "true" if index % 3 else "false",
            "job_type": "Roof",
            "finance_amount": "0.00" if index % 2 else None,
            "bank_name": None,
            "loan_name": "",
            "down_payment": None,
            "has_credit_app": rng.choice(["true", "false", None]),
            "document_count": index % 6 or None,
        }

    def _lead_results(self, rng: random.Random, index: int) -> Row:
        # Every seventh row is an earlier word about the estimate of the row behind it.
        number = index + 1 if index % 7 == 3 else index  # noqa: PLR2004 - see above
        key: str | None = object_id("estimate", number)
        if index % 100 == 60:  # noqa: PLR2004
            key = rng.choice(["", None])
        text = _form(_answers(rng, index, changed=False))
        if index % 40 == 20:  # noqa: PLR2004
            text = "no form"
        return {"estimate_id": key, "company_id": "C1", "lead_results": None if index % 40 == 30 else text}  # noqa: PLR2004

    def _export(self, rows: Sequence[Row]) -> bytes:
        text = io.StringIO(newline="")
        if rows:
            writer = csv.DictWriter(text, list(rows[0]), lineterminator="\r\n")
            writer.writeheader()
            writer.writerows(rows)
        return b"\xef\xbb\xbf" + text.getvalue().encode()

    def _offices(self, count: int) -> list[Row]:
        return [
            {
                "objectId": object_id("office", number),
                "name": f"Office {number}",
                "companyId": "C1",
                "company": "Demo Roofs",
                "canSearchAllEstimates": ("TRUE", "FALSE", "", "yes")[number % 4],
                "last_edit_user": "",
                "createdAt": "2024-01-06T00:16:45.538Z",
                "updatedAt": "2025-06-01T00:16:45.538Z",
                "last_edit_date": "" if number else "2025-06-01T00:16:45Z",
            }
            for number in range(count)
        ]

    def _users(self, count: int) -> list[Row]:
        rng = self.world.rng("users")
        return [
            {
                "objectId": "" if self.keyless_user and number == 13 else object_id("user", number),  # noqa: PLR2004 - some row
                "username": f"user{number}@example.com" if number % 4 else f"user{number}",
                "nameFirst": rng.choice(FIRST_NAMES),
                "nameLast": rng.choice(LAST_NAMES),
                "isActive": "TRUE" if number % 5 else "FALSE",
                "isManager": "",
                "createdAt": "2024-01-06T00:16:45.538Z",
                "updatedAt": "2025-06-01T00:16:45.538Z",
                "allowedOffices": '[{"objectId": "x1"}]' if number % 2 else "all, of them",
                "canActivateUsers": "1",
                "canChangeSettings": "no",
                "canSubmitCreditApps": "Y",
                "company": "C1",
                "deactivatedDate": "" if number % 5 else "2025-05-01T10:00:00Z",
                "disableChangeCompany": "FALSE",
                "email": f"mail{number}@example.org" if number % 3 == 0 else "",
                "identifier": str(number),
                "isAvailableToCall": "FALSE",
                "lastLoginDate": "2025-06-01T10:00:00",
                "licenseNumber": "",
                "phoneNumber": f"555-01{number % 100:02}",
                "selectedOffice": object_id("office", number % 4),
            }
            for number in range(count)
        ]

    def _appointments(self, count: int) -> list[Row]:
        return [
            {
                "_id": object_id("appointment", number),
                "_created_at": "2024-01-06T00:16:45.538Z",
                "_updated_at": "2024-02-06T00:16:45.538Z",
                "isSale": "true" if number % 2 else "false",
                "resultFullString": "Demo, not sold",
                "customerLastName": "Sample",
                "customerFirstName": "Sam",
                "estimateName": f"Estimate {number}",
                "salesRepEmail": "rep@example.com",
                "salesRepFirstName": "Pat",
                "salesRepLastName": "Example",
                "saleAmount": f"{number}00.50" if number % 2 else "",
            }
            for number in range(count)
        ]


def _affinity(kind: str) -> str:
    return "INTEGER" if kind == "bigint" else "TEXT"


def _translated(sql: str) -> str:
    """Return a query of Athena as SQLite understands it; quoted names become names that are never text."""
    pieces = re.split(r"('(?:[^']|'')*')", sql)
    for place in range(0, len(pieces), 2):
        text = re.sub(r'"([^"]+)"', r"[\1]", pieces[place])
        text = re.sub(r"(?:\[?\w+\]?\.)?\[?" + DATABASE + r"\]?\.", "", text)
        pieces[place] = re.sub(r"\b(?:timestamp|date)\s*$", "", text, flags=re.IGNORECASE)
    return "".join(pieces)


def _line(row: Sequence[t.Any]) -> bytes:
    cells = ("" if value is None else '"' + str(value).replace('"', '""') + '"' for value in row)
    return (",".join(cells) + "\n").encode()


def _answers(rng: random.Random, index: int, *, changed: bool) -> list[tuple[str, t.Any]]:
    """Return what a sales rep typed into the form; titles as they occur."""
    answers: list[tuple[str, t.Any]] = [
        ("Appointment Result ", rng.choice(["[CC] Credit decline", "[DNS] Demo not sold", "-Undecided", ""])),
        ("Both Homeowners Present?", rng.choice(["Yes", "no", "unsure"])),
        ("Result Reason - No Demo (REQUIRES SALES MANGER APPROVAL)", rng.choice(["n/a", "Not at home"])),
        ("One Year Price", rng.choice(["$12,345.60", "", "-", "900"])),
        ("Deposit Type-", "None" if index % 2 else "-Check"),
        ("Additional Services Demoed \\u0026 Priced", "Gutters"),
        (COLOURS, "Slate"),
        ("A question of this office", "kept in the raw text"),
        ("Notes", "first"),
        ("Notes ", "changed" if changed else "last"),
    ]
    if index % 3 == 0:
        count = 1 if changed else 1 + index % 6
        for number in range(1, count + 1):
            answers += [(f"Job Type {number}", f"Kind {number}"), (f"Job Type {number} Amount", f"${number},000.00")]
        answers.append(("Job Type 6", "without an amount"))
    elif index % 3 == 1:
        answers += [("Job Type", "Roof"), ("Job Size", ""), ("Customer's Final Price Commitment", "$9,999")]
    return answers


def _form(answers: Sequence[tuple[str, t.Any]]) -> str:
    return json.dumps([{"title": title, "value": value} for title, value in answers])
