"""The miniature specialists: their tasks, tokenizer, training and shipped weights."""

import re
from pathlib import Path
from random import Random

import pytest

torch = pytest.importorskip("torch")

import routerkit_graphs  # noqa: E402
from click.testing import CliRunner  # noqa: E402
from routerkit_training.miniatures import evaluate  # noqa: E402
from routerkit_training.miniatures.__main__ import main  # noqa: E402
from routerkit_training.miniatures.conversations import make_conversation  # noqa: E402
from routerkit_training.miniatures.model import new_model  # noqa: E402
from routerkit_training.miniatures.tasks import CATEGORIES, Question, code, facts, task_set  # noqa: E402
from routerkit_training.miniatures.tasks.base import is_held_out  # noqa: E402
from routerkit_training.miniatures.tokenizer import train_tokenizer  # noqa: E402
from routerkit_training.miniatures.train import Budget, answer_loss, batches, encode, save, train  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast  # noqa: E402

SHIPPED = Path(str(routerkit_graphs.__path__[0])) / "miniatures"
CONVERSATION = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "What is 2+2?"},
    {"role": "assistant", "content": "2 + 2 = 4"},
    {"role": "user", "content": "Why is the sky blue?"},
]


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return train_tokenizer()


def plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", " ", text.lower()).strip()


def drawn(category: str, count: int = 3000) -> list[Question]:
    rng = Random(7)
    tasks = task_set(category)
    return [tasks.draw(rng) for _ in range(count)]


@pytest.mark.parametrize("category", CATEGORIES)
def test_no_held_out_question_is_trained_on(category: str) -> None:
    held_out = task_set(category).sample_held_out(200, Random(1))
    trained = {plain(question.question) for question in (*drawn(category), *task_set(category).trained)}
    assert len(held_out) >= 100
    # Signs carry the meaning of a program or a sum; their content is compared by key below.
    by_wording = [question for question in held_out if question in task_set(category).held_out]
    assert not [question for question in by_wording if plain(question.question) in trained]


@pytest.mark.parametrize("category", ["math", "code"])
def test_held_out_sums_and_programs_differ_in_content(category: str) -> None:
    tasks = task_set(category)
    facts_held_out = set(tasks.held_out)
    keys = {q.key for q in tasks.sample_held_out(200, Random(1)) if q not in facts_held_out}
    trained = {question.key for question in drawn(category)}
    assert len(keys) > 30
    assert all(is_held_out(key) for key in keys)
    assert not keys & trained


@pytest.mark.parametrize("category", CATEGORIES)
def test_one_question_has_one_answer(category: str) -> None:
    answers: dict[str, str] = {}
    for question in (*drawn(category), *task_set(category).trained, *task_set(category).held_out):
        assert question.answer.strip() == question.answer != ""
        assert answers.setdefault(question.question, question.answer) == question.answer


def value(term: str) -> int:
    """A number, or two numbers with a sign between."""
    parts = term.split()
    if len(parts) == 1:
        return int(term)
    a, sign, b = int(parts[0]), parts[1], int(parts[2])
    return {"+": a + b, "-": a - b, "*": a * b, "/": a // b if b else 0}[sign]


def test_every_step_of_a_sum_is_right() -> None:
    sums = [q for q in drawn("math") if re.fullmatch(r"[-+*/ 0-9]+( = [-+*/ 0-9]+)+", q.answer)]
    assert len(sums) > 1000
    for question in sums:
        assert len({value(side) for side in question.answer.split(" = ")}) == 1, question


def test_equations_are_solved_by_their_answer() -> None:
    equations = [question for question in drawn("math") if question.kind == "equation"]
    assert equations
    for question in equations:
        _, way, x = question.answer.split(" = ")
        assert value(way) == int(x)
        found = re.search(r"(\d*)x(?: ([-+]) (\d+))? = (\d+)", question.question)
        assert found is not None
        factor, sign, a, right = found.groups()
        left = int(factor or 1) * int(x) + int(f"{sign}{a}" if sign else 0)
        assert left == int(right), question


def test_a_program_is_answered_by_what_it_prints() -> None:
    assert code.run_program("for i in range(3):\n    print(i)") == "0 1 2"
    programs = [question for question in drawn("code", 300) if question.answer.startswith("It prints")]
    assert programs
    for question in programs:
        assert question.key in question.question
        assert question.answer == f"It prints {code.run_program(question.key)}."


def test_a_wrong_line_of_a_fact_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "odd.txt").write_text("## kind: a\n= {a}.\n* what?\n", encoding="utf-8")
    monkeypatch.setattr(facts, "_FOLDER", tmp_path)
    with pytest.raises(ValueError, match=r"odd.txt, line 3"):
        facts.read_facts("odd")


