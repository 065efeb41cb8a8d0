"""Reading short Python: the answer is what the program prints when it runs."""

import io
from contextlib import redirect_stdout
from functools import cache
from random import Random

from routerkit_training.miniatures.tasks.base import Generator, Question, TaskSet
from routerkit_training.miniatures.tasks.facts import read_facts

_WORDS = ("cat", "dog", "sun", "tree", "book", "fish", "moon", "bird", "star", "rain", "milk", "snow")
_NAMES = ("a", "b", "x", "y")
_ASK_LINE = (
    "What does {} output?",
    "What does {} print?",
    "What is the output of {}?",
    "What is printed by {}?",
    "What does {} show in Python?",
    "What does this code print? {}",
)
_ASK_PROGRAM = (
    "What does this code print?\n{}",
    "What is the output of this code?\n{}",
    "What does this Python program print?\n{}",
    "What will this print?\n{}",
)


def run_program(program: str) -> str:
    """What one of our own small programs prints, its lines joined by a space."""
    output = io.StringIO()
    with redirect_stdout(output):
        exec(compile(program, "<task>", "exec"), {})
    return " ".join(output.getvalue().split("\n")).strip()


def _question(rng: Random, kind: str, program: str) -> Question:
    ask = rng.choice(_ASK_PROGRAM if "\n" in program else _ASK_LINE)
    return Question("code", kind, program, ask.format(program), f"It prints {run_program(program)}.")


def _digit(rng: Random) -> int:
    return rng.randint(0, 9)


def _arithmetic(rng: Random) -> Question:
    return _question(rng, "arithmetic", f"print({_digit(rng)} {rng.choice('++-**')} {_digit(rng)})")


def _comparison(rng: Random) -> Question:
    sign = rng.choice(("<", ">", "==", "!="))
    return _question(rng, "comparison", f"print({_digit(rng)} {sign} {_digit(rng)})")


def _word(rng: Random) -> Question:
    word, other = rng.choice(_WORDS), rng.choice(_WORDS)
    program = rng.choice(
        (
            f'print("{word}", "{other}")',
            f'print("{word}", "{other}")',
            f'print("{word}", {_digit(rng)})',
            f'print("{word}".upper())',
            f'print(len("{word}"))',
            f'print("{word}"[0])',
        )
    )
    return _question(rng, "word", program)


def _variable(rng: Random) -> Question:
    x, y = rng.sample(_NAMES, 2)
    a, b = _digit(rng), _digit(rng)
    program = rng.choice(
        (
            f"{x} = {a}\nprint({x})",
            f"{x} = {a}\n{y} = {b}\nprint({rng.choice((x, y))})",
            f"{x} = {a}\n{y} = {b}\nprint({x} + {y})",
            f"{x} = {a}\n{x} = {x} + {b}\nprint({x})",
            f"{x} = {a}\n{x} += {b}\nprint({x})",
        )
    )
    return _question(rng, "variable", program)


def _list(rng: Random) -> Question:
    items = [_digit(rng) for _ in range(rng.randint(2, 4))]
    call = rng.choice(("len(v)", "max(v)", "min(v)", "v[0]", "v[1]", "v[-1]", "v"))
    return _question(rng, "list", f"v = {items}\nprint({call})")


def _loop(rng: Random) -> Question:
    name = rng.choice(("i", "n", "x"))
    items = str([_digit(rng) for _ in range(rng.randint(2, 4))])
    head = rng.choice((f"range({rng.randint(1, 6)})", items, items))
    return _question(rng, "loop", f"for {name} in {head}:\n    print({name})")


def _branch(rng: Random) -> Question:
    name, sign = rng.choice(_NAMES), rng.choice("<>")
    yes, no = rng.choice((("yes", "no"), ("big", "small")))
    test = f"{name} = {_digit(rng)}\nif {name} {sign} {_digit(rng)}:"
    return _question(rng, "branch", f'{test}\n    print("{yes}")\nelse:\n    print("{no}")')


def _function(rng: Random) -> Question:
    body = rng.choice((f"x + {_digit(rng)}", f"x * {rng.randint(1, 5)}", "x"))
    return _question(rng, "function", f"def f(x):\n    return {body}\nprint(f({_digit(rng)}))")


@cache
def tasks() -> TaskSet:
    """The questions of the category `code`."""
    trained, held_out = read_facts("code")
    generators = (
        Generator(_arithmetic, 2.0),
        Generator(_comparison),
        Generator(_word, 1.5),
        Generator(_variable, 2.0),
        Generator(_list, 2.0),
        Generator(_loop),
        Generator(_branch),
        Generator(_function),
    )
    return TaskSet("code", trained, held_out, generators, generated_share=0.8)
