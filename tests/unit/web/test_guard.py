"""What no page of ours would send is refused before anything looks at it."""

from __future__ import annotations

import pytest

from ocpp_gateway.web import passwords
from ocpp_gateway.web.access import Access, Role
from ocpp_gateway.web.app import create_app
from ocpp_gateway.web.guard import COOKIE, LARGEST_BODY, MOST_HEADERS, host_name
from unit.web.asking import Ask, View, asking

GOOD = "correct horse battery"
PATHS = ("/api/v1/chargers", "/api/v1/chargers/SITE-1")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "COST", 2**4)


@pytest.fixture
async def cookie(public: Access) -> dict[str, str]:
    return {"cookie": f"{COOKIE}={await public.set_up(public.setup_code or '', GOOD, '192.0.2.7')}"}


def form_token(access: Access, cookie: dict[str, str]) -> str:
    principal = access.who(cookie["cookie"].partition("=")[2], None)
    assert principal is not None
    return principal.form_token


# ---------------------------------------------------------------- nobody unknown


@pytest.mark.parametrize("path", PATHS)
async def test_fault_w_01_nothing_is_shown_to_somebody_unknown(ask_public: Ask, path: str) -> None:
    answer = await ask_public(path)
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "SITE-1" not in answer.body


async def test_fault_w_16_health_is_for_everybody_and_says_no_more_than_ok(ask_public: Ask) -> None:
    assert (await ask_public("/healthz"))[::2] == (200, "ok\n")


async def test_a_browser_is_led_to_the_way_in(ask_public: Ask) -> None:
    answer = await ask_public("/api/v1/chargers", headers={"accept": "text/html,*/*"})
    assert (answer.status, answer.headers["location"]) == (303, "/log-in")


async def test_a_session_and_a_token_are_let_in(ask_public: Ask, public: Access, cookie: dict[str, str]) -> None:
    assert (await ask_public("/api/v1/chargers", headers=cookie)).status == 200
    token = await public.add_token("grafana", Role.VIEWER, who="operator")
    assert (await ask_public("/api/v1/chargers", headers={"authorization": f"Bearer {token}"})).status == 200
    assert (await ask_public("/api/v1/chargers", headers={"authorization": "Bearer ogw_wrong"})).status == 401
    assert (await ask_public("/api/v1/chargers", headers={"authorization": f"Basic {token}"})).status == 401
    assert (await ask_public(f"/api/v1/chargers?token={token}")).status == 401  # never in the address


@pytest.mark.parametrize("odd", ['a={"b": 1}', "a b=c d", "a[0]=1", "a=\xe4", "=", "a", 'a="', "Path=/x; Secure"])
async def test_an_odd_cookie_of_another_server_on_this_host_locks_nobody_out(
    ask_public: Ask, cookie: dict[str, str], odd: str
) -> None:
    for both in (f"{odd}; {cookie['cookie']}", f"{cookie['cookie']}; {odd}"):
        assert (await ask_public("/api/v1/chargers", headers={"cookie": both})).status == 200


# ---------------------------------------------------------------- other sites


