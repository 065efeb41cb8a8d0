"""Small verifiable question-answer tasks, written for this project: one module per category."""

from routerkit_training.miniatures.tasks import code, commonsense, general, math, science
from routerkit_training.miniatures.tasks.base import CATEGORIES, Question, TaskSet

__all__ = ["CATEGORIES", "Question", "TaskSet", "task_set"]

_MODULES = {
    "math": math.tasks,
    "science": science.tasks,
    "code": code.tasks,
    "commonsense": commonsense.tasks,
    "general": general.tasks,
}


def task_set(category: str) -> TaskSet:
    """The task set of a category.

    Raises:
        KeyError: the category is none of `CATEGORIES`.
    """
    return _MODULES[category]()
