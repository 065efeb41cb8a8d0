"""Small modules, small functions, short signatures."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conventions.source import Module

MAX_MODULE_LINES = 250
MAX_FUNCTION_LINES = 40
MAX_PARAMETERS = 6

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(module: Module) -> Iterator[Function]:
    for node in ast.walk(module.tree):
        if isinstance(node, Function):
            yield node


def code_lines(module: Module, function: Function) -> int:
    """Lines with code in them, signature included; docstring, comments and blank lines excluded."""
    assert function.end_lineno is not None
    lines = set(range(function.lineno, function.end_lineno + 1))
    if ast.get_docstring(function, clean=False) is not None:
        docstring = function.body[0]
        assert docstring.end_lineno is not None
        lines -= set(range(docstring.lineno, docstring.end_lineno + 1))
    texts = module.text.splitlines()
    return sum(bool(texts[number - 1].strip()) and not texts[number - 1].strip().startswith("#") for number in lines)


def test_no_module_is_longer_than_250_lines(modules: dict[str, Module]) -> None:
    long = {
        module.path: count for module in modules.values() if (count := len(module.text.splitlines())) > MAX_MODULE_LINES
    }
    assert not long


def test_no_function_is_longer_than_40_lines_of_code(modules: dict[str, Module]) -> None:
    long = [
        f"{module.path}:{function.lineno} {function.name}: {count}"
        for module in modules.values()
        for function in functions(module)
        if (count := code_lines(module, function)) > MAX_FUNCTION_LINES
    ]
    assert not long


def is_command(function: Function) -> bool:
    """Whether click calls the function, with one parameter for each option of the command."""
    return any("click." in ast.unparse(decorator) for decorator in function.decorator_list)


def test_no_function_takes_more_than_six_parameters(modules: dict[str, Module]) -> None:
    many = []
    for module in modules.values():
        for function in functions(module):
            names = [one.arg for one in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)]
            count = len([name for name in names if name not in {"self", "cls"}])
            if count > MAX_PARAMETERS and not is_command(function):
                many.append(f"{module.path}:{function.lineno} {function.name}: {count}")
    assert not many
