"""The simulated SalesPro answers as AWS says, asked by AWS's own client."""

from __future__ import annotations

import time
import typing as t
from datetime import UTC, datetime

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError
from crm_simulator.faults import Fault
from crm_simulator.limiting import Rule
from crm_simulator.salespro import (
    ACCESS_KEY_ID,
    BUCKET,
    DATABASE,
    EXTERNAL_ID,
    OUTPUT_LOCATION,
    ROLE_ARN,
    SECRET_ACCESS_KEY,
    TABLES,
    Outcome,
    SalesPro,
)
from crm_simulator.server import make_crms

if t.TYPE_CHECKING:
    from collections.abc import Callable

START = datetime(2025, 6, 2, 12, tzinfo=UTC)


class Aws:
    """Clients of the simulator."""

    def __init__(self, crm: SalesPro, url: str) -> None:
        self.crm = crm
        self.url = url

    def client(self, service: str, key: str = ACCESS_KEY_ID, secret: str = SECRET_ACCESS_KEY, **more: str) -> t.Any:
        make: t.Any = boto3.client
        return make(
            service,
            region_name="us-east-1",
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            endpoint_url=f"{self.url}/{service}",
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
            **more,
        )

    def start(self, sql: str, **more: t.Any) -> str:
        asked = {
            "QueryString": sql,
            "QueryExecutionContext": {"Database": DATABASE},
            "ResultConfiguration": {"OutputLocation": OUTPUT_LOCATION},
            **more,
        }
        found: str = self.client("athena").start_query_execution(**asked)["QueryExecutionId"]
        return found

    def status(self, execution: str) -> dict[str, t.Any]:
        found: dict[str, t.Any] = self.client("athena").get_query_execution(QueryExecutionId=execution)
        return t.cast("dict[str, t.Any]", found["QueryExecution"])

    def finish(self, sql: str, **more: t.Any) -> dict[str, t.Any]:
        execution = self.start(sql, **more)
        while (found := self.status(execution))["Status"]["State"] in ("QUEUED", "RUNNING"):
            time.sleep(0)
        return found


@pytest.fixture
def crm() -> SalesPro:
    made = SalesPro(size=120, start=START)
    made.limiter.rules = {}
    return made


@pytest.fixture
def aws(crm: SalesPro, simulate: Callable[..., str]) -> Aws:
    return Aws(crm, simulate(crm))


def code_of(caught: pytest.ExceptionInfo[ClientError]) -> str:
    return caught.value.response["Error"]["Code"]


def test_it_is_among_the_crms() -> None:
    (made,) = make_crms(["salespro"], size=10)
    assert isinstance(made, SalesPro)


def test_a_query_runs_and_its_result_lies_in_s3(aws: Aws) -> None:
    aws.crm.polls = 2
    execution = aws.start('SELECT "estimate_id", "sale_amount" FROM "estimate" ORDER BY "updated_at" NULLS LAST')
    states = [aws.status(execution)["Status"]["State"] for _ in range(3)]
    assert states == ["RUNNING", "QUEUED", "SUCCEEDED"]
    made = aws.status(execution)
    location = made["ResultConfiguration"]["OutputLocation"]
    assert location == f"{OUTPUT_LOCATION}{execution}.csv"
    assert made["Statistics"]["DataScannedInBytes"] == 120 * 3 * 10
    key = location.removeprefix(f"s3://{BUCKET}/")
    lines = aws.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read().decode().splitlines()
    assert lines[0] == '"estimate_id","sale_amount"'
    assert len(lines) == 121
    # NULL is an empty cell, every value is quoted.
    assert lines[1].endswith(",")
    assert lines[2].endswith('0"')
    part = aws.client("s3").get_object(Bucket=BUCKET, Key=key, Range="bytes=3-")["Body"].read()
    assert part.startswith(b"timate_id")


def test_pages_of_a_result(aws: Aws) -> None:
    made = aws.finish('SELECT "crm_source", "is" FROM (SELECT "crm_source", 1 AS "is" FROM "customer") ORDER BY 1')
    pages: list[t.Any] = []
    token: dict[str, str] = {}
    while True:
        page = aws.client("athena").get_query_results(QueryExecutionId=made["QueryExecutionId"], MaxResults=50, **token)
        pages.append(page["ResultSet"]["Rows"])
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert [len(rows) for rows in pages] == [50, 50, 21]
    assert pages[0][0]["Data"] == [{"VarCharValue": "crm_source"}, {"VarCharValue": "is"}]
    values = [row["Data"][0].get("VarCharValue") for rows in pages for row in rows][1:]
    # NULL has no value, the empty text has one.
    assert set(values) == {None, "", "hubspot"}
    assert page["ResultSet"]["ResultSetMetadata"]["ColumnInfo"][0]["Name"] == "crm_source"


