"""What all pages share: templates in each language, static files, the page for an error."""

import hashlib
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from gateway.web.api.window import calendar_of
from gateway.web.cache import Cache
from gateway.web.console import preferences, wording
from gateway.web.console.locale import Locale
from gateway.web.console.preferences import LANGUAGES, Preferences
from gateway.web.console.translations import Catalogue, load
from gateway.web.problems import Problem

HERE = Path(__file__).parent
STATIC = HERE / "static"
PAGES = (
    ("/", "wall"),
    ("/alarms", "alarms"),
    ("/gates", "gates"),
    ("/kiosks", "kiosks"),
    ("/robots", "robots"),
    ("/system", "system"),
)


class _Static(StaticFiles):
    """Files whose address carries their own hash never need to be asked for again."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if b"v=" in scope.get("query_string", b""):
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        else:
            response.headers["Cache-Control"] = "no-cache"
        return response


class Frame:
    """Writes pages."""

    def __init__(self, cache: Cache) -> None:
        self.cache = cache
        self._catalogues = load(HERE / "locale", LANGUAGES)
        self._environments = {
            language: _environment(catalogue) for language, catalogue in self._catalogues.items()
        }
        self._versions = {
            str(path.relative_to(STATIC)): hashlib.sha256(path.read_bytes()).hexdigest()[:12]
            for path in STATIC.rglob("*")
            if path.is_file()
        }

    def mount_static(self, app: Starlette) -> None:
        app.mount("/static", _Static(directory=STATIC), name="static")

    def locale(self, language: str) -> Locale:
        """Give a language's way to say things."""
        return Locale(self._catalogues[language], self.cache.parts.site)

    def page(
        self, request: Request, name: str, status: int = 200, /, **context: Any
    ) -> HTMLResponse:
        """Write a page in the language and theme of whoever asks."""
        wish = preferences.of(request)
        template = self._environments[wish.language].get_template(f"{name}.html")
        common = self._common(request, wish, name)
        response = HTMLResponse(template.render(common | context), status)
        preferences.remember(request, response)
        return response

    def problem(self, request: Request, problem: Problem) -> Response:
        say = self.locale(preferences.of(request).language).catalogue.gettext
        what = wording.PROBLEMS.get(problem.code)
        told = say(what) if what else problem.detail
        response = self.page(request, "problem", problem.status, problem=problem, told=told)
        response.headers.update(problem.headers)
        return response

    def _common(self, request: Request, wish: Preferences, name: str) -> dict[str, Any]:
        parts = self.cache.parts
        locale = self.locale(wish.language)
        say = locale.catalogue.gettext
        now = parts.now()
        picture = parts.live.picture

        def same(**changed: str) -> str:
            """Give this page's address with some of its query changed."""
            query = {**dict(request.query_params), **changed}
            shown = {key: value for key, value in query.items() if value}
            return f"{request.url.path}?{urlencode(shown)}" if shown else request.url.path

        def said(table: dict[str, str], code: str) -> str:
            return wording.said(table, code, say)

        return {
            "page": name,
            "pages": PAGES,
            "wish": wish,
            "locale": locale,
            "wording": wording,
            "said": said,
            "same": same,
            "script_words": json.dumps(
                {key: say(text) for key, text in wording.SCRIPT.items()}
                | {f"c_{code}": say(text) for code, text in wording.CONDITIONS.items()}
                | {f"q_{code}": say(text) for code, text in wording.QUALITIES.items()},
                ensure_ascii=False,
            ),
            "icons": json.dumps(wording.ICONS, ensure_ascii=False),
            "static": self._static,
            "site": parts.site,
            "now": now,
            "today": calendar_of(parts.site).day_of(now),
            "picture": picture,
        }

    def _static(self, path: str) -> str:
        return f"/static/{path}?v={self._versions.get(path, '0')}"


def _environment(catalogue: Catalogue) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    installer: Any = environment
    installer.install_gettext_callables(catalogue.gettext, catalogue.ngettext, newstyle=True)
    return environment
