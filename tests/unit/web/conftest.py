"""The gateway and the access that the tests of the web ask."""

from __future__ import annotations

import pytest

from ocpp_gateway.web.access import Access, Credentials
from ocpp_gateway.web.app import create_app
from unit.web.asking import Ask, Kept, View, Watch, asking


@pytest.fixture
def view() -> View:
    return View()


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def access(kept: Kept, watch: Watch) -> Access:
    """On loopback, without a password."""
    return Access(kept, Credentials(), loopback=True, now_s=watch)


@pytest.fixture
def public(kept: Kept, watch: Watch) -> Access:
    """On an address that other machines reach, without a password yet."""
    return Access(kept, Credentials(), loopback=False, now_s=watch)


@pytest.fixture
def ask(view: View, access: Access) -> Ask:
    """Asks a gateway on loopback without a password."""
    return asking(create_app(view, access))


@pytest.fixture
def ask_public(view: View, public: Access) -> Ask:
    """Asks a gateway that listens everywhere."""
    return asking(create_app(view, public, host="0.0.0.0", allowed_hosts=("gateway.example",)))
