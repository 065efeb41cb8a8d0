"""The cells of train_your_own.ipynb as a script: python train_your_own.py, in this folder. Pictures become files."""

# Written by `make notebooks`. Editors that know cells can run them one by one.

# %% [markdown]
# # Train a router on your own categories
#
# A web shop wants to send its customers' messages to four places: delivery, returns, billing, and a general desk that also
# takes whatever is unclear. Fifty past messages for each are enough for a start; more make it better.

# %%
from collections import Counter
from pathlib import Path

from routerkit.rows import read_rows

rows = read_rows("shop.jsonl")
print(dict(Counter(row.category for row in rows)))
for row in rows[::26]:
    print(f"{row.category:<9} {row.query}")

# %% [markdown]
# ## Train
#
# The encoder of the starter router gets a new head. On one processor core this takes a minute or two; the same on the command
# line is `routerkit train --train-data shop.jsonl --output-dir shop_router --epochs 6 ...`.

# %%
from routerkit_training.settings import TrainSettings
from routerkit_training.train import train_router

settings = TrainSettings(
    train_data=Path("shop.jsonl"),
    output_dir=Path("shop_router"),
    epochs=6,
    batch_size=8,
    learning_rate=3e-4,
    label_smoothing=0.05,
    dropout=0.0,  # with so few rows its noise costs more than it gives
    ema_decay=0.9,  # few steps, so the average of the weights looks back less far
    target_harm=0.2,  # few rows promise little: with 0.03 nearly every message would be too unsure for a desk
)
train_router(settings)

# %% [markdown]
# The category called `general` becomes the fallback without being asked.

# %%
from routerkit import Router

router = Router.from_pretrained("shop_router")
for query in ("my parcel is lost", "that is not the lamp I ordered", "you took the money twice", "nice shop!"):
    print(f"{router.route_query(query).route:<9} {query}")

# %% [markdown]
# ## How good is it?
#
# Judge it on messages it has never seen: 16 of each category, written apart from the others.

# %%
import plots

from routerkit.evaluation import evaluate

test = read_rows("shop_test.jsonl")
known = [row for row in test if row.category in router.categories]
evaluation = evaluate(router, known)
plots.confusion(evaluation)

# %% [markdown]
# The matrix shows the most probable category, before the threshold. With the threshold, unsure messages go to the general
# desk: fewer reach their own desk, and fewer land on a wrong one.

# %%
from routerkit.intervals import proportion

harmed, reached = evaluation.harmed, evaluation.reached[evaluation.specialist]
print("threshold           ", router.policy.confidence_threshold)
print("sent to a wrong desk", proportion(int(harmed.sum()), len(harmed)))
print("reached their desk  ", proportion(int(reached.sum()), len(reached)))

# %% [markdown]
# How many messages could be handed to a desk at which risk? The surest ones come first; the dot is where the threshold
# cuts, and moving it along the curve is your choice (`confidence_threshold`).

# %%
plots.risk_coverage(evaluation)

# %% [markdown]
# Can the confidence be believed? Each dot is a fifth of the messages; the bars are 95 % intervals, wide because 64 messages
# are few.

# %%
plots.reliability(evaluation)

# %% [markdown]
# ## A new desk opens
#
# Messages about logins and profiles shall go to a desk of their own. 26 examples are added to the trained router; it learns
# them beside the rows it has kept, and is not written if the old categories get worse on those set aside.

# %%
more = TrainSettings(
    train_data=Path("shop_account.jsonl"),
    output_dir=Path("shop_router_2"),
    from_router="shop_router",
    add_category=["account"],
    epochs=4,
    batch_size=8,
    target_harm=0.2,
)
train_router(more)

# %%
extended = Router.from_pretrained("shop_router_2")
plots.confusion(evaluate(extended, test))

# %% [markdown]
# The old categories on the same 64 messages, before and after. What to read is the difference, row by row, with its
# interval: on so few messages anything but a large loss could be chance.

# %%
from routerkit.compare import compare

found = compare(router, extended, [row.query for row in known], known)
print("difference in accuracy", found.accuracy.difference)
plots.before_and_after(found, title="The four old desks")

# %% [markdown]
# The folder `shop_router_2` is all there is to it: `Router.from_pretrained("shop_router_2")`, `model_path: shop_router_2` in
# a configuration, or `pipeline("text-classification", model="shop_router_2")` in transformers.
