"""Private names of libraries: only files named for the library use them, and each still exists."""

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fixtures.process import ROOT
from tests.structure.sources import ROOMS, SOURCES

# Names with an underscore that may stand anywhere, and why.
ALLOWED = {
    "_meta": "documented: https://docs.djangoproject.com/en/5.2/ref/models/meta/",
    "_state": "documented: https://docs.djangoproject.com/en/5.2/ref/models/instances/#state",
    "_default_manager": "documented: https://docs.djangoproject.com/en/5.2/topics/db/managers/#default-managers",
    "_db": "documented: https://docs.djangoproject.com/en/5.2/topics/db/managers/"
    "#calling-custom-queryset-methods-from-the-manager",
    "_replace": "documented: https://docs.python.org/3/library/collections.html#collections.somenamedtuple._replace",
    "_exit": "documented: https://docs.python.org/3/library/os.html#os._exit",
    "_change_reason": "documented: https://django-simple-history.readthedocs.io/en/latest/historical_model.html"
    "#change-reason",
    "_base_manager": "documented: https://docs.djangoproject.com/en/5.2/topics/db/managers/#base-managers",
    "_history": "documented: https://django-simple-history.readthedocs.io/en/latest/querying_history.html"
    "#finding-the-historical-instance",
    "_save": "documented: https://docs.djangoproject.com/en/5.2/howto/custom-file-storage/#django.core.files.storage._save",
    "_to_count": "ours: providers/signals.py notes on a row, between two signals, that its change is to be counted",
    "_offered": "ours: providers/signals.py notes on a connection that goes which models it offered",
}

