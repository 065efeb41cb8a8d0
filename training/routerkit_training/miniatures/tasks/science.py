"""School science: facts in many wordings, one or two of them held out."""

from functools import cache

from routerkit_training.miniatures.tasks.base import TaskSet
from routerkit_training.miniatures.tasks.facts import read_facts


@cache
def tasks() -> TaskSet:
    """The questions of the category `science`."""
    trained, held_out = read_facts("science")
    return TaskSet("science", trained, held_out)
