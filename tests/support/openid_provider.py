"""An OpenID provider on the loopback, over real HTTP: discovery, a page that asks who one is, tokens, keys, and signing out.

It is as strict as a good one: codes count once, for the client, address and challenge that asked. Whoever opens its page may be
any of its people, for whom it says exactly the claims that a test gives them.
"""

import base64
import hashlib
import html
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from tests.support.loopback import Replying, serving

CLIENT = "lensgap-of-the-lab"
_AS_ASKED = ("client_id", "redirect_uri", "state", "nonce", "code_challenge")


@dataclass
class Provider:
    """A provider with its people, by the name on its page; `codes` are those it gave out and has not seen again."""

    people: Mapping[str, Mapping[str, Any]]
    issuer: str = ""
    client_secret: str = field(default_factory=lambda: secrets.token_hex(16))
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, auto_kid=True))
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    """Every code and token that was ever given out."""
    n_signed_out: int = 0

    def metadata(self) -> dict[str, Any]:
        """What discovery says."""
        ways = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        ways |= {"end_session_endpoint": "leave"}
        return {name: f"{self.issuer}/{path}" for name, path in ways.items()} | {
            "issuer": self.issuer,
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }

    def page(self, asked: dict[str, str]) -> str:
        """The page that asks who one is."""
        assert asked["client_id"] == CLIENT
        assert asked["response_type"] == "code"
        assert "openid" in asked["scope"].split()
        assert asked["code_challenge_method"] == "S256"
        kept = {name: asked[name] for name in _AS_ASKED}
        return "".join(
            f'<p><a href="/chosen?{html.escape(urlencode(kept | {"name": name}))}">{html.escape(name)}</a></p>'
            for name in self.people
        )

    def chosen(self, asked: dict[str, str]) -> str:
        """Where the browser goes with a code for the person that was chosen."""
        code = self._tell(secrets.token_urlsafe(24))
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def tokens(self, given: dict[str, str], authorization: str) -> dict[str, Any] | None:
        """Tokens for a code; None for a code that is not good, or of somebody else."""
        asked = self.codes.pop(given["code"], None)
        expected = base64.b64encode(f"{CLIENT}:{self.client_secret}".encode()).decode()
        proof = base64.urlsafe_b64encode(hashlib.sha256(given["code_verifier"].encode()).digest()).decode().rstrip("=")
        if asked is None or authorization != f"Basic {expected}" or given["redirect_uri"] != asked["redirect_uri"]:
            return None
        if proof != asked["code_challenge"]:
            return None
        now = int(time.time())
        claims = {"iss": self.issuer, "sub": asked["name"], "aud": CLIENT, "iat": now, "exp": now + 3600}
        claims |= {"nonce": asked["nonce"]} | dict(self.people[asked["name"]])
        signed = jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key)
        access = secrets.token_urlsafe(24)
        return {"id_token": self._tell(signed), "access_token": self._tell(access), "token_type": "Bearer"}

    def _tell(self, secret: str) -> str:
        self.told.append(secret)
        return secret


@contextmanager
def openid_provider(people: Mapping[str, Mapping[str, Any]]) -> Iterator[Provider]:
    """Serve a provider that knows these people by their claims."""
    provider = Provider(people)

    class Handler(Replying):
        def get(self) -> None:
            asked = dict(parse_qsl(urlsplit(self.path).query))
            match urlsplit(self.path).path:
                case "/.well-known/openid-configuration":
                    self.reply_json(provider.metadata())
                case "/keys":
                    self.reply_json(KeySet([provider.key]).as_dict(private=False))
                case "/authorize":
                    self.reply(200, provider.page(asked).encode(), {"content-type": "text/html; charset=utf-8"})
                case "/chosen":
                    self._go(provider.chosen(asked))
                case "/leave":
                    assert asked["client_id"] == CLIENT
                    provider.n_signed_out += 1
                    self._go(asked["post_logout_redirect_uri"])
                case _:
                    self.reply(404, b"", {"content-type": "text/plain"})

        def post(self) -> None:
            given = dict(parse_qsl(self.read_body()))
            found = provider.tokens(given, self.headers.get("authorization", ""))
            self.reply_json(found or {"error": "invalid_grant"}, status=200 if found else 400)

        def _go(self, address: str) -> None:
            self.reply(302, b"", {"location": address})

    with serving(Handler) as provider.issuer:
        yield provider
