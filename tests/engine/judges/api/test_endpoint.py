import ssl
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx2
import pytest
from anthropic import APIConnectionError, APIStatusError, APITimeoutError
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.errors import JudgeError
from engine.judges.api.endpoint import (
    ANTHROPIC_URL,
    NO_KEY,
    Capabilities,
    Endpoint,
    find_endpoint,
    open_client,
    plain_address,
)
from engine.judges.api.faults import LONGEST_TEXT, LONGEST_WAIT_S, Fault, NoMessage, fault_of, status_fault, wait_asked

KEY = "sk-ant-planted-0123456789"
ENDPOINT = Endpoint(ANTHROPIC_URL, "claude-haiku-5-5", KEY, "ANTHROPIC_API_KEY")
REQUEST = httpx2.Request("POST", f"{ANTHROPIC_URL}/v1/messages")


def error_body(kind: str, message: str, code: str | None = None) -> dict[str, object]:
    error = {"type": kind, "message": message, **({"details": {"error_code": code}} if code else {})}
    return {"type": "error", "error": error, "request_id": "req_1"}


def fault(status: int, content: dict[str, object] | str = "", **headers: str) -> Fault:
    body = {"json": content} if isinstance(content, dict) else {"text": content}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return status_fault(httpx2.Response(status, headers=named, request=REQUEST, **body), ENDPOINT)  # type: ignore[arg-type]


class TestAddress:
    def test_key_of_the_environment_goes_to_anthropic_only(self) -> None:
        environ = {"ANTHROPIC_API_KEY": KEY, "LENSGAP_JUDGE_KEY": "another-key"}
        assert find_endpoint("m", environ=environ) == Endpoint(ANTHROPIC_URL, "m", KEY, "ANTHROPIC_API_KEY")
        other = find_endpoint("m", "http://127.0.0.1:8000", environ=environ)
        assert other == Endpoint("http://127.0.0.1:8000", "m", "another-key", "LENSGAP_JUDGE_KEY")

    def test_address_of_the_environment_gets_the_key_of_the_environment(self) -> None:
        found = find_endpoint(
            "m", environ={"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": "https://gateway.example/v1/"}
        )
        assert (found.base_url, found.key, found.is_anthropic) == ("https://gateway.example", KEY, False)

    def test_server_of_its_own_address_needs_no_key(self) -> None:
        assert find_endpoint("m", "http://h", environ={"ANTHROPIC_API_KEY": KEY}).key == "none"

    @pytest.mark.parametrize("environ", [{}, {"ANTHROPIC_API_KEY": "  "}, {"LENSGAP_JUDGE_KEY": KEY}])
    def test_missing_key_names_the_variable_and_the_offline_judge(self, environ: dict[str, str]) -> None:
        with pytest.raises(JudgeError, match=r"ANTHROPIC_API_KEY is not set.*--judge offline"):
            find_endpoint("m", environ=environ)

    @pytest.mark.parametrize("key", ["sk-ant\n-secret", "sk ant secret", "sk-sécret"])
    def test_malformed_key_is_refused_without_being_shown(self, key: str) -> None:
        with pytest.raises(JudgeError) as caught:
            find_endpoint("m", environ={"ANTHROPIC_API_KEY": key})
        assert "ANTHROPIC_API_KEY" in str(caught.value)
        assert key[3:] not in str(caught.value)

    @pytest.mark.parametrize(
        "address",
        ["http://H:80/x", "http://h:80/x/", "http://h:80/x/v1", "http://h:80/x/v1/messages", " http://h:80/x/v1/ "],
    )
    def test_address_ends_before_the_version(self, address: str) -> None:
        assert plain_address(address) == "http://h:80/x"

    @pytest.mark.parametrize(
        "address",
        ["", "h:80", "ftp://h", "http://", "http://h:port", "//h", "http://[::1", "http://a b", "http://a\x00b"],
    )
    def test_what_is_no_address_is_refused(self, address: str) -> None:
        with pytest.raises(JudgeError, match="address"):
            plain_address(address)

    @pytest.mark.parametrize(
        "address", [f"http://user:{KEY}@h", f"http://h?key={KEY}", f"http://h#{KEY}", f"http://{KEY}@h"]
    )
    def test_secret_in_an_address_is_refused_and_not_shown(self, address: str) -> None:
        with pytest.raises(JudgeError, match="LENSGAP_JUDGE_KEY") as caught:
            plain_address(address)
        assert KEY not in str(caught.value)

    @given(st.text())
    def test_no_address_does_more_than_being_refused(self, address: str) -> None:
        with suppress(JudgeError):
            assert plain_address(address).startswith("http")

    def test_key_is_in_no_repr(self) -> None:
        client = open_client(ENDPOINT, max_connections=1)
        assert KEY not in repr(ENDPOINT) + repr(client)
        assert ENDPOINT.redact(f"a {KEY} b") == "a … b"

    def test_headers_of_the_environment_stay_away_from_other_servers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", f"x-gateway-token: {KEY}")
        other = Endpoint("http://127.0.0.1:8000", "m", "none", "LENSGAP_JUDGE_KEY")
        assert KEY not in str(open_client(other, max_connections=1).default_headers)
        assert KEY in str(open_client(ENDPOINT, max_connections=1).default_headers)

    @pytest.mark.parametrize(
        ("variable", "value", "said"),
        [
            ("HTTPS_PROXY", f"nonsense://{KEY}@h", "HTTPS_PROXY"),
            ("ALL_PROXY", "socks5://127.0.0.1:9", "socksio"),
            ("SSL_CERT_FILE", "/no/such/file", "SSL_CERT_FILE"),
        ],
    )
    def test_unusable_environment_is_told_in_one_sentence(
        self, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
    ) -> None:
        monkeypatch.setenv(variable, value)
        with pytest.raises(JudgeError, match=said) as caught:
            open_client(ENDPOINT, max_connections=1)
        assert KEY not in str(caught.value)

    @settings(max_examples=30)
    @given(st.text(min_size=1).map(lambda host: f"http://{host}"))
    @example("http://xn--\u2063")
    @example("http://a b")
    @example("http://[v1.x]")
    def test_impossible_host_is_refused_in_one_sentence(self, address: str) -> None:
        with suppress(JudgeError):
            open_client(Endpoint(plain_address(address), "m", "none", "LENSGAP_JUDGE_KEY"), max_connections=1)