# file: (owner, name, the library's module that uses the name itself)
NAMES = {
    "providers/process/_storages_private.py": [
        ("storages.backends.s3.S3Storage", "_normalize_name", "storages.backends.s3"),
        ("storages.backends.gcloud.GoogleCloudStorage", "_normalize_name", "storages.backends.gcloud"),
        ("storages.backends.azure_storage.AzureStorage", "_get_valid_path", "storages.backends.azure_storage"),
    ],
    "providers/process/_azure_private.py": [
        ("storages.backends.azure_storage.AzureStorage", "_get_service_client", "storages.backends.azure_storage"),
    ],
    "providers/process/_google_private.py": [
        ("google.cloud.client.Client", "_http", "google.cloud.client"),
    ],
    "providers/process/_asgiref_private.py": [
        ("asgiref.sync.SyncToAsync", "threadlocal", "asgiref.sync"),
    ],
    "providers/process/_django_private.py": [
        ("django.db.transaction.Atomic", "_from_testcase", "django.test.testcases"),
        ("django.db.backends.base.base.BaseDatabaseWrapper", "atomic_blocks", "django.db.transaction"),
        ("django.core.handlers.asgi.ASGIRequest", "_stream", "django.http.request"),
    ],
    "webui/postgresql/_django_private.py": [
        ("django.db.backends.base.base.BaseDatabaseWrapper", "_close", "django.db.backends.base.base"),
    ],
    "providers/admin/_django_private.py": [
        ("django.forms.models.BaseModelForm", "_post_clean", "django.forms.forms"),
    ],
    "providers/http/_aiohttp_private.py": [
        ("aiohttp.connector.TCPConnector", "_create_connection", "aiohttp.connector"),
        ("aiohttp.connector.TCPConnector", "_factory", "aiohttp.connector"),
        ("aiohttp.connector.TCPConnector", "_loop", "aiohttp.connector"),
        ("aiohttp.client_proto.ResponseHandler", "_parser", "aiohttp.client_proto"),
        ("aiohttp.client_proto.ResponseHandler", "_tail", "aiohttp.client_proto"),
        ("aiohttp.client_proto.ResponseHandler", "_drain_tail", "aiohttp.client_proto"),
        ("aiohttp.client_proto.ResponseHandler", "set_response_params", "aiohttp.client"),
        ("aiohttp.http_writer", "_serialize_headers", "aiohttp.http_writer"),
        ("aiohttp.client.ClientSession", "_max_field_size", "aiohttp.client"),
        ("aiohttp.client.ClientSession", "_max_headers", "aiohttp.client"),
        ("aiohttp.client.ClientSession", "_max_line_size", "aiohttp.client"),
        ("aiohttp.client.ClientSession", "_read_bufsize", "aiohttp.client"),
        ("aiohttp.streams.StreamReader", "_read_nowait", "aiohttp.streams"),
    ],
    "providers/http/_urllib3_private.py": [
        ("urllib3.connection.HTTPConnection", "_new_conn", "urllib3.connection"),
        ("urllib3.connection.HTTPConnection", "_dns_host", "urllib3.connection"),
        ("urllib3.connection.HTTPConnection", "is_closed", "urllib3.connectionpool"),
        ("urllib3.connectionpool.HTTPSConnectionPool", "_validate_conn", "urllib3.connectionpool"),
        ("urllib3.connectionpool.HTTPSConnectionPool", "ConnectionCls", "urllib3.connectionpool"),
        ("urllib3.poolmanager.PoolManager", "pool_classes_by_scheme", "urllib3.poolmanager"),
        ("urllib3.connection.HTTPConnection", "response_class", "http.client"),
        ("http.client.HTTPResponse", "_read_status", "http.client"),
    ],
    "providers/http/_websockets_private.py": [
        ("websockets.http11.Response", "parse", "websockets.http11"),
    ],
    "webui/layers/_django_private.py": [
        (
            "django.contrib.staticfiles.storage.HashedFilesMixin",
            "_js_module_import_aggregation_patterns",
            "django.contrib.staticfiles.storage",
        ),
    ],
    "webui/serving/_daphne_private.py": [
        ("daphne.http_protocol.WebRequest", "_response_started", "daphne.http_protocol"),
        ("daphne.http_protocol.WebRequest", "handle_reply", "daphne.server"),
        ("daphne.http_protocol.WebRequest", "handle_exception", "daphne.server"),
        ("daphne.http_protocol.WebRequest", "handleContentChunk", "twisted.web.http"),
        ("daphne.http_protocol.WebRequest", "parsePOSTFormSubmission", "twisted.web.http"),
        ("daphne.http_protocol.HTTPFactory", "buildProtocol", "daphne.http_protocol"),
        ("twisted.web.http.HTTPChannel", "requestFactory", "daphne.http_protocol"),
        ("daphne.server.Server", "create_application", "daphne.http_protocol"),
        ("daphne.server.Server", "handle_reply", "daphne.server"),
        ("daphne.server.Server", "kill_all_applications", "daphne.server"),
        ("daphne.server.Server", "http_factory", "daphne.server"),
        ("daphne.server.Server", "ws_factory", "daphne.server"),
        ("daphne.ws_protocol.WebSocketProtocol", "serverClose", "daphne.ws_protocol"),
        ("daphne.ws_protocol.WebSocketProtocol", "sendCloseFrame", "daphne.ws_protocol"),
        ("daphne.ws_protocol.WebSocketProtocol", "serverSend", "daphne.ws_protocol"),
        ("autobahn.websocket.protocol.WebSocketProtocol", "maxMessagePayloadSize", "autobahn.websocket.protocol"),
        ("twisted.internet.abstract.FileDescriptor", "dataBuffer", "twisted.internet.abstract"),
        ("twisted.internet.abstract.FileDescriptor", "offset", "twisted.internet.abstract"),
        ("twisted.internet.abstract.FileDescriptor", "_tempDataLen", "twisted.internet.abstract"),
        ("daphne.ws_protocol.WebSocketFactory", "protocol", "daphne.ws_protocol"),
        ("daphne.server.Server", "ready_callable", "daphne.server"),
        ("daphne.server.Server", "endpoints", "daphne.server"),
        ("daphne.server.Server", "connections", "daphne.server"),
        ("daphne.server.Server", "application_instance", "daphne.server"),
    ],
    "webui/serving/_uvicorn_private.py": [
        ("uvicorn.server.Server", "shutdown", "uvicorn.server"),
    ],
}
ROWS = [(owner, name, used_in) for rows in NAMES.values() for owner, name, used_in in rows]
PARAMETERS = [
    ("aiohttp.streams.StreamReader", "_read_nowait", ["self", "n"]),
    ("aiohttp.http_writer", "_serialize_headers", ["status_line", "headers"]),
    ("daphne.server.Server", "create_application", ["self", "protocol", "scope"]),
    ("daphne.server.Server", "handle_reply", ["self", "protocol", "message"]),
    ("urllib3.connectionpool.HTTPSConnectionPool", "_validate_conn", ["self", "conn"]),
    ("uvicorn.server.Server", "shutdown", ["self", "sockets"]),
]


def resolve(path: str) -> Any:
    module, _dot, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def is_named_for_a_library(stem: str) -> bool:
    return stem.startswith("_") and stem.endswith("_private")


# --- one test per name ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("owner", "name", "used_in"), ROWS, ids=[f"{owner}.{name}" for owner, name, _used_in in ROWS])
def test_the_library_still_has_this_name_and_uses_it_itself(owner, name, used_in):
    place = resolve(owner)
    kinds = inspect.getmro(place) if isinstance(place, type) else (place,)
    there = any(name in vars(kind) for kind in kinds)
    there = there or any(name in inspect.getsource(kind) for kind in kinds if kind is not object)
    assert there, f"{owner} has no {name} any more: mend the file that wraps it"
    source = inspect.getsource(importlib.import_module(used_in))
    assert name in source, f"{used_in} does not use {name} any more: what we change there has no effect"