@pytest.mark.parametrize(
    ("sql", "count"),
    [
        ("SELECT estimate_id FROM estimate WHERE updated_at >= timestamp '2025-06-02 10:00:00.000'", 8),
        ('SELECT "estimate_id" FROM "leap"."estimate" WHERE is_sale = \'false\'', 40),
        ('SELECT estimate_id FROM "AwsDataCatalog"."leap"."estimate" LIMIT 7', 7),
    ],
)
def test_conditions_count(aws: Aws, sql: str, count: int) -> None:
    made = aws.finish(sql)
    assert made["Status"]["State"] == "SUCCEEDED", made
    page = aws.client("athena").get_query_results(QueryExecutionId=made["QueryExecutionId"])
    assert len(page["ResultSet"]["Rows"]) - 1 == count


@pytest.mark.parametrize(
    ("sql", "context", "reason"),
    [
        ('SELECT "nothing" FROM "estimate"', DATABASE, "COLUMN_NOT_FOUND: line 1:8: Column 'nothing'"),
        ("SELECT x FROM payments", DATABASE, "TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.leap.payments'"),
        ("SELECT x FROM estimate", "other", "SCHEMA_NOT_FOUND: line 1:15: Schema 'other' does not exist"),
        ("SELECT strange(state) FROM estimate", DATABASE, "SYNTAX_ERROR"),
        ("SELECT customer_id FROM customer", DATABASE, "not authorized to perform: glue:GetTable"),
    ],
)
def test_a_query_may_fail(aws: Aws, sql: str, context: str, reason: str) -> None:
    aws.crm.denied = {"customer"}
    status = aws.finish(sql, QueryExecutionContext={"Database": context})["Status"]
    assert status["State"] == "FAILED"
    assert reason in status["StateChangeReason"]


def test_a_query_ends_as_a_test_wants(aws: Aws) -> None:
    aws.crm.outcomes.append(Outcome("FAILED", "Query exhausted resources", retryable=True))
    status = aws.finish("SELECT customer_id FROM customer")["Status"]
    assert (status["State"], status["AthenaError"]["Retryable"]) == ("FAILED", True)
    assert aws.finish("SELECT customer_id FROM customer")["Status"]["State"] == "SUCCEEDED"


def test_a_query_can_be_stopped(aws: Aws) -> None:
    execution = aws.start("SELECT customer_id FROM customer")
    aws.client("athena").stop_query_execution(QueryExecutionId=execution)
    assert aws.status(execution)["Status"]["State"] == "CANCELLED"


def test_a_token_gives_the_same_execution(aws: Aws) -> None:
    sql, token = "SELECT customer_id FROM customer", "0" * 32
    assert aws.start(sql, ClientRequestToken=token) == aws.start(sql, ClientRequestToken=token)
    assert aws.start(sql) != aws.start(sql)


@pytest.mark.parametrize(
    "asked",
    [
        {"WorkGroup": "none"},
        {"ResultConfiguration": {}},
        {"ResultConfiguration": {"OutputLocation": "s3://demo-bucket/no-slash"}},
        {"QueryString": "DROP TABLE customer"},
    ],
)
def test_what_is_asked_wrongly_is_refused(aws: Aws, asked: dict[str, t.Any]) -> None:
    with pytest.raises(ClientError) as caught:
        aws.start("SELECT customer_id FROM customer", **asked)
    assert code_of(caught) == "InvalidRequestException"


def test_a_workgroup_may_have_its_own_location(simulate: Callable[..., str]) -> None:
    crm = SalesPro(size=20, start=START, overrides=True)
    aws = Aws(crm, simulate(crm))
    assert "/enforced/" in aws.finish("SELECT customer_id FROM customer")["ResultConfiguration"]["OutputLocation"]
    group = aws.client("athena").get_work_group(WorkGroup="primary")["WorkGroup"]
    assert group["Configuration"]["EnforceWorkGroupConfiguration"]


@pytest.mark.parametrize(
    ("service", "key", "secret", "code"),
    [
        ("athena", "AKIAOTHER", SECRET_ACCESS_KEY, "UnrecognizedClientException"),
        ("athena", ACCESS_KEY_ID, "wrong", "InvalidSignatureException"),
        ("s3", "AKIAOTHER", SECRET_ACCESS_KEY, "InvalidAccessKeyId"),
        ("s3", ACCESS_KEY_ID, "wrong", "SignatureDoesNotMatch"),
        ("sts", "AKIAOTHER", SECRET_ACCESS_KEY, "InvalidClientTokenId"),
        ("sts", ACCESS_KEY_ID, "wrong", "SignatureDoesNotMatch"),
    ],
)
def test_signatures_are_checked(aws: Aws, service: str, key: str, secret: str, code: str) -> None:
    client = aws.client(service, key, secret)
    calls: dict[str, Callable[[], object]] = {
        "athena": lambda: client.get_work_group(WorkGroup="primary"),
        "s3": lambda: client.get_object(Bucket=BUCKET, Key="exports/users.csv"),
        "sts": lambda: client.assume_role(RoleArn=ROLE_ARN, RoleSessionName="crm", ExternalId=EXTERNAL_ID),
    }
    with pytest.raises(ClientError) as caught:
        calls[service]()
    assert code_of(caught) == code
    assert requests.post(f"{aws.url}/athena", json={}, timeout=10).status_code == 400