class TestCapabilities:
    @given(st.tuples(*[st.booleans()] * 5))
    def test_cache_gives_back_what_was_seen(self, seen: tuple[bool, bool, bool, bool, bool]) -> None:
        assert Capabilities.from_json(Capabilities(*seen).to_json()) == Capabilities(*seen)

    @pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"structured": true}', '{"a": 1}'])
    def test_what_is_no_cache_is_probed_again(self, text: str) -> None:
        assert Capabilities.from_json(text) is None

    @given(st.text())
    def test_no_cache_raises(self, text: str) -> None:
        Capabilities.from_json(text)


class TestStatus:
    @pytest.mark.parametrize("status", [429, 529])
    def test_busy_server_slows_down(self, status: int) -> None:
        found = fault(status, error_body("rate_limit_error", "Slow"), retry_after="7")
        assert (found.consequence, found.wait_s, found.may_be_paid) == ("slow down", 7.0, False)

    @pytest.mark.parametrize(("asked", "told"), [("1200", "20 minutes"), ("43200", "12 hours")])
    def test_wait_of_hours_is_told_and_not_waited_for(self, asked: str, told: str) -> None:
        found = fault(429, error_body("rate_limit_error", "Come back later"), retry_after=asked)
        assert (found.consequence, found.wait_s) == ("endpoint", None)
        assert told in found.told

    @pytest.mark.parametrize("status", [500, 502, 503, 504, 408, 409])
    def test_failing_server_is_asked_again(self, status: int) -> None:
        assert fault(status, "<html>Bad gateway</html>").consequence == "again"

    @pytest.mark.parametrize(
        ("status", "content"),
        [
            (402, error_body("billing_error", "Pay")),
            (400, error_body("invalid_request_error", "Your credit balance is too low to access the API.")),
            (400, error_body("invalid_request_error", "You have reached your specified API usage limits.")),
            (429, error_body("rate_limit_error", "No more this month.", "enforced_spend_limit_reached")),
            (429, error_body("rate_limit_error", "This would exceed your organization's monthly spend limit.")),
            (403, error_body("billing_error", "Pay")),
        ],
    )
    def test_exhausted_credit_ends_everything(self, status: int, content: dict[str, object]) -> None:
        found = fault(status, content)
        assert found.consequence == "endpoint"
        assert "cannot pay" in found.told

    @pytest.mark.parametrize(
        ("status", "content", "said"),
        [
            (401, error_body("authentication_error", "invalid x-api-key"), "refuses the key in ANTHROPIC_API_KEY"),
            (403, error_body("permission_error", "not yours"), 'may not use "claude-haiku-5-5"'),
            (404, error_body("not_found_error", "model: claude-haiku-5-5"), 'has no model "claude-haiku-5-5"'),
            (404, "<html>nginx</html>", "has no Messages API"),
            (404, {"detail": "Not Found"}, "has no Messages API"),
            (405, "", "refuses the call"),
            (301, "", "redirects"),
            (407, "", "asks for a login"),
        ],
    )
    def test_what_every_question_would_get_ends_everything(
        self, status: int, content: dict[str, object] | str, said: str
    ) -> None:
        found = fault(status, content)
        assert found.consequence == "endpoint"
        assert said in found.told

    def test_a_server_that_asks_for_a_key_is_not_said_to_refuse_one(self) -> None:
        asked = httpx2.Response(401, json=error_body("authentication_error", "who?"), request=REQUEST)
        found = status_fault(asked, Endpoint("http://127.0.0.1:8000", "m", NO_KEY, "LENSGAP_JUDGE_KEY"))
        assert (found.consequence, found.hint) == ("endpoint", "Put it into LENSGAP_JUDGE_KEY.")
        assert "asks for a key" in found.told

    @pytest.mark.parametrize("status", [400, 413, 422])
    def test_refused_request_is_about_its_question(self, status: int) -> None:
        found = fault(status, error_body("invalid_request_error", "messages.0: bad"))
        assert found.consequence == "question"
        assert "messages.0: bad" in found.told
        assert "messages.0: bad" in found.body

    def test_too_long_request_never_speaks_of_the_endpoint(self) -> None:
        assert not fault(413, error_body("request_too_large", "Too big")).is_final_at_first
        assert not fault(400, error_body("invalid_request_error", "prompt is too long: 300 tokens")).is_final_at_first
        assert fault(400, error_body("invalid_request_error", "thinking: unknown field")).is_final_at_first

    @given(st.integers(300, 599), st.one_of(st.text(), st.recursive(st.none() | st.text(), st.lists).map(str)))
    def test_any_body_gives_one_short_line_without_the_key(self, status: int, text: str) -> None:
        found = fault(status, text + KEY)
        assert found.told.isprintable()
        assert len(found.told) < LONGEST_TEXT + 200
        assert KEY not in found.told + found.body

    @pytest.mark.parametrize(
        "content", [{"error": "plain"}, {"error": {"message": None}}, {"error": {"details": 3}}, {"detail": ["x"]}]
    )
    def test_bodies_of_other_makes_are_read(self, content: dict[str, object]) -> None:
        assert fault(500, content).consequence == "again"