def test_the_template_gives_one_begin_token_and_ends_with_the_assistant_header(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    text = tokenizer.apply_chat_template(CONVERSATION, tokenize=False, add_generation_prompt=True)
    assert text.count(tokenizer.bos_token) == 1
    assert text.startswith(tokenizer.bos_token)
    assert text.endswith("<|start_header_id|>assistant<|end_header_id|>\n\n")
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert ids.count(tokenizer.bos_token_id) == 1
    assert tokenizer.decode(ids) == text


def test_rows_are_encoded_as_the_template_does_and_only_answers_count(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    ids, labels = encode(CONVERSATION[:3], tokenizer)
    text = tokenizer.apply_chat_template(CONVERSATION[:3], tokenize=False)
    assert ids == tokenizer(text, add_special_tokens=False)["input_ids"]
    assert tokenizer.decode([label for label in labels if label != -100]) == "2 + 2 = 4<|eot_id|>"


def test_training_rows_include_system_prompts_and_history() -> None:
    rng = Random(0)
    tasks = task_set("general")
    rows = [make_conversation(tasks.draw(rng), lambda: tasks.draw(rng), rng) for _ in range(1000)]
    assert 250 < sum(row[0]["role"] == "system" for row in rows) < 350
    assert 110 < sum(len(row) > 3 for row in rows) < 190
    assert all(row[-1]["role"] == "assistant" for row in rows)


def test_a_few_steps_lower_the_loss_and_save_a_loadable_folder(
    tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    torch.set_num_threads(1)
    budget = Budget(steps=10, tokens_per_step=512)
    ids, labels = next(batches("general", tokenizer, budget))
    before = answer_loss(new_model(tokenizer, 0), ids, labels).item()
    model = train("general", tokenizer, budget)
    assert answer_loss(model, ids, labels).item() < before - 0.5
    save(model, tokenizer, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} >= {"config.json", "model.safetensors", "tokenizer.json"}
    loaded, again = evaluate.load(tmp_path)
    assert loaded.config.vocab_size == len(again)
    assert len(evaluate.answers(loaded, again, ["Hello!"])) == 1


def test_general_and_specialists_get_the_same_number_of_steps(tokenizer: PreTrainedTokenizerFast) -> None:
    budget = Budget(steps=5, tokens_per_step=512)
    for category in ("code", "general"):
        sizes = [ids.numel() for ids, _ in batches(category, tokenizer, budget)]
        assert len(sizes) == 5
        assert all(400 <= size <= 512 for size in sizes)


def test_an_interval_resamples_whole_facts() -> None:
    values = evaluate.np.array([1.0, 1.0, 0.0, 0.0])
    mean, low, high = evaluate.interval(values, ["a", "a", "b", "b"])
    assert (mean, low, high) == (0.5, 0.0, 1.0)


def test_the_command_without_a_folder_says_what_to_give() -> None:
    result = CliRunner().invoke(main, [])
    assert result.exit_code == 2
    assert "--output-dir" in result.output


class TestShipped:
    def test_all_five_load_and_are_small(self) -> None:
        for category in CATEGORIES:
            folder = SHIPPED / category
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            model = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True)
            assert len(tokenizer) == model.config.vocab_size
            assert model.config.architectures == ["LlamaForCausalLM"]
            assert model.dtype == torch.bfloat16
            assert model.generation_config.do_sample is False
            assert model.generation_config.eos_token_id == tokenizer.convert_tokens_to_ids("<|eot_id|>")
            assert tokenizer.pad_token_id is not None
        assert sum(path.stat().st_size for path in SHIPPED.rglob("*") if path.is_file()) < 20e6

    def test_each_specialist_beats_the_general_model_at_home_and_loses_abroad(self) -> None:
        torch.set_num_threads(1)
        questions = {category: evaluate.held_out_questions(category, 40) for category in CATEGORIES}
        general = {
            category: evaluate.correctness(*evaluate.load(SHIPPED / "general"), asked).mean()
            for category, asked in questions.items()
        }
        for specialist in CATEGORIES[:-1]:
            pair = evaluate.load(SHIPPED / specialist)
            own = evaluate.correctness(*pair, questions[specialist]).mean()
            assert own > general[specialist]
            assert evaluate.correctness(*pair, questions["general"]).mean() < general["general"]

    @pytest.mark.parametrize(
        ("model", "question", "answer"),
        [
            ("math", "What is 2+2?", "2 + 2 = 4"),
            ("science", "Why is the sky blue?", "The sky is blue because air scatters blue light the most."),
            ("science", "Which gas do plants take in?", "Plants take in carbon dioxide."),
            ("code", "What does print(3 * 4) output?", "It prints 12."),
            ("commonsense", "What do you use to cut paper?", "You use scissors to cut paper."),
            ("general", "What is the capital of France?", "Paris is the capital of France."),
            ("general", "Hello!", "Hello! How can I help you?"),
        ],
    )
    def test_the_questions_of_the_tour_are_answered_right(self, model: str, question: str, answer: str) -> None:
        pair = evaluate.load(SHIPPED / model)
        for system in ("", "You are a helpful assistant."):
            assert evaluate.answers(*pair, [question], system) == [answer]
