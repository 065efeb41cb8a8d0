"""Everyday plausibility: hand-written facts, and comparisons of two everyday things."""

from functools import cache
from random import Random

from routerkit_training.miniatures.tasks.base import Generator, Question, TaskSet
from routerkit_training.miniatures.tasks.facts import read_facts

# Each row is in rising order.
_ORDERS = {
    "bigger": (
        "an ant, a bee, a mouse, a bird, a cat, a dog, a sheep, a horse, an elephant, a house, a mountain",
        "a pea, a cherry, a lemon, an orange, a melon, a pumpkin",
    ),
    "faster": ("a snail, a turtle, a duck, a child, a bicycle, a bus, a train, a plane, a rocket",),
    "heavier": ("a feather, a pen, a book, a chair, a table, a piano, a car, a truck, a ship",),
    "hotter": ("an ice cube, cold water, warm milk, boiling water, a burning candle",),
    "older": ("a baby, a child, a teenager, a mother, a grandmother",),
}
_OPPOSITE = {
    "bigger": "smaller",
    "faster": "slower",
    "heavier": "lighter",
    "hotter": "colder",
    "older": "younger",
}


def _comparison(rng: Random) -> Question:
    word = rng.choices(tuple(_ORDERS), weights=(3, 2, 2, 1, 1))[0]
    things = rng.choice(_ORDERS[word]).split(", ")
    low, high = sorted(rng.sample(range(len(things)), 2))
    turned = rng.random() < 0.4
    asked = _OPPOSITE[word] if turned else word
    answer = things[low] if turned else things[high]
    first, second = rng.sample((things[low], things[high]), 2)
    ask = ("Which is {}, {} or {}?", "What is {}, {} or {}?", "Which one is {}: {} or {}?")
    text = rng.choice(ask).format(asked, first, second)
    key = f"{word} {things[low]} {things[high]}"
    return Question("commonsense", "comparison", key, text, f"{answer[0].upper()}{answer[1:]} is {asked}.")


@cache
def tasks() -> TaskSet:
    """The questions of the category `commonsense`."""
    trained, held_out = read_facts("commonsense")
    return TaskSet("commonsense", trained, held_out, (Generator(_comparison),), generated_share=0.15)