class TestWait:
    @pytest.mark.parametrize(
        ("headers", "wait"),
        [
            ({"retry-after": "12"}, 12.0),
            ({"retry-after": "0.25"}, 0.25),
            ({"retry-after-ms": "1500"}, 1.5),
            ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
            ({"retry-after": "-3"}, 0.0),
            ({"retry-after": "999999"}, LONGEST_WAIT_S),
            ({"retry-after": "inf"}, None),
            ({"retry-after": "-inf"}, None),
            ({"retry-after": "1e300"}, None),
            ({"retry-after-ms": "inf", "retry-after": "9"}, 9.0),
            ({"retry-after": "nan"}, None),
            ({"retry-after": "soon"}, None),
            ({}, None),
        ],
    )
    def test_seconds_and_milliseconds(self, headers: dict[str, str], wait: float | None) -> None:
        assert wait_asked(httpx2.Headers(headers)) == wait

    @given(st.integers(-(10**8), 10**8), st.integers(-1000, 1000))
    def test_date_counts_from_the_clock_of_the_server(self, skew_s: int, wait_s: int) -> None:
        now = datetime(2026, 11, 22, 12, tzinfo=UTC) + timedelta(seconds=skew_s)
        headers = {
            "date": format_datetime(now, usegmt=True),
            "retry-after": format_datetime(now + timedelta(seconds=wait_s), usegmt=True),
        }
        assert wait_asked(httpx2.Headers(headers)) == min(max(wait_s, 0), LONGEST_WAIT_S)

    @given(st.text(), st.text())
    def test_no_header_raises(self, retry_after: str, date: str) -> None:
        wait_asked({"retry-after": retry_after, "date": date})


