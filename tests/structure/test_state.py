"""State of the process: it is in the runtime, and no module keeps any."""

import ast
from functools import cache
from pathlib import Path

from tests.fixtures.process import ROOT
from tests.structure.sources import SOURCES, tree_of

CONTAINERS = {"list", "dict", "set", "deque", "defaultdict", "OrderedDict", "Counter", "bytearray"}
CONTAINERS |= {"WeakKeyDictionary", "WeakValueDictionary", "WeakSet"}
WORKERS = {
    "Lock",
    "RLock",
    "Condition",
    "Event",
    "Semaphore",
    "BoundedSemaphore",
    "Barrier",
    "Thread",
    "Timer",
    "local",
}
WORKERS |= {"ThreadPoolExecutor", "ProcessPoolExecutor", "Queue", "SimpleQueue", "new_event_loop"}
WORKERS |= {"CollectorRegistry", "Gauge", "Histogram", "Summary"}
CACHES = {"lru_cache", "cache"}
CHANGES = {"append", "appendleft", "add", "update", "setdefault", "pop", "popitem", "remove", "discard", "clear"}
CHANGES |= {"extend", "insert", "sort", "reverse"}

# module: {name: why it is no state}
ALLOWED = {
    "providers/runtime.py": {
        "_current": "the runtime itself",
        "_inherited": "keeps the parent's runtime alive in a forked process",
    },
    "webui/env.py": {"env": "the environment as the settings read it, once, at import"},
    "providers/http/redaction.py": {"NO_SECRETS": "an empty value that nothing is added to"},
    "chat/markdown/render.py": {"_cleaner": "the rules of the sanitiser, as they are made at import"},
    "webui/asgi.py": {
        "_sockets": "a layer of the application",
        "_static": "a layer of the application",
        "django_application": "the application, as servers import it",
        "application": "the application, as servers import it",
    },
}
# Names that Django and channels look up in a module, and that nothing changes afterwards.
CONVENTIONS = {"__all__", "urlpatterns", "websocket_urlpatterns", "accounts"}


def called(node: ast.AST | None) -> str:
    """`threading.Lock()` → Lock; "" for what is no call."""
    if not isinstance(node, ast.Call):
        return ""
    function = node.func
    if isinstance(function, ast.Call):  # lru_cache(maxsize=8)(…)
        return called(function)
    if isinstance(function, ast.Subscript):  # deque[int]()
        function = function.value
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def is_frozen(node: ast.ClassDef) -> bool:
    """Frozen dataclasses, named tuples, enumerations and exceptions."""
    bases = {ast.unparse(base).rpartition(".")[2] for base in node.bases}
    frozen = any("frozen=True" in ast.unparse(decorator) for decorator in node.decorator_list)
    return frozen or bool(bases & {"NamedTuple", "Enum", "StrEnum", "TextChoices", "Exception", "Protocol"})


@cache
def trees() -> dict[Path, ast.Module]:
    return {path: tree_of(path) for path in SOURCES}


@cache
def own_classes() -> set[str]:
    return {
        node.name
        for tree in trees().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and not is_frozen(node)
    }


def assignments(body: list[ast.stmt]) -> list[tuple[str, ast.expr]]:
    """The names that a module assigns at its top level, within `if` and `try` too, with their values."""
    found: list[tuple[str, ast.expr]] = []
    for node in body:
        if isinstance(node, ast.Assign):
            found += [(target.id, node.value) for target in node.targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            found.append((node.target.id, node.value))
        elif isinstance(node, ast.If | ast.Try | ast.With):
            for inner in ("body", "orelse", "finalbody"):
                found += assignments(getattr(node, inner, []))
    return found


def changed_names(tree: ast.Module) -> set[str]:
    """Names of which a function changes the contents: `NAME[…] = …`, `del NAME[…]`, `NAME.append(…)`, `NAME += …`."""
    found = set()
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        own = {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        for node in ast.walk(function):
            target: ast.AST | None = None
            if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
                target = node.value
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANGES:
                target = node.func.value
            if isinstance(target, ast.Name) and target.id not in own:
                found.add(target.id)
    return found


def state_in(path: Path) -> list[str]:
    tree = trees()[path]
    allowed = ALLOWED.get(path.relative_to(ROOT).as_posix(), {})
    changed = changed_names(tree)
    found = []
    for name, value in assignments(tree.body):
        kind = called(value)
        is_container = isinstance(value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp)
        is_container |= kind in CONTAINERS
        is_table = is_container and name == name.upper() and name not in changed
        is_state = (is_container and not is_table) or kind in WORKERS | CACHES | own_classes()
        if is_state and name not in allowed and name not in CONVENTIONS:
            found.append(name)
    return found


def test_no_module_holds_state():
    found = {path.relative_to(ROOT).as_posix(): names for path in SOURCES if (names := state_in(path))}
    assert found == {}, "make it a class and ask `runtime.state(…)` for its instance (providers/runtime.py)"


def test_no_function_rebinds_a_name_of_its_module():
    rebinding = {
        path.relative_to(ROOT).as_posix()
        for path, tree in trees().items()
        if any(isinstance(node, ast.Global) for node in ast.walk(tree))
    }
    assert rebinding == {"providers/runtime.py"}


def test_no_cache_of_a_function_has_to_be_cleared():
    clearing = [path.relative_to(ROOT).as_posix() for path in SOURCES if "cache_clear" in path.read_text()]
    assert clearing == [], "a cache that can be out of date is state: give it a state class, or its input as arguments"


def test_the_list_of_exceptions_is_not_longer_than_it_has_to_be():
    names = {
        (path.relative_to(ROOT).as_posix(), name)
        for path, tree in trees().items()
        for name, _value in assignments(tree.body)
    }
    assert {(path, name) for path, entries in ALLOWED.items() for name in entries} <= names


def test_a_state_class_needs_no_arguments_and_is_asked_for_by_its_name():
    asked = {
        ast.unparse(node.args[0]).rpartition(".")[2]
        for tree in trees().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "runtime.state"
    }
    classes = {
        node.name: node for tree in trees().values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
    }
    assert asked
    for name in asked:
        for method in classes[name].body:
            if isinstance(method, ast.FunctionDef) and method.name == "__init__":
                assert [argument.arg for argument in method.args.args] == ["self"], name
                assert not method.args.kwonlyargs, name
