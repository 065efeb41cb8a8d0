"""Arithmetic, equations, percentages and other sums whose answer is computed."""

from functools import cache
from random import Random

from routerkit_training.miniatures.tasks.base import Generator, Question, TaskSet
from routerkit_training.miniatures.tasks.facts import read_facts

_NAMES = ("Tom", "Anna", "Ben", "Lena", "Max", "Mia", "Paul", "Sara")
_THINGS = ("apples", "books", "pens", "balls", "cookies", "stamps", "eggs", "coins")
_ASK = (
    "What is {}?",
    "What is {}?",
    "Calculate {}.",
    "How much is {}?",
    "Compute {}.",
    "What's {}?",
    "{} = ?",
    "{}",
)


def _question(kind: str, key: str, question: str, answer: str) -> Question:
    return Question("math", kind, key, question, answer)


def _term(rng: Random, a: int, sign: str, b: int) -> str:
    """A term written closely or with spaces."""
    return f"{a}{sign}{b}" if rng.random() < 0.35 else f"{a} {sign} {b}"


def _sum_key(a: int, b: int) -> str:
    return f"add {min(a, b)} {max(a, b)}"


def _add(rng: Random) -> Question:
    top = rng.choice((10, 20, 50))
    a, b = rng.randrange(top), rng.randrange(top)
    ask = rng.choice((*_ASK, "Add {a} and {b}.", "What is {a} plus {b}?", "What is the sum of {a} and {b}?"))
    text = ask.format(_term(rng, a, "+", b), a=a, b=b)
    return _question("add", _sum_key(a, b), text, f"{a} + {b} = {a + b}")


def _subtract(rng: Random) -> Question:
    top = rng.choice((10, 20, 50))
    b, a = sorted((rng.randrange(top), rng.randrange(top)))
    more = ("Subtract {b} from {a}.", "What is {a} minus {b}?", "What is the difference of {a} and {b}?")
    text = rng.choice((*_ASK, *more)).format(_term(rng, a, "-", b), a=a, b=b)
    return _question("subtract", f"sub {a} {b}", text, f"{a} - {b} = {a - b}")


def _product(rng: Random, a: int, b: int) -> Question:
    sign = rng.choice("**x")
    ask = rng.choice((*_ASK, "Multiply {a} by {b}.", "What is {a} times {b}?", "What is {a} times {b}?"))
    text = ask.format(_term(rng, a, sign, b), a=a, b=b)
    return _question("multiply", f"mul {min(a, b)} {max(a, b)}", text, f"{a} * {b} = {a * b}")


def _times_table(rng: Random) -> Question:
    return _product(rng, rng.randint(0, 12), rng.randint(0, 12))


def _divide(rng: Random) -> Question:
    b, quotient = rng.randint(1, 12), rng.randint(0, 12)
    a = b * quotient
    ask = rng.choice((*_ASK, "Divide {a} by {b}.", "What is {a} divided by {b}?"))
    text = ask.format(_term(rng, a, "/", b), a=a, b=b)
    return _question("divide", f"div {a} {b}", text, f"{a} / {b} = {quotient}")


def _double(rng: Random) -> Question:
    n = rng.randint(1, 60)
    ask = rng.choice(("What is double {}?", "What is twice {}?", "Double {}.", "What is the double of {}?"))
    return _question("double", f"double {n}", ask.format(n), f"Double {n} is {2 * n}.")


def _halve(rng: Random) -> Question:
    n = 2 * rng.randint(1, 60)
    ask = rng.choice(("What is half of {}?", "Halve {}.", "How much is half of {}?", "What is one half of {}?"))
    return _question("halve", f"half {n}", ask.format(n), f"Half of {n} is {n // 2}.")


def _percentage(rng: Random) -> Question:
    percent, n = rng.choice((10, 50)), 10 * rng.randint(1, 40)
    term = f"{percent}{rng.choice(('%', '%', ' percent'))} of {n}"
    text = rng.choice(("What is {}?", "How much is {}?", "Calculate {}.", "Find {}.")).format(term)
    return _question("percentage", f"{percent}% {n}", text, f"{percent}% of {n} is {n * percent // 100}.")


def _equation(rng: Random) -> Question:
    a, x = rng.randint(1, 15), rng.randint(1, 15)
    left, right, key = f"x + {a}", x + a, f"sub {x + a} {a}"
    if rng.random() < 0.4:
        left, right, key = f"x - {a}", x, _sum_key(x, a)
        x += a
    ask = ("Solve {}.", "Solve {} for x.", "Solve for x: {}", "If {}, what is x?", "What is x if {}?")
    return _question("equation", key, rng.choice(ask).format(f"{left} = {right}"), f"x = {x}")


def _compare(rng: Random) -> Question:
    a, b = rng.sample(range(1, 100), 2)
    word = rng.choice(("larger", "smaller"))
    answer = max(a, b) if word == "larger" else min(a, b)
    ask = ("Which is {w}, {a} or {b}?", "Which number is {w}, {a} or {b}?", "What is {w}: {a} or {b}?")
    key = f"compare {min(a, b)} {max(a, b)}"
    return _question("compare", key, rng.choice(ask).format(w=word, a=a, b=b), f"{answer} is {word}.")


def _parity(rng: Random) -> Question:
    n = rng.randint(0, 199)
    ask = rng.choice(("Is {} even or odd?", "Is {} odd or even?", "Is the number {} even or odd?"))
    return _question("parity", f"parity {n}", ask.format(n), f"{n} is {'odd' if n % 2 else 'even'}.")


def _story(rng: Random) -> Question:
    name, thing = rng.choice(_NAMES), rng.choice(_THINGS)
    a, b = rng.randint(2, 12), rng.randint(1, 12)
    if rng.random() < 0.5 or b > a - 2:
        event, result, key = rng.choice(("buys {} more", "gets {} more")), a + b, _sum_key(a, b)
    else:
        event, result, key = rng.choice(("gives away {}", "loses {}")), a - b, f"sub {a} {b}"
    text = f"{name} has {a} {thing} and {event.format(b)}. How many {thing} does {name} have now?"
    return _question("story", key, text, f"{name} has {result} {thing}.")


@cache
def tasks() -> TaskSet:
    """The questions of the category `math`; what is keyed alike is held out in every wording."""
    trained, held_out = read_facts("math")
    generators = (
        Generator(_add, 4.0),
        Generator(_subtract, 3.0),
        Generator(_times_table, 1.5, drill=True),
        Generator(_divide, 0.7, drill=True),
        Generator(_double, 0.7),
        Generator(_halve, 0.7),
        Generator(_percentage, 0.6),
        Generator(_equation, 1.5),
        Generator(_compare, 0.6),
        Generator(_parity, 0.3),
        Generator(_story, 1.2),
    )
    return TaskSet("math", trained, held_out, generators, generated_share=0.93)
