"""LangChain's standard tests of a chat model, run on the classes of the back ends huggingface and lora.

What is skipped, and why: tools, structured output, JSON mode, pictures, sound and PDF are nothing that these models
can do, and neither is being another model for one call; loading a serialised model is not offered, for it would drag
weights along; `init_from_env`: nothing is read
from the environment; the two benchmarks need plugins that measure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests

from routerkit.config import LoraSpecialist
from tests.graphs.backends.adapters import entry, write_adapter

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from langchain_core.language_models.chat_models import BaseChatModel

for library in ("torch", "peft"):
    pytest.importorskip(library)

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning"),
    pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecatedSince20"),
]


class Local:
    """What all suites need to know."""

    model: BaseChatModel
    has_tool_calling = False
    has_structured_output = False
    standard_chat_model_params: dict[str, Any] = {}  # noqa: RUF012 - read only; the settings are in `generation`

    @pytest.fixture(autouse=True)
    def _model(self, load: Callable[..., BaseChatModel]) -> None:
        type(self).model = load(max_new_tokens=12)

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return type(self.model)

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {name: getattr(self.model, name) for name in type(self.model).model_fields if name in OURS}


OURS = {"loaded", "category", "model_name", "generation", "base", "adapter", "max_batch"}


class Lora(Local):
    @pytest.fixture(autouse=True)
    def _model(self, tmp_path: Path) -> None:
        from routerkit_graphs.backends import lora

        adapter = write_adapter(tmp_path / "adapter", 0)
        type(self).model = lora.load("math", LoraSpecialist.model_validate(entry(adapter)))


class TestLocalUnit(Local, ChatModelUnitTests):
    pass


class TestLocalIntegration(Local, ChatModelIntegrationTests):
    pass


class TestLoraUnit(Lora, ChatModelUnitTests):
    pass


class TestLoraIntegration(Lora, ChatModelIntegrationTests):
    pass