@pytest.mark.parametrize(("owner", "name", "parameters"), PARAMETERS)
def test_the_library_still_calls_it_with_these_parameters(owner, name, parameters):
    assert list(inspect.signature(getattr(resolve(owner), name)).parameters) == parameters


def test_every_file_for_a_library_names_it_and_has_its_names_tested():
    files = {path.relative_to(ROOT).as_posix(): path for path in SOURCES if is_named_for_a_library(path.stem)}
    assert files.keys() == NAMES.keys()
    for relative, path in files.items():
        library = path.stem.removeprefix("_").removesuffix("_private")
        tree = ast.parse(path.read_text())
        modules = {node.module.partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        modules |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        assert library in modules | {"storages"}, relative  # a storage is handed in
        used = {name for _line, name in foreign_names(tree, set())}
        used |= {name for kind in classes_of(relative[:-3].replace("/", ".")) for name, _base in overridden(kind)}
        assert used <= {name for _owner, name, _used_in in NAMES[relative]}, relative


# --- and nowhere else -------------------------------------------------------------------------------------------------


def own_names(tree: ast.AST) -> set[str]:
    """The private names that a file defines: functions, classes, variables, and attributes of `self`."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self":
            found.add(node.attr)
    return found


def foreign_names(tree: ast.AST, defined: set[str]) -> Iterator[tuple[int, str]]:
    """(line, name) of every private attribute that is not defined here; `self`'s may be defined in any of our files."""
    here = own_names(tree) - overridden_in(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            of_self = ast.unparse(node.value) in ("self", "cls", "super()")
            if node.attr not in (here | defined if of_self else here):
                yield node.lineno, node.attr
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("getattr", "setattr", "hasattr", "delattr"):
            name = node.args[1]
            if isinstance(name, ast.Constant) and is_private(str(name.value)) and name.value not in here:
                yield node.lineno, str(name.value)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] not in ROOMS:
            parts = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
            yield from ((node.lineno, part) for part in parts if is_private(part))


def overridden_in(tree: ast.AST) -> set[str]:
    """The names of methods that call the one that they replace."""
    attributes = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    return {node.attr for node in attributes if is_private(node.attr) and ast.unparse(node.value) == "super()"}


def test_no_other_file_uses_a_private_name_of_a_library():
    trees = {path: ast.parse(path.read_text()) for path in SOURCES if not is_named_for_a_library(path.stem)}
    defined = {name for tree in trees.values() for name in own_names(tree)}
    found = [
        f"{path.relative_to(ROOT)}:{line} {name}"
        for path, tree in trees.items()
        for line, name in foreign_names(tree, defined)
        if name not in ALLOWED
    ]
    assert found == [], "wrap it in a file named for the library (see NAMES), or ask the library's documented way"


def test_no_other_file_overrides_a_private_name_of_a_library():
    found = [
        f"{kind.__module__}.{kind.__qualname__}.{name}"
        for kind in own_classes()
        for name, _base in overridden(kind)
        if name not in ALLOWED
    ]
    assert found == []


# What Python and Django put into every class of their kind.
MADE = {"_is_protocol", "_abc_impl", "_is_runtime_protocol"}
MADE |= {"_member_map_", "_member_names_", "_member_type_", "_value2member_map_", "_value_repr_", "_new_member_"}
MADE |= {"_generate_next_value_", "_unhashable_values_", "_use_args_", "_hashable_values_", "_unhashable_values_map_"}
MADE |= {"_sort_order_", "_declared_fields", "_meta"}


def own_classes() -> set[type]:
    found = set()
    for room in ROOMS:
        for module in pkgutil.walk_packages(importlib.import_module(room).__path__, f"{room}."):
            if ".migrations" not in module.name and not is_named_for_a_library(module.name.rpartition(".")[2]):
                found |= classes_of(module.name)
    assert len(found) > 300
    return found


def classes_of(module: str) -> set[type]:
    values = vars(importlib.import_module(module)).values()
    return {kind for kind in values if inspect.isclass(kind) and kind.__module__ == module}


def overridden(kind: type) -> Iterator[tuple[str, type]]:
    """The private names of a library's class that a class of ours gives another meaning."""
    for name in vars(kind):
        if is_private(name) and name not in ALLOWED and name not in MADE:
            for base in kind.__mro__[1:]:
                if base.__module__.partition(".")[0] not in ROOMS and name in vars(base):
                    yield name, base


def test_the_list_of_exceptions_is_not_longer_than_it_has_to_be():
    text = "\n".join(path.read_text() for path in SOURCES)
    assert [name for name in ALLOWED if f".{name}" not in text] == []
