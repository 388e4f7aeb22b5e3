"""The files of other authors are what they published, and nothing else lies beside them."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

ROOT = Path(__file__).parents[3]
spec = importlib.util.spec_from_file_location("vendored", ROOT / "tools/vendored.py")
assert spec is not None
assert spec.loader is not None
vendored = importlib.util.module_from_spec(spec)
spec.loader.exec_module(vendored)


def test_every_vendored_file_is_what_its_author_published() -> None:
    assert list(vendored.differences()) == []


def test_every_package_carries_its_licence() -> None:
    for package in vendored.manifest():
        assert any(name.startswith("LICENSE") for name in package["files"]), package["name"]


def test_a_changed_a_missing_and_a_foreign_file_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "vendor"
    shutil.copytree(vendored.FOLDER, folder)
    (folder / "htmx.min.js").write_text("alert(1)")
    (folder / "uPlot.min.css").unlink()
    (folder / "extra.js").write_text("")
    assert list(vendored.differences(folder)) == [
        "htmx.min.js is not what htmx.org 4.0.1 published",
        "uPlot.min.css of uplot is missing",
        "extra.js is in no package of vendored.json",
    ]