def test_a_role_gives_keys(aws: Aws) -> None:
    sts = aws.client("sts")
    given = sts.assume_role(RoleArn=ROLE_ARN, RoleSessionName="crm", ExternalId=EXTERNAL_ID)["Credentials"]
    key, secret = given["AccessKeyId"], given["SecretAccessKey"]
    client = aws.client("athena", key, secret, aws_session_token=given["SessionToken"])
    assert client.get_work_group(WorkGroup="primary")
    with pytest.raises(ClientError):
        aws.client("athena", key, secret).get_work_group(WorkGroup="primary")
    with pytest.raises(ClientError) as caught:
        sts.assume_role(RoleArn=ROLE_ARN, RoleSessionName="crm")
    assert code_of(caught) == "AccessDenied"


def test_objects_are_listed_and_matched(aws: Aws) -> None:
    s3 = aws.client("s3")
    found = s3.list_objects_v2(Bucket=BUCKET, Prefix="exports/")["Contents"]
    assert [one["Key"] for one in found] == ["exports/appointments.csv", "exports/offices.csv", "exports/users.csv"]
    head = s3.head_object(Bucket=BUCKET, Key="exports/offices.csv")
    assert (head["ETag"], head["ContentLength"]) == (found[1]["ETag"], found[1]["Size"])
    with pytest.raises(ClientError) as caught:
        s3.get_object(Bucket=BUCKET, Key="exports/offices.csv", IfMatch='"other"')
    assert code_of(caught) == "PreconditionFailed"
    for bucket, key, code in ((BUCKET, "none", "NoSuchKey"), ("other", "x", "NoSuchKey")):
        with pytest.raises(ClientError) as caught:
            s3.get_object(Bucket=bucket, Key=key)
        assert code_of(caught) == code
    assert s3.get_object(Bucket=BUCKET, Key="exports/users.csv")["Body"].read().startswith(b"\xef\xbb\xbfobjectId,")


@pytest.mark.parametrize(
    ("fault", "athena", "s3"),
    [
        (Fault("storm", times=0), "ThrottlingException", "SlowDown"),
        (Fault("forbidden", times=0), "AccessDeniedException", "AccessDenied"),
        (Fault("error", times=0), "InternalServerException", "InternalError"),
        (Fault("expired_token", times=0), "ExpiredTokenException", "ExpiredToken"),
    ],
    ids=lambda value: getattr(value, "kind", str(value)),
)
def test_faults_are_worded_by_service(aws: Aws, fault: Fault, athena: str, s3: str) -> None:
    aws.crm.faults.append(fault)
    with pytest.raises(ClientError) as caught:
        aws.start("SELECT customer_id FROM customer")
    assert code_of(caught) == athena
    with pytest.raises(ClientError) as caught:
        aws.client("s3").get_object(Bucket=BUCKET, Key="exports/users.csv")
    assert code_of(caught) == s3


def test_starts_are_limited(aws: Aws) -> None:
    aws.crm.limiter.rules = {"start": [Rule(2, 60)]}
    for _ in range(2):
        aws.start("SELECT customer_id FROM customer")
    with pytest.raises(ClientError) as caught:
        aws.start("SELECT customer_id FROM customer")
    assert code_of(caught) == "ThrottlingException"
    assert aws.client("athena").get_work_group(WorkGroup="primary")


def test_partitions_are_scanned_alone(simulate: Callable[..., str]) -> None:
    crm = SalesPro(size=400, start=START, partitioned=True)
    aws = Aws(crm, simulate(crm))
    whole = aws.finish('SELECT "estimate_id" FROM "estimate"')["Statistics"]["DataScannedInBytes"]
    part = aws.finish('SELECT "estimate_id" FROM "estimate" WHERE "dt" >= \'2025-06-02\'')["Statistics"]
    assert part["DataScannedInBytes"] < whole
    everything = aws.finish("SELECT * FROM estimate")["Statistics"]["DataScannedInBytes"]
    assert everything == whole * (len(TABLES["estimate"]) + 1)


def test_a_day_brings_new_changed_and_removed_rows(crm: SalesPro) -> None:
    before = {row["estimate_id"]: row for row in crm.rows("estimate")}
    crm.world.days += 1
    happened = crm.pass_a_day()["estimate"]
    after = {row["estimate_id"]: row for row in crm.rows("estimate")}
    assert len(after.keys() - before.keys()) == happened["new"]
    assert len(before.keys() - after.keys()) == happened["archived"]
    changed = {key for key in before.keys() & after.keys() if before[key]["updated_at"] != after[key]["updated_at"]}
    assert 0 < len(changed) <= happened["changed"]


def test_the_rows_hold_what_trapped_readers_before(crm: SalesPro) -> None:
    estimates, results = list(crm.rows("estimate")), list(crm.rows("lead_results"))
    assert {row["is_sale"] for row in estimates} == {"true", "false"}
    assert None in {row["sale_amount"] for row in estimates}
    assert len({row["estimate_id"] for row in results}) < len(results)
    assert {row["updated_at"] is None for row in results} == {True, False}
    assert any(not row["estimate_id"] for row in results)
