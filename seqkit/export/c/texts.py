"""A label, or a set of labels, of a text in C: its tokens, the encoder, pooling, and n-grams beside it.

K labels, T tokens.
"""

from __future__ import annotations

from seqkit.data.tokenizers import CharTokenizer, Tokenizer, WordTokenizer
from seqkit.data.vocab import Vocabulary
from seqkit.export.c.layers import SIGMOID, add_recurrent, add_run, rooms
from seqkit.export.c.pooling import add_pooling
from seqkit.export.c.products import add_vectors, linear
from seqkit.export.c.program import ARGMAX, SOFTMAX, begin, labels, refuse
from seqkit.export.c.source import Source
from seqkit.export.c.unicode import add_clusters, add_lower, add_normal, add_words
from seqkit.graphs import Answering
from seqkit.layers import Encoder
from seqkit.runs.model import Model
from seqkit.topologies.many_to_one.text_head import TextHead
from seqkit.topologies.many_to_one.texts import TextInputs

_CALLS = """
static $name_state state;               large: sizeof state; nothing in it is kept between calls
int label = $name_predict(&state, "a text in UTF-8", probabilities);

probabilities: $NAME_LABELS numbers, those of $name_labels. {returns}
A text is cut after $NAME_TOKENS {unit}, as in training, and after $NAME_CHARACTERS characters; define smaller numbers
where memory is short.
"""
_ONE = "Returns the number of the label."
_SET = "A label is predicted where its number\nreaches the one in $name_thresholds; returns how many are."


def write_texts(source: Source, model: Model, answering: Answering) -> None:
    """Adds ``$name_predict`` of a :class:`TextHead` for labels."""
    head, codec, several = model.head, model.codec, "thresholds" in answering.settings
    assert isinstance(head, TextHead) and isinstance(codec, TextInputs)
    if head.pairs:
        raise refuse(model, "it reads two texts")
    encoder = head.encoder
    calls = _CALLS.format(returns=_SET if several else _ONE, unit=codec.tokenizer.unit)
    begin(source, model, "Labels of a text" if several else "The label of a text", calls)
    names = tuple(head.labels)  # type: ignore[arg-type]
    labels(source, names)
    source.add(f"#ifndef $NAME_TOKENS\n#define $NAME_TOKENS {codec.max_tokens}\n#endif")
    source.add("#ifndef $NAME_CHARACTERS\n#define $NAME_CHARACTERS (16 * $NAME_TOKENS)\n#endif")
    grams = codec.ngrams if head.prior is not None else None
    _add_state(source, encoder, 0 if grams is None else len(grams.counts))
    add_tokenizer(source, model, codec.tokenizer)
    add_vocabulary(source, codec.vocabulary)
    source.part("read_text.c")
    vector = add_vectors(source, "embedding", encoder.embedding.weight)  # type: ignore[arg-type]
    add_recurrent(source, encoder.recurrent)
    add_run(source, "run", encoder.recurrent, "$name_state", vector("s->tokens[t]"))
    assert encoder.pooling is not None
    add_pooling(source, encoder.pooling, encoder.recurrent.output_size)
    if grams is not None:
        _add_ngrams(source, head, grams, codec.tokenizer)
    _add_predict(source, head, answering, grams is not None)


def _add_state(source: Source, encoder: Encoder, grams: int) -> None:
    seen = f"\n    unsigned char seen[{grams // 8 + 1}]; /* n-grams that the text has */" if grams else ""
    source.add(f"""
typedef struct {{
    int codes[$NAME_CHARACTERS + 2], word[$NAME_CHARACTERS + 2]; /* code points of the text, and of a word */
    int starts[$NAME_TOKENS], ends[$NAME_TOKENS], tokens[$NAME_TOKENS];
{rooms(encoder.recurrent, "$NAME_TOKENS")}{seen}
}} $name_state;

int $name_predict($name_state *s, const char *text, float *probabilities);""")


