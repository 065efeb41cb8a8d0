"""The cells of observe_and_learn.ipynb as a script: python observe_and_learn.py, in this folder. Pictures become files."""

# Written by `make notebooks`. Editors that know cells can run them one by one.

# %% [markdown]
# # See what a router decides, and teach it
#
# A router that nobody watches grows stale. This notebook runs the whole loop: keep every decision, review the doubtful ones,
# train on the corrections, compare, swap. On the command line the same steps are `routerkit log review`, `routerkit log
# export --corrected`, `routerkit train --from`, `routerkit compare` and `routerkit drift`.
#
# The case: in this team the mathematics model has a chess engine at hand, so questions about chess belong to it. The starter
# cannot know that.

# %% [markdown]
# ## Keep every decision
#
# One setting turns the decision log on. 300 queries come in, every fifth about chess; a stand-in answers them.

# %%
import json
import random
import time
from pathlib import Path

from langchain_core.language_models import FakeListChatModel

from routerkit import build_graph
from routerkit.rows import read_rows

usual, chess = read_rows("train.jsonl"), read_rows("chess.jsonl")
asked = [*random.Random(1).sample(usual, 240), *chess[:60]]
random.Random(2).shuffle(asked)

answering = {"*": FakeListChatModel(responses=["..."])}
graph = build_graph({"decision_log": "decisions.sqlite"}, specialists=answering)
for row in asked:
    graph.invoke({"messages": row.query})
time.sleep(2)  # the log is written behind the queries' back

# %%
from collections import Counter

import plots

from routerkit.log.reading import LogReader

log = LogReader(Path("decisions.sqlite"))
decisions = list(log.rows())
is_chess = {row.query for row in chess}
plots.counts("Where the 60 chess questions went", Counter(seen.route for seen in decisions if seen.query in is_chess))

# %% [markdown]
# ## Review
#
# `next_to_review` hands out what deserves a look first: what fell back, then the least confident. A person would press keys
# in `routerkit log review`; here the labels answer for the person, who has patience for 150.

# %%
truth = {row.query: row.category for row in asked}
changed = 0
for _ in range(150):
    seen = log.next_to_review()
    changed += truth[seen.query] != seen.category
    log.judge(seen, truth[seen.query])
print(f"150 judged, {changed} corrected, {log.count_to_review()} left")

# %% [markdown]
# What was judged comes out as rows to train on:

# %%
from routerkit.log.exporting import training_lines

lines = list(training_lines(log.reviewed()))
Path("corrections.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
print(next(line for line in lines if json.loads(line)["query"] in is_chess))

# %% [markdown]
# ## Learn
#
# The router learns the corrections together with the rows it was shipped with, so that it forgets nothing. About two minutes
# on one core.

# %%
from routerkit_training.settings import TrainSettings
from routerkit_training.train import train_router

corrections = Path("corrections.jsonl")
trained = train_router(TrainSettings(train_data=corrections, from_router="starter", output_dir=Path("corrected")))

# %% [markdown]
# ## Compare before you swap
#
# 40 chess questions that nobody has judged yet, and 100 ordinary queries.
#
# Accuracy asks for the most probable category, recall for the route. A kind that is new to the router is recognised before
# the router is sure of it, and what it is not sure of still goes to the general model; more corrections change that.

# %%
from routerkit import Router
from routerkit.compare import compare

old, new = Router.from_pretrained("starter"), Router.from_pretrained("corrected")
plots.before_and_after(compare(old, new, [row.query for row in chess[60:]], chess[60:]), title="Chess, unseen")
ordinary = read_rows("test.jsonl")
plots.before_and_after(compare(old, new, [row.query for row in ordinary], ordinary), title="Ordinary queries")

# %% [markdown]
# To swap, name the new folder: `model_path: corrected`, or pass the router:

# %%
graph = build_graph({"decision_log": "decisions.sqlite"}, specialists=answering, router=new)
for row in chess[60:64]:
    print(f"{graph.invoke({'messages': row.query})['route']:<8} {row.query}")

# %% [markdown]
# ## Watch for drift
#
# Would anybody have noticed that chess players had come? Compare a window of decisions with earlier ones of the same router:
# first another sample of the ordinary queries, then one in which three of ten are about chess.

# %%
from routerkit.drift.sample import Sample

generator = random.Random(3)
generator.shuffle(usual)
earlier, quiet = usual[:300], usual[300:]
shifted = [*quiet[:140], *generator.sample(chess, 60)]

reference, window = (Sample.of(old.route_batch([row.query for row in part])) for part in (earlier, quiet))
plots.drift(reference, window)

# %%
window = Sample.of(old.route_batch([row.query for row in shifted]))
plots.drift(reference, window)
