"""The tokenizer all miniatures share: byte-level BPE with the special tokens and chat template of Llama 3."""

from collections.abc import Iterable
from random import Random

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from routerkit_training.miniatures.conversations import SYSTEM_PROMPTS
from routerkit_training.miniatures.tasks import CATEGORIES, task_set

VOCABULARY_SIZE = 1536
BEGIN, HEADER, HEADER_END, END_OF_TURN, PAD = (
    "<|begin_of_text|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
    "<|finetune_right_pad_id|>",
)
# The split of Llama 3, except that each digit stands alone: sums are learnt digit by digit.
_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CHAT_TEMPLATE = (
    "{{- bos_token }}"
    "{%- for message in messages %}"
    "{{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' + message['content'] | trim"
    " + '<|eot_id|>' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}"
    "{{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}"
    "{%- endif %}"
)
_ROWS_PER_CATEGORY = 4000


def train_tokenizer(seed: int = 0) -> PreTrainedTokenizerFast:
    """Trains the shared tokenizer on training questions of all categories (held-out ones are not seen)."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    bpe.decoder = decoders.ByteLevel()
    special = [BEGIN, HEADER, HEADER_END, END_OF_TURN, PAD]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(_texts(Random(seed)), trainer)
    bpe.post_processor = processors.TemplateProcessing(
        single=f"{BEGIN} $A", pair=f"{BEGIN} $A $B", special_tokens=[(BEGIN, bpe.token_to_id(BEGIN))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        bos_token=BEGIN,
        eos_token=END_OF_TURN,
        pad_token=PAD,
        padding_side="left",
        model_max_length=512,
        clean_up_tokenization_spaces=False,
        chat_template=CHAT_TEMPLATE,
    )


def _texts(rng: Random) -> Iterable[str]:
    for role in ("system", "user", "assistant"):
        yield from [role] * 1000
    for prompt in SYSTEM_PROMPTS:
        yield from ["\n\n" + prompt] * 4
    for category in CATEGORIES:
        tasks = task_set(category)
        for _ in range(_ROWS_PER_CATEGORY):
            question = tasks.draw(rng)
            text = question.question if rng.random() < 0.8 else question.question.lower()
            yield from ("\n\n" + text, "\n\n" + question.answer)