def add_tokenizer(source: Source, model: Model, tokenizer: Tokenizer) -> None:
    """Adds ``next_token``, ``append``, ``compose`` and ``to_lower``, as the tokenizer's options say."""
    source.part("text.c")
    add_normal(source, tokenizer.normal_form)
    if isinstance(tokenizer, WordTokenizer):
        add_words(source)
    elif isinstance(tokenizer, CharTokenizer):
        add_clusters(source)
        source.part("characters.c")
    else:
        raise refuse(model, f"C has no {tokenizer.name} tokenizer, only word and char")
    if getattr(tokenizer, "lowercase", False):
        add_lower(source)
    source.add(f"enum {{ LOWERCASE = {int(getattr(tokenizer, 'lowercase', False))} }};")
    if not getattr(tokenizer, "lowercase", False):
        add_lower(source)


def add_vocabulary(source: Source, vocabulary: Vocabulary, name: str = "words") -> None:
    """Adds the symbols of texts, sorted by their bytes, and their numbers."""
    first = len(vocabulary.specials)
    known = [(symbol, number) for number, symbol in enumerate(vocabulary.symbols[first:], first) if "\0" not in symbol]
    known.sort(key=lambda pair: pair[0].encode())
    longest = max((len(symbol.encode()) for symbol, _ in known), default=0)
    source.add(f"enum {{ LONGEST_{name.upper()} = {longest + 1}, UNKNOWN_{name.upper()} = {vocabulary.unk} }};")
    source.strings(name, (symbol for symbol, _ in known))
    source.integers(f"numbers_of_{name}", (number for _, number in known))


def _add_ngrams(source: Source, head: TextHead, grams: object, tokenizer: Tokenizer) -> None:
    from seqkit.data.inputs.ngrams import NgramCounts

    assert isinstance(grams, NgramCounts) and head.prior is not None
    keys = [("\x1f".join(gram), row) for gram, row in grams.numbers.items() if not any("\0" in part for part in gram)]
    keys.sort(key=lambda pair: pair[0].encode())
    longest = max((len(key.encode()) for key, _ in keys), default=0)
    source.add(f"enum {{ ORDER = {grams.order}, SPELLED = {grams.spelled}, LONGEST_NGRAM = {longest + 1} }};")
    source.strings("ngrams", (key for key, _ in keys))
    table = head.exported_ngrams()
    source.floats("evidence", table[[row for _, row in keys]])
    source.part("ngrams.c")


def _add_predict(source: Source, head: TextHead, answering: Answering, grams: bool) -> None:
    size = head.encoder.output_size
    output = linear(source, "output", head.exported_output())("pooled", "probabilities")
    prior = "\n    add_ngrams(s, count, probabilities);" if grams else ""
    if "thresholds" in answering.settings:
        source.add(SIGMOID)
        source.table("double", "$name_thresholds", map(repr, answering.settings["thresholds"]))
        ending = """    int chosen = 0;
    for (int k = 0; k < $NAME_LABELS; ++k) {
        probabilities[k] = sigmoid(probabilities[k]);
        chosen += probabilities[k] >= $name_thresholds[k];
    }
    return chosen;"""
    elif (threshold := answering.settings["threshold"]) is not None:
        source.add(SOFTMAX)
        ending = f"    softmax(probabilities, $NAME_LABELS);\n    return probabilities[1] >= {threshold!r};"
    else:
        source.add(SOFTMAX)
        source.add(ARGMAX)
        ending = "    softmax(probabilities, $NAME_LABELS);\n    return likeliest(probabilities, $NAME_LABELS);"
    source.add(f"""
int $name_predict($name_state *s, const char *text, float *probabilities)
{{
    float pooled[{size}];
    const int count = read_text(s, text);
    run(s, count);
    pool(s, count, pooled);
{output}{prior}
{ending}
}}""")
    source.add("#ifdef SEQKIT_MAIN")
    source.part("texts_sets_show.c" if "thresholds" in answering.settings else "texts_show.c")
    source.part("texts_main.c")
    source.add("#endif")
