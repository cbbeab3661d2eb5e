"""The house rules of docs/style that a machine can check."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FUNCTION_LINES_MAX = 70
MODULE_LINES_MAX = 500
CLASS_METHODS_MAX = 20
PARAMETERS_MAX = 5
FOLDER_DEPTH_MAX = 4

CLOCKS_AND_DRAWS = {
    "time.time",
    "time.time_ns",
    "time.monotonic",
    "time.perf_counter",
    "time.sleep",
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "date.today",
    "uuid.uuid1",
    "uuid.uuid4",
    "uuid4",
    "random.random",
    "random.randint",
    "random.choice",
    "secrets.token_bytes",
    "secrets.token_hex",
    "secrets.token_urlsafe",
    "os.urandom",
}
SEAMS = {"clock.py", "ids.py"}
SQL = re.compile(
    r"^\s*(SELECT\s.+\sFROM|INSERT\s+(OR\s+\w+\s+)?INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM|CREATE\s+TABLE)\b", re.S
)
SQL_ROOMS = {"store", "stores"}
OWN_MEMORY = {"sandbox_ledger.py", "stripe_ledger.py"}
"""The payments sandbox and the stand-in for Stripe are somebody else's systems, so their SQL is their own."""
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")


@cache
def sources() -> tuple[tuple[Path, ast.Module, str], ...]:
    paths = sorted((ROOT / "src").rglob("*.py"))
    return tuple((path.relative_to(ROOT), ast.parse(path.read_text()), path.read_text()) for path in paths)


def functions() -> Iterator[tuple[Path, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for path, tree, _ in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield path, node


def found(rows: list[str]) -> None:
    if rows:
        pytest.fail("\n".join(rows))


def test_no_function_is_longer_than_a_screen() -> None:
    found(
        [
            f"{path}:{node.lineno} {node.name}: {lines} lines"
            for path, node in functions()
            if (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES_MAX
        ]
    )


def test_no_module_is_too_long_to_hold() -> None:
    counted = (
        (path, sum(1 for line in text.splitlines() if line.strip() and not line.strip().startswith("#")))
        for path, _, text in sources()
    )
    found([f"{path}: {lines} code lines" for path, lines in counted if lines > MODULE_LINES_MAX])


def test_no_class_has_more_methods_than_one_can_remember() -> None:
    rows = []
    for path, tree, _ in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                methods = sum(isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef) for item in node.body)
                if methods > CLASS_METHODS_MAX:
                    rows.append(f"{path}:{node.lineno} {node.name}: {methods} methods")
    found(rows)


def test_no_function_takes_more_than_five_positional_parameters() -> None:
    rows = []
    for path, node in functions():
        names = [each.arg for each in (*node.args.posonlyargs, *node.args.args) if each.arg not in {"self", "cls"}]
        if len(names) > PARAMETERS_MAX and not node.decorator_list:
            rows.append(f"{path}:{node.lineno} {node.name}: {len(names)} parameters")
    found(rows)


def test_folders_stay_shallow() -> None:
    found([str(path) for path, _, _ in sources() if len(path.parts) - 2 > FOLDER_DEPTH_MAX])


def test_clocks_and_randomness_are_read_at_their_seams_only() -> None:
    rows = []
    for path, tree, _ in sources():
        if path.name in SEAMS:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                if name in CLOCKS_AND_DRAWS or name.removeprefix("datetime.") in CLOCKS_AND_DRAWS:
                    rows.append(f"{path}:{node.lineno} {name}")
    found(rows)


def test_rooms_are_entered_by_their_door() -> None:
    rows = []
    for path, tree, _ in sources():
        room = path.parts[2] if len(path.parts) > 3 else ""
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                package, *inside = node.module.split(".")
                if (
                    package in {"expeditor", "order_processing"}
                    and len(inside) > 1
                    and inside[0] not in {room, "store"}
                ):
                    rows.append(f"{path}:{node.lineno} from {node.module}")
    found(rows)


def test_sql_stays_in_the_store() -> None:
    rows = []
    for path, tree, _ in sources():
        if path.parts[2] in SQL_ROOMS or path.name in OWN_MEMORY:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.match(node.value):
                rows.append(f"{path}:{node.lineno} {node.value[:40]!r}")
    found(rows)


def test_nothing_is_left_unfinished_by_its_own_words() -> None:
    found(
        [
            f"{path}:{number} {line.strip()[:80]}"
            for path, _, text in sources()
            for number, line in enumerate(text.splitlines(), 1)
            if UNFINISHED.search(line)
        ]
    )


def test_public_names_say_what_they_are() -> None:
    rows = []
    for path, tree, _ in sources():
        if not ast.get_docstring(tree):
            rows.append(f"{path}: module")
        for node in tree.body:
            is_named = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            if is_named and not node.name.startswith("_") and not ast.get_docstring(node):
                rows.append(f"{path}:{node.lineno} {node.name}")
    found(rows)


def test_tests_never_sleep() -> None:
    rows = []
    for path in sorted((ROOT / "tests").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {"time.sleep", "sleep"}:
                rows.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    found(rows)


def test_every_command_is_documented() -> None:
    from expeditor.cli.reference import render

    assert (ROOT / "docs" / "cli.md").read_text() == render(), "run `python -m expeditor.cli.reference > docs/cli.md`"
