"""How well turns of conversations are routed, and the weights of the sticky rule.

python -m routerkit_training.conversations            the table on the development part
python -m routerkit_training.conversations --fit      also fits the weights again, after a new starter
"""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import cast

import click

from routerkit.conversation.following import Following
from routerkit.conversation.rule import FEATURES, WEIGHTS_FILE
from routerkit.router import Router
from routerkit_training.conversations import Part, read_conversations
from routerkit_training.conversations.fitting import MEMORY, fit, table

FOLDS = 10


@click.command()
@click.option("--part", type=click.Choice(["dev", "test"]), default="dev", show_default=True, help="What to score.")
@click.option("--router", "source", default="starter", show_default=True, help="starter, a folder, or a hub id.")
@click.option("--fit", "refit", is_flag=True, help="Fit the weights on the development part and write them.")
def main(part: str, source: str, refit: bool) -> None:
    """Print the share of turns that each policy routes right, with 95 % intervals over conversations.

    On the development part the sticky rule is cross-validated; on the test part it has the weights as they ship.
    """
    router = Router.from_pretrained(source)
    if refit:
        _write(router)
    for line in table(router, read_conversations(cast("Part", part)), FOLDS if part == "dev" else None):
        click.echo(line)


def _write(router: Router) -> None:
    weights = fit(Following(router, memory=MEMORY), read_conversations("dev"))
    content = {
        "router": router.artefact.manifest.name,
        "digest": router.artefact.digest,
        "weights": {name: round(value, 3) for name, value in zip(FEATURES, weights.tolist(), strict=True)},
    }
    path = Path(str(files("routerkit.conversation"))) / WEIGHTS_FILE
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    click.echo(f"{path.name}: fitted on {router.artefact.manifest.name}")


if __name__ == "__main__":
    main()