class TestConnection:
    @pytest.mark.parametrize(
        ("cause", "said", "may_be_paid"),
        [
            (httpx2.ConnectError("[Errno 111] Connection refused"), "cannot be reached", False),
            (httpx2.ConnectError("[Errno -2] Name or service not known"), "Name or service", False),
            (httpx2.ProxyError("407 Proxy Authentication Required"), "proxy", False),
            (httpx2.RemoteProtocolError("Server disconnected"), "broke", True),
            (httpx2.ReadError(""), "ReadError", True),
        ],
    )
    def test_broken_connection_is_tried_again(self, cause: Exception, said: str, may_be_paid: bool) -> None:
        error = APIConnectionError(request=REQUEST)
        error.__cause__ = cause
        found = fault_of(error, ENDPOINT)
        assert (found.consequence, found.may_be_paid, found.is_final_at_first) == (
            "again",
            may_be_paid,
            not may_be_paid,
        )
        assert said in found.told or said in found.told.lower()

    def test_certificate_is_named(self) -> None:
        error = APIConnectionError(request=REQUEST)
        error.__cause__ = httpx2.ConnectError(
            str(ssl.SSLCertVerificationError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed"))
        )
        found = fault_of(error, ENDPOINT)
        assert "CERTIFICATE_VERIFY_FAILED" in found.told
        assert "certificate" in (found.hint or "")

    @pytest.mark.parametrize("cause", [httpx2.ConnectError("refused"), httpx2.ProxyError("refused")])
    def test_proxy_is_named_without_its_login(self, cause: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:{KEY}@proxy.example:3128")
        error = APIConnectionError(request=REQUEST)
        error.__cause__ = cause
        told = fault_of(error, ENDPOINT).told
        assert "HTTPS_PROXY" in told
        assert KEY not in told

    def test_late_reply_may_be_paid_and_late_connection_is_not(self) -> None:
        connecting, reading = APITimeoutError(request=REQUEST), APITimeoutError(request=REQUEST)
        connecting.__cause__, reading.__cause__ = httpx2.ConnectTimeout(""), httpx2.ReadTimeout("")
        assert [fault_of(each, ENDPOINT).may_be_paid for each in (connecting, reading, TimeoutError())] == [
            False,
            True,
            True,
        ]

    def test_html_with_status_200_asks_for_the_address(self) -> None:
        response = httpx2.Response(200, html="<html>Welcome</html>", request=REQUEST)
        found = fault_of(NoMessage(response), ENDPOINT)
        assert (found.consequence, found.is_final_at_first) == ("again", True)
        assert "HTML" in found.told
        assert "address" in (found.hint or "")

    def test_status_of_the_client_is_read(self) -> None:
        response = httpx2.Response(529, json=error_body("overloaded_error", "Overloaded"), request=REQUEST)
        assert fault_of(APIStatusError("x", response=response, body=None), ENDPOINT).consequence == "slow down"
