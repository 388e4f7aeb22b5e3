"""`make faults`: every entry of the catalogue injected, and a table of what came of it.

First the tests that carry an entry's id, then the campaigns. An entry passes when all that shows it does.
"""

from __future__ import annotations

import argparse
import os
import secrets
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from faults import catalogue
from faults.campaigns import CAMPAIGNS
from faults.catalogue import GROUPS, TESTS, Fault
from faults.stage import AT_LENGTH

WIDTH = 44


@dataclass(slots=True)
class Row:
    """One line of the table."""

    injections: int = 0
    failures: int = 0
    figure: str = ""
    reasons: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        if self.failures:
            return "FAILED"
        return "passed" if self.injections else "not run"


def run_tests(rows: dict[str, Row]) -> None:
    """Run every test of the catalogue once, and book each of its cases under each of its ids."""
    ids = {f"{test.file.removesuffix('.py').replace('/', '.')}.{test.name}": test.ids for test in catalogue.tests()}
    wanted = sorted({f"{TESTS / test.file}::{test.name}" for test in catalogue.tests() if {*test.ids} & {*rows}})
    if not wanted:  # pytest would take that for all
        return
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = (sys.executable, "-m", "pytest", "-n", "2", "-q", "--no-header", f"--junit-xml={report}", *wanted)
        subprocess.run(command, cwd=TESTS.parent, env=os.environ | {AT_LENGTH: "1"}, check=False)
        for case in ElementTree.parse(report).iter("testcase"):
            name = f"{case.get('classname', '').removeprefix('tests.')}.{case.get('name', '').partition('[')[0]}"
            skipped = case.find("skipped")
            failed = case.find("failure") is not None or case.find("error") is not None
            for id_ in ids.get(name, ()):
                if id_ not in rows:
                    continue
                if skipped is not None:
                    rows[id_].reasons.append(skipped.get("message", "skipped"))
                else:
                    rows[id_].injections += 1
                    rows[id_].failures += failed


def run_campaigns(rows: dict[str, Row], faults: dict[str, Fault], *, seed: int, quick: bool) -> None:
    """Run the campaigns of the entries, and say what came of each at once."""
    for id_, row in rows.items():
        if (name := faults[id_].campaign) is None:
            continue
        result = CAMPAIGNS[name](seed, quick)
        print(f"{id_} {name}: {result.why_not or result.figure}", flush=True)
        print("".join(f"  {breach}\n" for breach in result.breaches[:20]), end="")
        row.injections += result.injections
        row.failures += len(result.breaches)
        row.figure = result.figure
        if result.why_not:
            row.reasons.append(result.why_not)


def table(rows: dict[str, Row], faults: dict[str, Fault]) -> str:
    """The rows for people; what was not run says why."""
    lines = [f"{'entry':<6} {'tier':<5}{'fault':<{WIDTH}} {'injections':>10}  {'':<8} figure or reason"]
    for id_, row in rows.items():
        fault = faults[id_]
        said = row.figure or "; ".join(dict.fromkeys([*filter(None, [fault.not_run]), *row.reasons]))
        if row.verdict == "not run" and not said:
            said = "no test yet"
        lines.append(
            f"{id_:<6} {fault.tier:<5}{fault.fault[:WIDTH]:<{WIDTH}} {row.injections:>10}  {row.verdict:<8} {said}"
        )
    tier_1 = Counter(row.verdict for id_, row in rows.items() if faults[id_].tier == 1)
    return "\n".join([*lines, "", "tier 1: " + ", ".join(f"{count} {verdict}" for verdict, count in tier_1.items())])


def main() -> None:
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of each campaign")
    parser.add_argument("--seed", type=int, default=None, help="a new one if not given")
    parser.add_argument("--only", default=GROUPS, help=f"these groups of {GROUPS}, or entries such as K-09,D-06")
    options = parser.parse_args()
    seed = secrets.randbelow(10**9) if options.seed is None else options.seed
    faults = catalogue.read()
    try:
        rows = {id_: Row() for id_ in catalogue.chosen(options.only, faults)}
    except ValueError as exc:
        parser.error(str(exc))
    print(f"seed {seed}", flush=True)
    run_tests(rows)
    run_campaigns(rows, faults, seed=seed, quick=options.quick)
    print(table(rows, faults))
    sys.exit(any(row.failures for row in rows.values()))


if __name__ == "__main__":
    main()
