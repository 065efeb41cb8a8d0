"""Questions as chat messages: with and without a system prompt, with earlier turns, and as people type them."""

from collections.abc import Callable
from random import Random

from routerkit_training.miniatures.tasks import Question

_ROLES = (
    "You are a helpful assistant.",
    "You are a friendly assistant.",
    "You are a general assistant for all kinds of questions.",
    "You are an expert in mathematics.",
    "You are a careful mathematician. Solve the problem.",
    "You are a mathematics expert.",
    "You are a science teacher.",
    "You are an expert in science.",
    "You are an experienced Python programmer.",
    "You are a programming expert. You read code and say what it does.",
    "You have good common sense and know everyday life well.",
    "You are an assistant with common sense.",
    "Help the user with the question.",
)
_STYLES = (
    "Answer briefly.",
    "Answer the question.",
    "Answer in one short sentence.",
    "Answer clearly and correctly.",
    "Be brief.",
    "Be concise and correct.",
    "Give a short answer.",
    "Explain simply.",
    "Think step by step and give the final answer.",
    "If you do not know the answer, say so.",
)
SYSTEM_PROMPTS = (*_ROLES, *_STYLES, *(f"{role} {style}" for role in _ROLES for style in _STYLES))
_SYSTEM_SHARE = 0.3
_HISTORY_SHARE = 0.15
_NOISE_SHARE = 0.15

Message = dict[str, str]


def make_conversation(question: Question, draw: Callable[[], Question], rng: Random) -> list[Message]:
    """A training conversation that ends with the answer to `question`.

    `draw` gives the questions of earlier turns. About 30 % begin with a system prompt and 15 % have history.
    """
    messages: list[Message] = []
    if rng.random() < _SYSTEM_SHARE:
        messages.append({"role": "system", "content": rng.choice(SYSTEM_PROMPTS)})
    turns = [question]
    if rng.random() < _HISTORY_SHARE:
        turns = [*(draw() for _ in range(rng.randint(1, 2))), question]
    for turn in turns:
        messages.append({"role": "user", "content": as_typed(turn.question, rng)})
        messages.append({"role": "assistant", "content": turn.answer})
    return messages


def as_typed(text: str, rng: Random) -> str:
    """The text as a person might type it: mostly unchanged, at times in lower case or without the end mark."""
    if rng.random() >= _NOISE_SHARE:
        return text
    changed = rng.choice((str.lower, _without_end_mark, _lower_without_end_mark, _politely))(text)
    return changed or text


def _without_end_mark(text: str) -> str:
    return text.rstrip("?.! ")


def _lower_without_end_mark(text: str) -> str:
    return _without_end_mark(text).lower()


def _politely(text: str) -> str:
    return f"Please: {text}"
