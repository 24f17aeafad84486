"""What the person at a browser prefers: language, theme, and the name to act under."""

from typing import NamedTuple
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import Response

LANGUAGES = ("en", "zh")
THEMES = ("auto", "light", "dark")
YEAR = 365 * 86400
LONGEST_NAME = 80


class Preferences(NamedTuple):
    """Language of the page, theme of the page, and who acts (may be empty)."""

    language: str
    theme: str
    who: str


def of(request: Request) -> Preferences:
    """Read them: what the address asks for, else the cookie, else the browser's own wish."""
    asked = request.query_params
    cookies = request.cookies
    language = next(
        (one for one in (asked.get("lang"), cookies.get("lang")) if one in LANGUAGES), None
    ) or wished(request.headers.get("accept-language", ""))
    theme = next((one for one in (asked.get("theme"), cookies.get("theme")) if one in THEMES), None)
    who = unquote(cookies.get("who", ""))[:LONGEST_NAME]
    return Preferences(language, theme or "auto", who)


def wished(header: str) -> str:
    """Choose a language by Accept-Language (RFC 9110, 12.5.4); English when none fits."""
    best, weight = LANGUAGES[0], 0.0
    for part in header.split(",")[:20]:
        tag, _, rest = part.strip().partition(";")
        language = tag.split("-")[0].strip().lower()
        try:
            share = float(rest.strip().removeprefix("q=")) if rest.strip() else 1.0
        except ValueError:
            continue
        if language in LANGUAGES and share > weight:
            best, weight = language, share
    return best


def remember(request: Request, response: Response) -> None:
    """Keep what the address asked for."""
    for name, known in (("lang", LANGUAGES), ("theme", THEMES)):
        value = request.query_params.get(name, "")
        if value in known:
            keep(response, name, value)


def keep(response: Response, name: str, value: str) -> None:
    """Set one preference's cookie."""
    response.set_cookie(name, quote(value), max_age=YEAR, path="/", httponly=True, samesite="lax")
