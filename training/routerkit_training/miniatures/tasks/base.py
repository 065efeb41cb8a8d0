"""What a task is: a question with one right answer, and the rule that keeps some questions out of training."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

CATEGORIES = ("math", "science", "code", "commonsense", "general")
_HELD_OUT_ONE_IN = 8


@dataclass(frozen=True, slots=True)
class Question:
    """One question with its only right answer.

    `key` names the content: the operands, the program or the fact. Two wordings of one fact share it.
    """

    category: str
    kind: str
    key: str
    question: str
    answer: str


def is_held_out(key: str) -> bool:
    """Whether content with this key is kept out of training (one in eight, by SHA-256 of the key)."""
    return hashlib.sha256(key.encode()).digest()[0] % _HELD_OUT_ONE_IN == 0


@dataclass(frozen=True, slots=True)
class Generator:
    """A kind of generated question.

    Attributes:
        draw: makes one question from a random source.
        weight: its share among the generators of its category.
        drill: the content is small enough to be learnt by heart (times tables), so none of it is held out.
    """

    draw: Callable[[Random], Question]
    weight: float = 1.0
    drill: bool = False


@dataclass(frozen=True, slots=True)
class TaskSet:
    """All questions of one category: facts (held out by wording) and generated ones (held out by content)."""

    category: str
    trained: tuple[Question, ...]
    held_out: tuple[Question, ...]
    generators: tuple[Generator, ...] = ()
    generated_share: float = 0.0

    def draw(self, rng: Random) -> Question:
        """One question that may be trained on."""
        if self.generators and rng.random() < self.generated_share:
            return self._draw_generated(rng, self.generators, held_out=False)
        return rng.choice(self.trained)

    def sample_held_out(self, count: int, rng: Random) -> list[Question]:
        """`count` different questions that are never trained on, or all there are."""
        chosen: dict[str, Question] = {}
        if self.generators:
            fresh = [generator for generator in self.generators if not generator.drill]
            while len(chosen) < round(count * self.generated_share):
                question = self._draw_generated(rng, fresh, held_out=True)
                chosen[question.question] = question
        rest = min(count - len(chosen), len(self.held_out))
        return [*chosen.values(), *rng.sample(self.held_out, rest)]

    @staticmethod
    def _draw_generated(rng: Random, generators: Sequence[Generator], *, held_out: bool) -> Question:
        weights = [generator.weight for generator in generators]
        generator = rng.choices(generators, weights)[0]
        while True:
            question = generator.draw(rng)
            if (not generator.drill and is_held_out(question.key)) == held_out:
                return question
