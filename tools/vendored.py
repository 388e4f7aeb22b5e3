"""Verifies the files of other authors that the dashboard carries along: `python tools/vendored.py [--fetch]`.

`vendored.json` names each with its package, version and SHA-256. Without an argument the files are compared with
that; with `--fetch` also with the packages as npm's registry gives them, which needs npm.
Exit code 0: all are what their authors published; 1: one is not, and it is named.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "src/ocpp_gateway/web/static/vendor"


def manifest(folder: Path = FOLDER) -> list[dict[str, Any]]:
    """The packages: name, version, licence, and files with path in the package and SHA-256."""
    packages: list[dict[str, Any]] = json.loads((folder / "vendored.json").read_text())["packages"]
    return packages


def differences(folder: Path = FOLDER) -> Iterator[str]:
    """What in the folder is not as the manifest says, a line each."""
    known = {"vendored.json"}
    for package in manifest(folder):
        for name, file in package["files"].items():
            known.add(name)
            path = folder / name
            if not path.is_file():
                yield f"{name} of {package['name']} is missing"
            elif hashlib.sha256(path.read_bytes()).hexdigest() != file["sha256"]:
                yield f"{name} is not what {package['name']} {package['version']} published"
    for path in sorted(folder.iterdir()):
        if path.name not in known:
            yield f"{path.name} is in no package of vendored.json"


def published_differences(folder: Path = FOLDER) -> Iterator[str]:
    """What differs from the packages as the registry gives them now, a line each."""
    with tempfile.TemporaryDirectory() as temporary:
        for package in manifest(folder):
            wanted = f"{package['name']}@{package['version']}"
            packed = subprocess.run(  # noqa: S603 - names and versions are those of our own manifest
                ["npm", "pack", "--silent", "--pack-destination", temporary, wanted],  # noqa: S607 - npm is wherever it is
                check=True,
                capture_output=True,
                text=True,
            )
            with tarfile.open(Path(temporary) / packed.stdout.strip().splitlines()[-1]) as archive:
                for name, file in package["files"].items():
                    member = archive.extractfile(f"package/{file['path']}")
                    if member is None or member.read() != (folder / name).read_bytes():
                        yield f"{name} differs from {file['path']} in {wanted}"


def main() -> int:
    """Compare, and tell what differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--fetch", action="store_true", help="compare with the packages in npm's registry too")
    found = list(differences())
    if parser.parse_args().fetch:
        found += published_differences()
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
