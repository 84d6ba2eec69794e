"""The demo's byte-level BPE tokenizer, trained on the pretraining text alone."""

from collections.abc import Sequence

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

END_OF_TEXT = "<|endoftext|>"


def train_tokenizer(
    texts: Sequence[str], *, vocab_size: int, window: int
) -> PreTrainedTokenizerFast:
    """Byte-level BPE; any text can be encoded, whatever it was trained on.

    Parameters
    ----------
    texts : sequence of str
        Training text.
    vocab_size : int
        Tokens in all, the 256 bytes and the end of text included.
    window : int
        Longest sequence of the model.

    Returns
    -------
    PreTrainedTokenizerFast
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=END_OF_TEXT,
        eos_token=END_OF_TEXT,
        pad_token=END_OF_TEXT,
        model_max_length=window,
    )
