"""The form that a sales rep fills in after a visit: a JSON array of titles and values, in ``lead_results``.

Titles are free text of the sales office. They occur with blanks or a dash at their end, in any case, and with ``&``
written as an escape; one holds a spelling error. What no column is fed by stays in the raw text.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

import msgspec
from tap_kit.messages import encode
from tap_kit.rows import decode
from tap_kit.values import Unstorable

Answers: t.TypeAlias = "dict[str, t.Any]"
TRUE: t.Final = frozenset({"yes", "y", "true", "1", "on"})
FALSE: t.Final = frozenset({"no", "n", "false", "0", "off"})
NOTHING: t.Final = frozenset({"", "null", "none", "n/a", "-"})
TAG: t.Final = re.compile(r"\s*\[([A-Z0-9][A-Z0-9 /&-]*)\]")
NUMBERS: t.Final = range(1, 7)


@dataclass(frozen=True)
class Field:
    """A column that the form feeds.

    Attributes:
        kind: ``text``, ``money`` or ``boolean``.
        titles: Titles of the form that feed it; the last answer wins.
        begins: Whether a title only has to begin like that.
    """

    kind: t.Literal["text", "money", "boolean"]
    titles: tuple[str, ...]
    begins: bool = False


def _text(*titles: str) -> Field:
    return Field("text", titles)


def _money(*titles: str) -> Field:
    return Field("money", titles)


def _boolean(*titles: str) -> Field:
    return Field("boolean", titles)


FIELDS: t.Final[t.Mapping[str, Field]] = {
    "appointment_result": _text("Appointment Result", "Result"),
    "result_reason_demo_not_sold": _text("Result Reason - Demo Not Sold (objection)"),
    # MANGER is how the form writes it.
    "result_reason_no_demo": _text("Result Reason - No Demo (REQUIRES SALES MANGER APPROVAL)"),
    "both_homeowners_present": _boolean("Both Homeowners Present?", "Both Homeowners Present"),
    "sales_manager_present": _boolean("Sales Manager Present"),
    "job_size": _money("Job Size"),
    "total_job_amount": _money("Total Job Amount"),
    "one_year_price": _money("One Year Price"),
    "last_price_offered": _money("Last Price Offered"),
    "last_payment_offered": _money("Last PAYMENT offered"),
    "no_brainer_commitment": _money("Customer No Brainer Payment Commitment ($0.00 if you did not get commitment)"),
    "customers_final_price_commitment": _money("Customer's Final Price Commitment"),
    "deposit_type": _text("Deposit Type"),
    "deposit_amount": _money("Deposit Amount"),
    "balance_type": _text("Balance Type", "Balance Form Of Payment"),
    "balance_amount": _money("Balance Amount"),
    "preferred_payment": _text("Preferred Payment"),
    "financing": _text("Financing"),
    "financing_approved": _boolean("Financing Approved"),
    "loan_docs_signed": _boolean("Loan Docs Signed"),
    "job_type": _text("Job Type"),
    "services": _text("Services"),
    "requested_start_month": _text("Requested Start Month (If Any)"),
    "deadline": _text("Deadline (If Any)-"),
    "timing": _text("Timing"),
    "scheduling_notes": _text("Scheduling Notes"),
    "upload_estimate_sheet_company_cam": _boolean("Did you Upload Estimate Sheet to Company Cam"),
    "st8_completed": _boolean(
        "Did you complete your ST-8 Form Before leaving house?",
        "Did the homeowner complete the ST-8 Form before leaving house?",
    ),
    "did_use_company_cam": _boolean("Did you use company cam"),
    "client_most_likely_to_add_on": _text("Client most likely to add on:"),
    "warm_up_topic": _text("Warm Up Topic"),
    "urgency_time_frame": _text("Urgency Time Frame"),
    "additional_services_demoed_priced": _text("Additional Services Demoed & Priced"),
    "describe_rapport_hot_button": _text("Describe Rapport & Hot Button"),
    "company_story_pain_point": _text("Company Story - what is customer's pain point"),
    "call_to_action": _text("Call To Action - what is the urgency & main consequence"),
    "price_conditioning_response": _text("Price Conditioning Response (Where do they want to fall & why)"),
    "notes": _text("Notes"),
    "closing_notes": _text("Closing Notes (how could you have booked this job)"),
    "notes_for_install_team": _text("Notes for Install Team", "Project Notes"),
    "details_discussed_for_install": _text("Details Discussed With Homeowner That Installation Needs To Know"),
    "measurement_tool": _text("Measurement Tool(s) Used"),
    "dumpster_preference": _text("Dumpster Preference"),
    # The full title goes on with the default colours.
    "color_selection": Field("text", ("Color Selection (Default Color in Parentheses)",), begins=True),
    "has_consider_solar": _text("Has / would this customer ever consider Solar"),
}
STATUS_BUCKET: t.Final = "status_bucket"
COLUMNS: t.Final = (*FIELDS, STATUS_BUCKET)


def title_of(title: str) -> str:
    """Return a title as all its spellings have it."""
    plain = title.replace("\\u0026", "&").replace("&amp;", "&").replace("\u2019", "'")
    return " ".join(plain.casefold().split()).rstrip("- ")


def parse(raw: str | None) -> Answers | None:
    """Return the answers by title; None if the text is no form. The last of several answers wins."""
    if raw is None or not raw.strip():
        return {}
    try:
        document = decode(raw)
    except msgspec.DecodeError:
        return None
    if not isinstance(document, list):
        return None
    answers: Answers = {}
    for item in document:
        if isinstance(item, dict) and isinstance(item.get("title"), str):
            title = title_of(item["title"])
            # What comes last has to be last in order as well: several titles feed one column.
            answers.pop(title, None)
            answers[title] = item.get("value")
    return answers


def text_of(value: t.Any) -> str | None:  # noqa: ANN401 - any JSON
    """Return an answer as text; what says "nothing" is null, and a dash at its beginning is left out."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        parts = [text for item in value if (text := text_of(item)) is not None]
        return ", ".join(parts) or None
    if value is None or isinstance(value, dict):
        return encode(value).decode() if value else None
    text = str(value).strip()
    if text.lower() in NOTHING:
        return None
    return text.removeprefix("-").strip() or None


