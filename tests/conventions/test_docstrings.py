"""Everything public says what it is."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conventions.source import Module

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def public(node: ast.Module | ast.ClassDef) -> Iterator[Definition]:
    """Public functions and classes of a module, methods included; what is inside functions is nobody's business."""
    for child in node.body:
        if isinstance(child, Definition) and not child.name.startswith("_"):
            yield child
            if isinstance(child, ast.ClassDef):
                yield from public(child)


def is_inherited(definition: Definition) -> bool:
    return any(ast.unparse(decorator).endswith("override") for decorator in definition.decorator_list)


def test_every_public_class_and_function_has_a_docstring(modules: dict[str, Module]) -> None:
    bare = [
        f"{module.path}:{definition.lineno} {definition.name}"
        for module in modules.values()
        for definition in public(module.tree)
        if not ast.get_docstring(definition) and not is_inherited(definition)
    ]
    assert not bare


def test_every_module_with_code_in_it_has_a_docstring(modules: dict[str, Module]) -> None:
    assert not [module.path for module in modules.values() if module.tree.body and not ast.get_docstring(module.tree)]


def test_a_docstring_begins_with_one_line_that_ends(modules: dict[str, Module]) -> None:
    ragged = []
    for module in modules.values():
        for definition in public(module.tree):
            first, *rest = (ast.get_docstring(definition) or ".").splitlines()
            if first[-1] not in ".:?!" or (rest and rest[0]):
                ragged.append(f"{module.path}:{definition.lineno} {definition.name}")
    assert not ragged