EVIL = (
    {"origin": "http://evil.example"},
    {"origin": "https://127.0.0.1.evil.example:8080"},
    {"origin": "http://127.0.0.1:9090"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"},
)


@pytest.mark.parametrize("evil", EVIL)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
async def test_fault_w_02_w_03_another_sites_page_gets_and_does_nothing(
    ask: Ask, method: str, evil: dict[str, str]
) -> None:
    answer = await ask("/api/v1/chargers", method=method, headers=evil)
    assert answer.status == 403
    assert "SITE-1" not in answer.body


async def test_a_link_elsewhere_may_lead_here(ask: Ask) -> None:
    led = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert (await ask("/api/v1/chargers", headers=led)).status == 200


async def test_fault_w_02_a_browser_needs_the_token_of_its_page(
    ask_public: Ask, public: Access, cookie: dict[str, str]
) -> None:
    ours = cookie | {"origin": "http://gateway.example", "sec-fetch-site": "same-origin"}
    path, host = "/log-out", "gateway.example"
    assert (await ask_public(path, "POST", host, headers=ours, body={})).status == 403
    assert (await ask_public(path, "POST", host, headers=ours | {"x-form-token": "old"}, body={})).status == 403
    assert (await ask_public(path, "POST", host, headers=ours, form={"form_token": "old"})).status == 403
    token = form_token(public, cookie)
    assert (await ask_public(path, "POST", host, headers=ours, form={"form_token": token})).status == 303
    assert (await ask_public("/api/v1/chargers", headers=cookie)).status == 401


async def test_fault_w_02_a_form_is_posted_and_excuses_no_other_method(ask: Ask) -> None:
    headers = {"origin": "null", "content-type": "application/x-www-form-urlencoded"}
    assert (await ask("/api/v1/limits/operator", "DELETE", headers=headers)).status == 403


async def test_fault_w_02_a_cookie_without_an_origin_changes_nothing(ask_public: Ask, cookie: dict[str, str]) -> None:
    assert (await ask_public("/log-out", "POST", headers=cookie, form={})).status == 403


# ---------------------------------------------------------------- names


@pytest.mark.parametrize("host", ["evil.example", "gateway.example.evil.example", "", "gateway.example@evil"])
async def test_fault_w_04_only_known_names_are_answered(ask_public: Ask, host: str) -> None:
    for path in ("/healthz", "/log-in", "/static/gateway.css", *PATHS):
        assert (await ask_public(path, host=host)).status == 421


@pytest.mark.parametrize("host", ["gateway.example", "GATEWAY.example:8080", "192.168.1.5:8080", "[fd00::1]:8080"])
async def test_an_address_or_a_known_name_is_answered_where_it_listens_everywhere(ask_public: Ask, host: str) -> None:
    assert (await ask_public("/healthz", host=host)).status == 200


def test_the_name_in_a_host_header() -> None:
    assert [host_name(host) for host in ("a", "A:80", "[::1]:80", "[::1]", "::1", "")] == [
        "a", "a", "::1", "::1", "::1", "",
    ]  # fmt: skip


# ---------------------------------------------------------------- sizes and paths


async def test_fault_w_09_a_body_a_header_too_much_is_refused(ask: Ask) -> None:
    assert (await ask("/log-in", "POST", body=b"x" * (LARGEST_BODY + 1))).status in (413, 303)
    large = {"content-length": str(LARGEST_BODY + 1)}
    assert (await ask("/log-in", "POST", headers=large)).status == 413
    for odd in ("-1", "1e9", "٣", "99999999999999999999999999"):
        assert (await ask("/log-in", "POST", headers={"content-length": odd.encode().decode("latin-1")})).status == 413
    assert (await ask("/healthz", headers={f"x-{n}": "1" for n in range(MOST_HEADERS)})).status == 431


async def test_fault_w_09_a_body_without_a_length_is_cut_off(ask_public: Ask, view: View, public: Access) -> None:
    code = {"code": "A" * (LARGEST_BODY + 10), "password": "", "again": ""}
    assert (await ask_public("/set-up", "POST", form=code)).status == 413


TRAVERSALS = (
    "/static/../app.py",
    "/static/..%2fapp.py",
    "/static/%2e%2e/app.py",
    "/static/vendor/..%2f..%2fapp.py",
    "/static//etc/passwd",
    "/static/%2fetc%2fpasswd",
    "/static/..%5capp.py",
    "/static/gateway.css%00.js",
    "/..%2f..%2f..%2f..%2fetc%2fpasswd",
    "//etc/passwd",
    "/static/",
    "/static",
)


@pytest.mark.parametrize("path", TRAVERSALS)
async def test_fault_w_05_only_packaged_files_are_served(ask: Ask, path: str) -> None:
    answer = await ask(path)
    assert answer.status in (307, 404)
    assert "root:" not in answer.body
    assert "import" not in answer.body


async def test_the_packaged_files_are_served(ask: Ask) -> None:
    assert (await ask("/static/vendor/htmx.min.js")).status == 200
    assert (await ask("/static/gateway.css")).headers["content-type"].startswith("text/css")


async def test_fault_w_14_no_page_can_be_framed_sniffed_or_kept(view: View, access: Access) -> None:
    headers = (await asking(create_app(view, access))("/log-in")).headers
    assert headers["content-security-policy"] == (
        "default-src 'self'; frame-ancestors 'none'; form-action 'self'; base-uri 'none'"
    )
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"


# ---------------------------------------------------------------- the way in


async def test_the_first_password_is_set_on_a_page(ask_public: Ask, public: Access) -> None:
    assert (await ask_public("/log-in")).headers["location"] == "/set-up"
    assert "code" in (await ask_public("/set-up")).body
    form = {"code": public.setup_code or "", "password": GOOD, "again": GOOD}
    wrong = await ask_public("/set-up", "POST", form=form | {"again": "something else"})
    assert (wrong.status, "the two passwords differ" in wrong.body) == (403, True)
    answer = await ask_public("/set-up", "POST", form=form)
    assert (answer.status, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Max-Age=43200" in cookie
    assert (await ask_public("/set-up")).headers["location"] == "/"


async def test_a_wrong_password_is_told_and_too_many_are_told_to_wait(
    ask_public: Ask, cookie: dict[str, str]
) -> None:
    form = {"role": "operator", "password": "wrong password"}
    answers = [await ask_public("/log-in", "POST", form=form) for _ in range(6)]
    assert [answer.status for answer in answers] == [403] * 5 + [429]
    assert "wrong password" in answers[0].body
    assert int(answers[-1].headers["retry-after"]) >= 1