def money_of(value: t.Any) -> Decimal | Unstorable | None:  # noqa: ANN401 - any JSON
    """Return an amount: its digits, point and minus; null without any."""
    if isinstance(value, bool | dict | list):
        return None if not value else Unstorable(str(value), "not a number")
    bare = re.sub(r"[^0-9.\-]", "", "" if value is None else str(value))
    if bare in ("", "-", "."):
        return None
    try:
        return Decimal(bare)
    except InvalidOperation:
        return Unstorable(str(value), "not a number")


def boolean_of(value: t.Any) -> bool | None:  # noqa: ANN401 - any JSON
    """Return yes or no; null for everything else that was typed in."""
    word = str(value).strip().lower()
    return True if word in TRUE else False if word in FALSE else None


CONVERT: t.Final[t.Mapping[str, t.Callable[[t.Any], t.Any]]] = {
    "text": text_of,
    "money": money_of,
    "boolean": boolean_of,
}
_EXACT: t.Final = {
    title_of(title): name for name, field in FIELDS.items() if not field.begins for title in field.titles
}
_BEGINS: t.Final = {title_of(title): name for name, field in FIELDS.items() if field.begins for title in field.titles}


def columns_of(answers: Answers) -> dict[str, t.Any]:
    """Return the columns that the answers feed; those without an answer are null."""
    columns: dict[str, t.Any] = dict.fromkeys(COLUMNS)
    for title, value in answers.items():
        name = _EXACT.get(title) or next((name for start, name in _BEGINS.items() if title.startswith(start)), None)
        if name is not None:
            columns[name] = CONVERT[FIELDS[name].kind](value)
    tag = TAG.match(columns["appointment_result"] or "")
    columns[STATUS_BUCKET] = tag.group(1) if tag else None
    return columns


def items_of(answers: Answers) -> dict[int, dict[str, t.Any]]:
    """Return the job types of a visit by their number.

    From the titles "Job Type N" and "Job Type N Amount", of which both have to be there; a pair without any content
    is an empty line of the form. Without such titles there is one item: the job type, with the size of the job or else
    the price that the customer agreed to.
    """
    items = {}
    for number in NUMBERS:
        kind, amount = title_of(f"Job Type {number}"), title_of(f"Job Type {number} Amount")
        if kind in answers and amount in answers:
            item = {"job_type": text_of(answers[kind]), "job_type_amount": money_of(answers[amount])}
            if any(value is not None for value in item.values()):
                items[number] = item
    if items:
        return items
    columns = columns_of(answers)
    if columns["job_type"] is None:
        return {}
    amount = columns["job_size"]
    amount = columns["customers_final_price_commitment"] if amount is None else amount
    return {1: {"job_type": columns["job_type"], "job_type_amount": amount}}
