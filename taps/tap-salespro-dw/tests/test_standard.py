"""The SDK's own tests of a tap."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import typing as t

from tap_salespro_dw.names import STREAMS

if t.TYPE_CHECKING:
    from pathlib import Path

# The SDK lists the streams while pytest collects: so its tests run in a pytest of their own.
SUITE = """
import json
from pathlib import Path

from singer_sdk.testing import SuiteConfig, get_tap_test_class
from tap_salespro_dw.tap import TapSalesPro

CONFIG = json.loads((Path(__file__).parent / "config.json").read_text())
TestStandard = get_tap_test_class(TapSalesPro, config=CONFIG, suite_config=SuiteConfig(max_records_limit=10))
"""


def test_the_standard_tests_of_the_sdk_pass(open_account: t.Callable[..., t.Any], tmp_path: Path) -> None:
    account = open_account(size=60)
    (tmp_path / "config.json").write_text(json.dumps(account.settings))
    (tmp_path / "test_suite.py").write_text(SUITE)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None
    assert int(passed.group(1)) > 10 * len(STREAMS)
