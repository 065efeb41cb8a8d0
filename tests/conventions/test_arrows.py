"""Who may import whom: `routerkit_graphs -> routerkit <- routerkit_training`, and never in a circle."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conventions.source import Module

LAZY_TABLES = {"routerkit", "routerkit.cli"}
"""The facade and the table of commands: they name modules of the other packages, and import them when used."""


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}


def imports(node: ast.AST, *, everywhere: bool) -> Iterator[ast.Import | ast.ImportFrom]:
    """Import statements that run: at import time, or `everywhere` also those inside functions."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        elif is_type_checking(child):
            continue
        elif everywhere or not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from imports(child, everywhere=everywhere)


def targets(module: Module, names: set[str], *, everywhere: bool) -> set[str]:
    """Modules of this distribution that a module imports; other packages by the name that is written."""
    found = set()
    for statement in imports(module.tree, everywhere=everywhere):
        if isinstance(statement, ast.Import):
            found |= {alias.name for alias in statement.names}
        else:
            assert statement.level == 0, f"{module.path}:{statement.lineno}: relative import"
            source = str(statement.module)
            inner = {f"{source}.{alias.name}" for alias in statement.names}
            found |= (inner & names) or {source}
    return found


def circle_in(edges: dict[str, set[str]]) -> list[str]:
    """One circle of the graph, or nothing."""
    done: set[str] = set()

    def search(name: str, path: list[str]) -> list[str]:
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return []
        for target in sorted(edges.get(name, ())):
            if found := search(target, [*path, name]):
                return found
        done.add(name)
        return []

    return next((found for name in sorted(edges) if (found := search(name, []))), [])


def test_the_search_for_circles_finds_one() -> None:
    assert circle_in({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert circle_in({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_no_module_imports_itself_in_a_circle(modules: dict[str, Module]) -> None:
    names = set(modules)
    edges = {name: targets(module, names, everywhere=False) & names - {name} for name, module in modules.items()}
    assert circle_in(edges) == []


def test_acting_and_learning_do_not_know_each_other(modules: dict[str, Module]) -> None:
    names = set(modules)
    for name, module in modules.items():
        roots = {target.partition(".")[0] for target in targets(module, names, everywhere=True)}
        if name.startswith("routerkit_graphs"):
            assert "routerkit_training" not in roots, module.path
        if name.startswith("routerkit_training"):
            assert "routerkit_graphs" not in roots, module.path


def test_deciding_knows_neither_acting_nor_learning_but_in_its_lazy_tables(modules: dict[str, Module]) -> None:
    for name, module in modules.items():
        if name.partition(".")[0] != "routerkit":
            continue
        roots = {target.partition(".")[0] for target in targets(module, set(modules), everywhere=True)}
        assert not roots & {"routerkit_graphs", "routerkit_training"}, module.path
        if name not in LAZY_TABLES:
            names = [node.value for node in ast.walk(module.tree) if isinstance(node, ast.Constant)]
            assert not [value for value in names if isinstance(value, str) and value.startswith("routerkit_")], (
                module.path
            )


def test_deciding_imports_no_heavy_library_where_it_is_not_about_it(modules: dict[str, Module]) -> None:
    allowed = {"routerkit.engines.torch": {"torch", "transformers"}}
    for name, module in modules.items():
        if name.partition(".")[0] == "routerkit":
            roots = {target.partition(".")[0] for target in targets(module, set(modules), everywhere=False)}
            heavy = roots & {"torch", "transformers", "sklearn", "datasets", "peft", "langgraph", "huggingface_hub"}
            assert heavy <= allowed.get(name, set()), module.path
