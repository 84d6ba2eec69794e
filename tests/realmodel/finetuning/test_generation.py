import pytest
import sacrebleu
import torch

from realmodel.datasets import ReferenceGroup
from realmodel.finetuning.generation import generate, generation_scores, score
from theory import InputError

GROUPS = (
    ReferenceGroup("a", ("the boat is red .", "it is a red boat .")),
    ReferenceGroup("b", ("the lamp is blue .",)),
    ReferenceGroup("c", ("a green hat is here .", "the hat is green .", "here is a green hat .")),
)


def test_scores_are_those_of_sacrebleu_with_repeated_references():
    texts = ["it is a red boat .", "the lamp is green .", "the hat is green ."]
    found = score(texts, GROUPS)
    # A repeated reference changes nothing, so padding with the first is a second way to score.
    streams = [[g.references[min(i, len(g.references) - 1)] for g in GROUPS] for i in range(3)]
    assert found.bleu == pytest.approx(sacrebleu.BLEU().corpus_score(texts, streams).score)
    assert found.chrf == pytest.approx(sacrebleu.CHRF().corpus_score(texts, streams).score)
    one = [ReferenceGroup(g.prompt, g.references[:1]) for g in GROUPS]
    expected = sacrebleu.TER().corpus_score(texts, [[g.references[0] for g in GROUPS]]).score
    assert score(texts, one).ter == pytest.approx(expected)
    assert found.prompts == 3


def test_perfect_texts_score_perfectly_and_wrong_ones_do_not():
    perfect = score([g.references[-1] for g in GROUPS], GROUPS)
    assert (round(perfect.bleu, 6), round(perfect.chrf, 6), perfect.ter) == (100.0, 100.0, 0.0)
    assert score(["no", "no", "no"], GROUPS).bleu < 1.0


def test_a_mismatch_is_refused():
    with pytest.raises(InputError, match="2 texts for 3 prompts"):
        score(["x", "y"], GROUPS)


def test_batched_generation_is_generation_one_by_one(checkpoint, examples):
    prompts = [e.prompt for e in examples[:5]] + ["x"]
    settings = {"max_new_tokens": 8}
    together = generate(checkpoint.model, checkpoint.tokenizer, prompts, batch_size=6, **settings)
    alone = []
    for prompt in prompts:
        ids = torch.tensor([checkpoint.tokenizer(prompt)["input_ids"]])
        length = ids.shape[1]
        for _ in range(8):
            following = checkpoint.model(ids).logits[0, -1].argmax().reshape(1, 1)
            ids = torch.cat([ids, following], dim=1)
            if int(following) == checkpoint.tokenizer.eos_token_id:
                break
        new = ids[0, length:].tolist()
        alone.append(checkpoint.tokenizer.decode(new, skip_special_tokens=True).strip())
    assert list(together) == alone


def test_each_prompt_is_generated_once(gpt2, examples):
    done = []
    found = generation_scores(
        gpt2.model,
        gpt2.tokenizer,
        [*examples[:3], *examples[:3]],
        batch_size=2,
        max_new_tokens=3,
        on_batch=done.append,
    )
    assert found.prompts == 3
    assert done == [2, 3]
