"""Reading short Python: the answer is what the program prints when it runs."""

import io
from contextlib import redirect_stdout
from functools import cache
from random import Random

from routerkit_training.miniatures.tasks.base import Generator, Question, TaskSet
from routerkit_training.miniatures.tasks.facts import read_facts

_WORDS = [
    "cat",
    "dog",
    "sun",
    "tree",
    "book",
    "fish",
    "moon",
    "bird",
    "star",
    "rain",
    "milk",
    "snow",
    "ship",
    "ring",
    "road",
    "hand",
    "door",
    "lamp",
    "song",
    "leaf",
    "apple",
    "bread",
    "chair",
    "cloud",
    "green",
    "horse",
    "house",
    "light",
    "mouse",
    "night",
    "ocean",
    "paper",
    "river",
    "stone",
    "table",
    "tiger",
    "train",
    "water",
]
_NAMES = ("a", "b", "n", "x", "y", "total", "value")
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


def _arithmetic(rng: Random) -> Question:
    sign = rng.choice(("+", "+", "-", "*", "//", "%", "**"))
    a, b = rng.randint(0, 20), rng.randint(0, 20)
    if sign in ("*", "//", "%"):
        a, b = rng.randint(0, 12), rng.randint(1, 9)
    elif sign == "**":
        a, b = rng.randint(1, 5), rng.randint(1, 3)
    return _question(rng, "arithmetic", f"print({a} {sign} {b})")


def _comparison(rng: Random) -> Question:
    a, b, sign = rng.randint(0, 20), rng.randint(0, 20), rng.choice(("<", ">", "==", "!=", "<=", ">="))
    return _question(rng, "comparison", f"print({a} {sign} {b})")


def _word(rng: Random) -> Question:
    word, other = rng.choice(_WORDS), rng.choice(_WORDS)
    program = rng.choice(
        (
            f'print("{word}")',
            f'print("{word}" + "{other}")',
            f'print("{word}", "{other}")',
            f'print("{word}" * {rng.randint(1, 4)})',
            f'print("{word}".upper())',
            f'print(len("{word}"))',
            f'print("{word}"[{rng.choice((0, 1, 2, -1))}])',
            f'print("{word}"[:{rng.randint(1, 3)}])',
            f'print("{rng.choice(word)}" in "{word}")',
        )
    )
    return _question(rng, "word", program)


def _variable(rng: Random) -> Question:
    x, y = rng.sample(_NAMES, 2)
    a, b = rng.randint(0, 20), rng.randint(0, 20)
    program = rng.choice(
        (
            f"{x} = {a}\n{y} = {b}\nprint({rng.choice((x, y))})",
            f"{x} = {a}\n{y} = {b}\nprint({x} + {y})",
            f"{x} = {a}\n{y} = {x} + {b}\nprint({y})",
            f"{x} = {a}\n{x} += {b}\nprint({x})",
            f"{x} = {a + b}\n{x} -= {b}\nprint({x})",
            f"{x} = {a}\n{y} = {x}\n{x} = {b}\nprint({rng.choice((x, y))})",
        )
    )
    return _question(rng, "variable", program)


def _list(rng: Random) -> Question:
    items = [rng.randint(0, 20) for _ in range(rng.randint(2, 4))]
    call = rng.choice(("len(v)", "max(v)", "min(v)", "v[0]", "v[1]", "v[-1]", "sorted(v)", "v[::-1]"))
    if rng.random() < 0.5:
        return _question(rng, "list", f"print({call.replace('v', str(items))})")
    return _question(rng, "list", f"v = {items}\nprint({call})")


def _loop(rng: Random) -> Question:
    start, stop, name = rng.randint(0, 6), rng.randint(1, 5), rng.choice(("i", "n", "x"))
    heads = (f"range({stop})", f"range({start}, {start + stop})", str([rng.randint(0, 20) for _ in range(3)]))
    body = rng.choice((f"print({name})", f"print({name})", f"print({name} + 1)", f"print({name} * 2)"))
    return _question(rng, "loop", f"for {name} in {rng.choice(heads)}:\n    {body}")


def _branch(rng: Random) -> Question:
    a, b, name, sign = rng.randint(0, 20), rng.randint(0, 20), rng.choice(_NAMES), rng.choice("<>")
    yes, no = rng.choice((("yes", "no"), ("big", "small"), ("left", "right"), ("stop", "go")))
    test = f"if {name} {sign} {b}:"
    return _question(rng, "branch", f'{name} = {a}\n{test}\n    print("{yes}")\nelse:\n    print("{no}")')


def _function(rng: Random) -> Question:
    a, b, name = rng.randint(0, 10), rng.randint(0, 10), rng.choice(("f", "g", "h"))
    bodies = ((f"x + {b}", f"{a}"), (f"x * {rng.randint(1, 5)}", f"{a}"), (f"{b}", f"{a}"), ("x", f"{a}"))
    body, argument = rng.choice(bodies)
    return _question(rng, "function", f"def {name}(x):\n    return {body}\nprint({name}({argument}))")


@cache
def tasks() -> TaskSet:
    """The questions of the category `code`."""
    trained, held_out = read_facts("code")
    generators = (
        Generator(_arithmetic, 2.0),
        Generator(_comparison),
        Generator(_word, 2.0),
        Generator(_variable, 2.0),
        Generator(_list, 2.0),
        Generator(_loop, 1.5),
        Generator(_branch),
        Generator(_function),
    )
    return TaskSet("code", trained, held_out, generators, generated_share=0.8)
