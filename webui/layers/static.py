"""Static files: hashed, pre-compressed and served by the ASGI application itself.

`collect()` fills STATIC_ROOT when the sources changed (a stamp beside it says what it was made from). Our scripts lose
their comments there, which are for those who read the sources. Without a collection, in DEBUG and in tests, files are
served from where they lie and keep their plain names.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import HashedFilesMixin, staticfiles_storage
from django.core.files.base import ContentFile
from django.core.management import call_command
from servestatic.asgi import FileServerASGI
from servestatic.base import ServeStaticBase
from servestatic.storage import CompressedManifestStaticFilesStorage

from webui.layers import _django_private

# Files of installed packages that no page of ours loads; they would only cost start-up time and space.
UNUSED = [
    "rest_framework",
    "redoc",
    "swagger-ui-standalone-preset.js",
    "xregexp.js",
    "gis",
    "*.map",
    "*.scss",
    "*.d.ts",
]
SCRIPTS = "js/*.js"
RECIPE = "7"  # counted up when the way of collecting changes
# Comments that have their lines for themselves.
COMMENT = re.compile(r"^[ \t]*(?://.*|/\*\*(?:(?!\*/)[\s\S])*\*/[ \t]*)\n", re.MULTILINE)


def without_comments(script: str) -> str:
    """A script without its comments; unchanged if a template literal spans lines: it may hold what looks like one."""
    if any(line.count("`") % 2 for line in script.splitlines()):
        return script  # a template literal may go over several lines
    return COMMENT.sub("", script)


class SiteStaticFilesStorage(CompressedManifestStaticFilesStorage):
    """Hashed names once collected, plain names before."""

    # Addresses rewritten to hashed names: in style sheets, and the imports of our own ES modules. Django's
    # own list also follows source maps, which packages leave out.
    patterns = (
        ("*.css", (HashedFilesMixin.patterns[0][1][0], HashedFilesMixin.patterns[0][1][1])),
        (SCRIPTS, _django_private.MODULE_IMPORTS),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.manifest_strict = False
        self.scripts_hash = ""

    def post_process(self, *args: Any, **options: Any) -> Iterator[Any]:
        self.scripts_hash = _scripts_hash()  # once per collection, not once per script
        yield from super().post_process(*args, **options)

    def _save(self, name: str, content: Any) -> str:
        if fnmatch(name, SCRIPTS):
            content = ContentFile(without_comments(content.read().decode()).encode(), name=name)
        return str(super()._save(name, content))

    def file_hash(self, name: str | None, content: Any = None) -> str | None:
        """One hash for all our modules: they import each other, in circles too, so a module has no final hash of its
        own.
        """
        if name and fnmatch(name, SCRIPTS):
            return self.scripts_hash or _scripts_hash()
        return super().file_hash(name, content)  # type: ignore[no-any-return]

    def stored_name(self, name: str) -> str:
        return str(super().stored_name(name)) if self.hashed_files else name


def _collected() -> dict[str, str]:
    """Plain name → hashed name; empty before a collection."""
    storage: Any = staticfiles_storage
    return dict(storage.hashed_files)


def _sources() -> list[tuple[str, str]]:
    """Every static file as (name, path), in the order of the finders."""
    return [(name, storage.path(name)) for finder in finders.get_finders() for name, storage in finder.list(UNUSED)]


def _scripts_hash() -> str:
    digest = hashlib.sha256()
    for name, path in sorted(_sources()):
        if fnmatch(name, SCRIPTS):
            digest.update(Path(path).read_bytes())
    return digest.hexdigest()[:12]


def _fingerprint(sources: list[tuple[str, str]]) -> str:
    digest = hashlib.sha256(RECIPE.encode())
    for name, path in sources:
        facts = os.stat(path)
        digest.update(f"{name}|{facts.st_size}|{facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def is_stale() -> bool:
    """Whether something changed since the last collection. DEBUG needs none."""
    stamp = _stamp()
    return not settings.DEBUG and not (stamp.exists() and stamp.read_text() == _fingerprint(_sources()))


def collect() -> None:
    shutil.rmtree(settings.STATIC_ROOT, ignore_errors=True)
    fingerprint = _fingerprint(_sources())
    call_command("collectstatic", interactive=False, verbosity=0, ignore_patterns=UNUSED)
    _stamp().write_text(fingerprint)


def read_manifest() -> None:
    """Learn the names of a collection that another process made."""
    storage: Any = staticfiles_storage
    storage.hashed_files, storage.manifest_hash = storage.load_manifest()


def _stamp() -> Path:
    return Path(settings.STATIC_ROOT) / ".stamp"


class StaticFiles(ServeStaticBase):  # type: ignore[misc]
    """ASGI layer: answers what lies below STATIC_URL, hands everything else on."""

    def __init__(self, application: Any) -> None:
        self._loaded = False
        super().__init__(application, allow_all_origins=False, add_headers_function=self._add_headers)

    def initialize(self) -> None:
        """Does nothing: the table needs Django's storage, which is not ready yet."""

    @staticmethod
    def _add_headers(headers: Any, path: str, url: str) -> None:
        headers["X-Content-Type-Options"] = "nosniff"

    def _load(self) -> None:
        if self._loaded:
            return
        collected = {} if settings.DEBUG else _collected()
        self.autorefresh = not collected
        for name in collected.values():
            self.add_file_to_dictionary(settings.STATIC_URL + name, staticfiles_storage.path(name))
        self._loaded = True  # last: a request that comes meanwhile reads the same table

    def candidate_paths_for_url(self, url: str) -> Any:
        path = finders.find(url.removeprefix(settings.STATIC_URL))
        return [path] if path else []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"].startswith(settings.STATIC_URL):
            # Not thread-sensitive: uvicorn may start a request in the context of an earlier one, whose thread is gone.
            if not self._loaded:
                await sync_to_async(self._load, thread_sensitive=False)()
            if self.autorefresh:
                file = await sync_to_async(self.find_file, thread_sensitive=False)(scope["path"])
            else:
                file = self.files.get(scope["path"])
            if file is not None:
                await FileServerASGI(file)(scope, receive, send)
                return
        await self.application(scope, receive, send)
