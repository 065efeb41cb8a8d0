"""Arithmetic, equations, percentages and other sums whose answer is computed.

Content is a kind with its operands: `34 + 5` held out is never trained in any wording, nor is `5 + 34`.
"""

from dataclasses import replace
from functools import cache
from random import Random

from routerkit_training.miniatures.tasks.base import Generator, Question, TaskSet
from routerkit_training.miniatures.tasks.facts import read_facts

_NAMES = ("Tom", "Anna", "Ben", "Mia")
_THINGS = ("apples", "books", "pens", "coins")
_ASK = ("What is {}?", "What is {}?", "Calculate {}.", "How much is {}?", "{}")


def _question(kind: str, key: str, question: str, answer: str) -> Question:
    return Question("math", kind, f"{kind} {key}", question, answer)


def _term(rng: Random, a: int, sign: str, b: int) -> str:
    """A term written closely or with spaces."""
    return f"{a}{sign}{b}" if rng.random() < 0.3 else f"{a} {sign} {b}"


def _sum(rng: Random, kind: str, a: int, b: int) -> Question:
    text = rng.choice((*_ASK, "Add {a} and {b}.", "What is {a} plus {b}?")).format(_term(rng, a, "+", b), a=a, b=b)
    return _question(kind, f"{min(a, b)} {max(a, b)}", text, f"{a} + {b} = {a + b}")


def _difference(rng: Random, kind: str, a: int, b: int) -> Question:
    text = rng.choice((*_ASK, "What is {a} minus {b}?")).format(_term(rng, a, "-", b), a=a, b=b)
    return _question(kind, f"{a} {b}", text, f"{a} - {b} = {a - b}")


def _product(rng: Random, kind: str, a: int, b: int) -> Question:
    text = rng.choice((*_ASK, "What is {a} times {b}?")).format(_term(rng, a, rng.choice("**x"), b), a=a, b=b)
    return _question(kind, f"{min(a, b)} {max(a, b)}", text, f"{a} * {b} = {a * b}")


def _small_sum(rng: Random) -> Question:
    return _sum(rng, "small sum", rng.randint(0, 10), rng.randint(0, 10))


def _small_difference(rng: Random) -> Question:
    a, b = rng.randint(0, 10), rng.randint(0, 10)
    return _difference(rng, "small difference", a + b, b)


def _times_table(rng: Random) -> Question:
    return _product(rng, "times table", rng.randint(0, 10), rng.randint(0, 10))


def _division_table(rng: Random) -> Question:
    b, quotient = rng.randint(1, 10), rng.randint(0, 10)
    term = _term(rng, b * quotient, "/", b)
    text = rng.choice((*_ASK, "What is {a} divided by {b}?")).format(term, a=b * quotient, b=b)
    return _question("division table", f"{b * quotient} {b}", text, f"{b * quotient} / {b} = {quotient}")


def _add(rng: Random) -> Question:
    a, b = rng.randint(11, 99), rng.randint(1, 9)
    if rng.random() < 0.5:
        a, b = rng.randint(11, 59), rng.randint(11, 59)
    step = f"{a - a % 10 + b - b % 10} + {a % 10 + b % 10}"
    return replace(_sum(rng, "add", a, b), answer=f"{a} + {b} = {step} = {a + b}")


def _subtract(rng: Random) -> Question:
    """Both digits at least those subtracted, so that nothing is borrowed."""
    tens, digit = 10 * rng.randint(0, 3), rng.randint(1, 9)
    more_tens = 10 * rng.randint(max(0, 2 - tens // 10), 9 - tens // 10)
    a, b = tens + more_tens + rng.randint(digit, 9), tens + digit
    step = f"{more_tens} + {a % 10 - digit}"
    return replace(_difference(rng, "subtract", a, b), answer=f"{a} - {b} = {step} = {a - b}")


def _times_ten(rng: Random) -> Question:
    return _product(rng, "times ten", rng.randint(11, 99), 10)


def _double(rng: Random) -> Question:
    n = rng.randint(1, 99)
    ask = rng.choice(("What is double {}?", "What is twice {}?", "Double {}."))
    return _question("double", f"{n}", ask.format(n), f"Double {n} is {2 * n}.")


def _halve(rng: Random) -> Question:
    n = 2 * rng.randint(1, 49)
    ask = rng.choice(("What is half of {}?", "Halve {}.", "How much is half of {}?"))
    return _question("halve", f"{n}", ask.format(n), f"Half of {n} is {n // 2}.")


def _percentage(rng: Random) -> Question:
    percent, n = rng.choice(((10, 10 * rng.randint(1, 99)), (50, 2 * rng.randint(1, 49))))
    term = f"{percent}{rng.choice(('%', '%', ' percent'))} of {n}"
    text = rng.choice(("What is {}?", "How much is {}?", "Calculate {}.")).format(term)
    return _question("percentage", f"{percent} {n}", text, f"{percent}% of {n} is {n * percent // 100}.")


def _equation(rng: Random) -> Question:
    a, x = rng.randint(1, 10), rng.randint(1, 10)
    left, right, answer = rng.choice(
        (
            (f"x + {a}", x + a, f"{x + a} - {a} = {x}"),
            (f"x - {a}", x, f"{x} + {a} = {x + a}"),
            (f"{a}x", a * x, f"{a * x} / {a} = {x}"),
        )
    )
    ask = rng.choice(("Solve {}.", "Solve for x: {}", "If {}, what is x?"))
    return _question("equation", f"{left} = {right}", ask.format(f"{left} = {right}"), f"x = {answer}")


def _compare(rng: Random) -> Question:
    a, b = rng.sample(range(1, 100), 2)
    word = rng.choice(("larger", "smaller"))
    answer = max(a, b) if word == "larger" else min(a, b)
    ask = rng.choice(("Which is {}, {} or {}?", "Which number is {}, {} or {}?"))
    return _question("compare", f"{min(a, b)} {max(a, b)}", ask.format(word, a, b), f"{answer} is {word}.")


def _parity(rng: Random) -> Question:
    n = rng.randint(0, 199)
    ask = rng.choice(("Is {} even or odd?", "Is {} odd or even?"))
    return _question("parity", f"{n}", ask.format(n), f"{n} is {'odd' if n % 2 else 'even'}.")


def _story(rng: Random) -> Question:
    name, thing = rng.choice(_NAMES), rng.choice(_THINGS)
    a, b = rng.randint(2, 10), rng.randint(2, 10)
    event, term = f"buys {b} more", f"{a} + {b} = {a + b}"
    if rng.random() < 0.5:
        a, event, term = a + b, f"gives away {b}", f"{a + b} - {b} = {a}"
    text = f"{name} has {a} {thing} and {event}. How many {thing} does {name} have now?"
    return _question("story", f"{a} {event}", text, f"{name} has {term} {thing}.")


@cache
def tasks() -> TaskSet:
    """The questions of the category `math`; the small tables are learnt by heart and not measured."""
    trained, held_out = read_facts("math")
    generators = (
        Generator(_small_sum, 2.0, drill=True),
        Generator(_small_difference, 1.5, drill=True),
        Generator(_times_table, 1.5, drill=True),
        Generator(_division_table, drill=True),
        Generator(_add, 3.0),
        Generator(_subtract, 2.0),
        Generator(_times_ten, 0.5),
        Generator(_double),
        Generator(_halve),
        Generator(_percentage),
        Generator(_equation, 1.5),
        Generator(_compare),
        Generator(_parity, 0.5),
        Generator(_story, 1.5),
    )
    return TaskSet("math", trained, held_out, generators, generated_share=0.93)
